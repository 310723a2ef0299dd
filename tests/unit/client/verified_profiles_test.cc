#include "client/verified_profiles.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "client/object_life.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using Next = TamperingTransport::Next;

class Answering : public TrustPrompt {
 public:
  explicit Answering(bool answer) : answer_(answer) {}
  bool Accept(const TrustQuestion& question) override {
    asked.push_back(question);
    return answer_;
  }
  std::vector<TrustQuestion> asked;

 private:
  bool answer_;
};

// Puts `value` in place of a public object with this type and identifier.
TamperingTransport::Tamper Serving(const std::string& type, const std::string& identifier,
                                   const Json& value) {
  return [=](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
    const Json body = ParseJson(post.body).value();
    const Json* get = FindMember(body, "Get");
    if (!get || !get->contains("Static") || (*get)["Static"][0]["Type"] != type ||
        (*get)["Static"][0]["Identifier"] != identifier) {
      return next(post);
    }
    const Json answer = {
        {"GetResponse",
         {{"Status", 201},
          {"Static",
           {{{"Type", type}, {"Identifier", identifier}, {"Status", 201}, {"Value", value}}}}}}};
    return HttpAnswer{201, DumpJson(answer), "", 0, ""};
  };
}

class VerifiedProfilesTest : public testing::Test {
 protected:
  Json Published(const std::string& type, const std::string& name) {
    return world_.alice.client().services().At("example.com")->GetStatic(type, name).value();
  }
  Result<std::shared_ptr<const LabelProfile>> BobsView(ProfileUse use = ProfileUse::kRead) {
    return world_.bob.client().profiles().Label(world_.label, use, Freshness::kFetch);
  }

  World world_;
};

TEST_F(VerifiedProfilesTest, ALabelIsBelievedThroughItsPinnedOwner) {
  auto label = BobsView();
  ASSERT_TRUE(label) << label.error().message;
  EXPECT_EQ((*label)->owner.udf, world_.alice.identity().Udf());
  const auto pin =
      world_.bob.client().trust().FindPin(TrustSubject::kLabel, world_.label.text()).value();
  ASSERT_TRUE(pin);
  EXPECT_EQ(pin->udf, (*label)->Udf());
}

TEST_F(VerifiedProfilesTest, AnUnknownLabelIsNotFound) {
  auto label =
      world_.bob.client().profiles().Label(Label("Nothing#example.com"), ProfileUse::kRead);
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::kNotFound);
  EXPECT_NE(label.error().message.find("Nothing#example.com"), std::string::npos);
}

TEST_F(VerifiedProfilesTest, ALabelOfAnUnpinnedOwnerIsRefusedAndSaysWhatToRun) {
  TestUser dave(world_.services, "dave@example.net");
  auto label = dave.client().profiles().Label(world_.label, ProfileUse::kRead);
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::kDenied);
  EXPECT_NE(label.error().message.find("recryptfs profile trust alice@example.com " +
                                       world_.alice.identity().Udf()),
            std::string::npos)
      << label.error().message;
}

TEST_F(VerifiedProfilesTest, AtThePromptAPersonDecides) {
  TestUser dave(world_.services, "dave@example.net");
  Answering no(false);
  EXPECT_FALSE(dave.OpenAnother(&no)->profiles().Label(world_.label, ProfileUse::kRead));
  ASSERT_EQ(no.asked.size(), 1u);
  EXPECT_EQ(no.asked[0].name, "alice@example.com");
  EXPECT_EQ(no.asked[0].udf, world_.alice.identity().Udf());
  Answering yes(true);
  EXPECT_TRUE(dave.OpenAnother(&yes)->profiles().Label(world_.label, ProfileUse::kRead));
  EXPECT_TRUE(dave.client().profiles().Label(world_.label, ProfileUse::kRead))
      << "the answer was not kept";
}

TEST_F(VerifiedProfilesTest, AnAccountWithAnotherFingerprintIsRefusedAndBothAreNamed) {
  const std::string right = world_.carol.identity().Udf();
  TestUser dave(world_.services, "dave@example.net");
  const std::string wrong = world_.alice.identity().Udf();
  ASSERT_TRUE(TrustAccount(dave.client(), world_.carol.account(), wrong, PinChange::kRefuse));
  auto profile = dave.client().profiles().Account(world_.carol.account(), ProfileUse::kRead);
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, ErrorCode::kDenied);
  EXPECT_NE(profile.error().message.find(right), std::string::npos) << profile.error().message;
  EXPECT_NE(profile.error().message.find(wrong), std::string::npos) << profile.error().message;
}

TEST_F(VerifiedProfilesTest, AReplacedLabelKeyIsRefusedAndBothAreNamed) {
  const std::string before = (*BobsView())->Udf();
  const PrivateKey other = PrivateKey::Generate(Curve::kEd25519);
  LabelProfile forged = **BobsView();
  forged.master = other.public_key();
  forged.version.version += 1;
  world_.bob.transport->SetTamper(
      Serving("KeySet", world_.label.text(), SignLabelProfile(forged, other)));
  auto label = BobsView();
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::kDenied);
  EXPECT_NE(label.error().message.find(before), std::string::npos) << label.error().message;
  EXPECT_NE(label.error().message.find(forged.Udf()), std::string::npos) << label.error().message;
}

TEST_F(VerifiedProfilesTest, AForgedLabelIsRefusedAtFirstSightToo) {
  const PrivateKey other = PrivateKey::Generate(Curve::kEd25519);
  LabelProfile forged = VerifyLabelProfile(Published("KeySet", world_.label.text())).value();
  const std::string right = forged.Udf();
  forged.master = other.public_key();
  world_.carol.transport->SetTamper(
      Serving("KeySet", world_.label.text(), SignLabelProfile(forged, other)));
  auto label = world_.carol.client().profiles().Label(world_.label, ProfileUse::kRead);
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::kDenied);
  EXPECT_NE(label.error().message.find(right), std::string::npos) << label.error().message;
  EXPECT_NE(label.error().message.find(forged.Udf()), std::string::npos);
}

TEST_F(VerifiedProfilesTest, ALabelOwnedByAnAccountOfAnotherDomainIsRefused) {
  // bob is pinned, and lists a label of example.com that its service pretends to have.
  const PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
  LabelProfile forged = VerifyLabelProfile(Published("KeySet", world_.label.text())).value();
  forged.label = Label("Payroll#example.com");
  forged.master = master.public_key();
  forged.owner = {world_.bob.account(), world_.bob.identity().Udf()};
  ASSERT_TRUE(UpdateOwnedLabels(world_.bob.client(), {{forged.label, forged.Udf()}}));
  world_.carol.Trust(world_.bob);
  world_.carol.transport->SetTamper(
      Serving("KeySet", "Payroll#example.com", SignLabelProfile(forged, master)));
  auto label = world_.carol.client().profiles().Label(forged.label, ProfileUse::kRead);
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::kDenied);
}

TEST_F(VerifiedProfilesTest, AnOlderVersionOfALabelIsRefused) {
  const Json old_jws = Published("KeySet", world_.label.text());
  LabelProfile newer = VerifyLabelProfile(old_jws).value();
  newer.version.version += 1;
  // bob has seen version 2.
  ASSERT_TRUE(BobsView());
  ASSERT_TRUE(world_.bob.client().trust().Remember(TrustSubject::kLabel, world_.label.text(), 2,
                                                   {{"payload", "newer"}}));
  auto label = BobsView();
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::kStale);
  EXPECT_NE(label.error().message.find("older than version 2"), std::string::npos);
}

TEST_F(VerifiedProfilesTest, AnOlderVersionOfAnAccountIsRefused) {
  const Json old_jws = Published("Profile", "alice@example.com");
  ASSERT_TRUE(world_.alice.admin().Create({Label("Second#example.com"), {}}));
  auto& profiles = world_.bob.client().profiles();
  ASSERT_TRUE(profiles.Account(world_.alice.account(), ProfileUse::kRead, Freshness::kFetch));
  world_.bob.transport->SetTamper(Serving("Profile", "alice@example.com", old_jws));
  auto profile = profiles.Account(world_.alice.account(), ProfileUse::kRead, Freshness::kFetch);
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, ErrorCode::kStale);
}

TEST_F(VerifiedProfilesTest, AnotherObjectThanAskedForIsRefused) {
  ASSERT_TRUE(world_.alice.admin().Create({Label("Second#example.com"), {}}));
  world_.bob.transport->SetTamper(
      Serving("KeySet", world_.label.text(), Published("KeySet", "Second#example.com")));
  auto label = BobsView();
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::kDenied);
}

TEST_F(VerifiedProfilesTest, TheLastOneSeenServesWhileTheServiceIsAwayAlsoInANewProcess) {
  ASSERT_TRUE(BobsView());
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  EXPECT_TRUE(world_.bob.OpenAnother()->profiles().Label(world_.label, ProfileUse::kWrite));
  EXPECT_FALSE(
      world_.bob.OpenAnother()->profiles().Label(Label("Second#example.com"), ProfileUse::kWrite));
}

TEST_F(VerifiedProfilesTest, AnExpiredOneServesForReadingOnly) {
  ASSERT_TRUE(BobsView());
  world_.bob.clock.Advance((kProfileLifeSeconds + kDaySeconds) * 1000);
  EXPECT_TRUE(BobsView(ProfileUse::kRead));
  auto label = BobsView(ProfileUse::kWrite);
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::kStale);
  EXPECT_NE(label.error().message.find("expired"), std::string::npos);
}

TEST_F(VerifiedProfilesTest, IsAskedForOnceAMinute) {
  auto& profiles = world_.bob.client().profiles();
  ASSERT_TRUE(profiles.Label(world_.label, ProfileUse::kRead));
  const int before = world_.bob.transport->Count("KeySet");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(profiles.Label(world_.label, ProfileUse::kWrite));
  EXPECT_EQ(world_.bob.transport->Count("KeySet"), before);
  world_.bob.clock.Advance(61'000);
  ASSERT_TRUE(profiles.Label(world_.label, ProfileUse::kRead));
  EXPECT_EQ(world_.bob.transport->Count("KeySet"), before + 1);
}

TEST_F(VerifiedProfilesTest, TheLastOneServesWhileAnAnswerTakesLong) {
  auto& profiles = world_.bob.client().profiles();
  ASSERT_TRUE(profiles.Label(world_.label, ProfileUse::kWrite));
  const int before = world_.bob.transport->Count("KeySet");
  std::promise<void> answer;
  world_.bob.transport->Hold("KeySet", answer.get_future().share());
  world_.bob.clock.Advance(61'000);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(profiles.Label(world_.label, ProfileUse::kWrite));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(world_.bob.transport->Count("KeySet"), before + 1);
  // Once it has come, the next one is asked for in its time.
  answer.set_value();
  for (int i = 0; i < 500 && world_.bob.transport->Count("KeySet") == before + 1; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    world_.bob.clock.Advance(61'000);
    ASSERT_TRUE(profiles.Label(world_.label, ProfileUse::kWrite));
  }
  EXPECT_EQ(world_.bob.transport->Count("KeySet"), before + 2);
}

TEST_F(VerifiedProfilesTest, AServiceThatIsAwayIsNotAskedAgainAtOnce) {
  auto& profiles = world_.bob.client().profiles();
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  const int before = world_.bob.transport->Count("Second");
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(profiles.Label(Label("Second#example.com"), ProfileUse::kRead));
  }
  EXPECT_EQ(world_.bob.transport->Count("Second"), before + 1);
}

}  // namespace
}  // namespace recrypt
