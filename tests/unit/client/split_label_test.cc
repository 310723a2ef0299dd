// Labels over several services: who reads while which of them are away, lie, or have revoked.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "client/administered_label.h"
#include "client/device_admin.h"
#include "client/label_rotation.h"
#include "core/udf/udf.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using Next = TamperingTransport::Next;

class SplitLabelTest : public testing::Test {
 protected:
  SplitLabelTest() {
    for (TestUser* user : {&alice_, &bob_, &carol_}) KnowThird(*user);
    alice_.Trust(bob_);
    alice_.Trust(carol_);
    bob_.Trust(alice_);
    carol_.Trust(alice_);
  }
  void KnowThird(TestUser& user) {
    const auto directory = ConfigDirectory::Open(user.folder.path()).value();
    EXPECT_TRUE(SetService(directory, "example.org", org_.address()));
    before_.push_back(std::move(user.transport));
    user.transport = std::make_unique<TamperingTransport>(LoadConfig(directory).value());
    user.Reopen();
  }

  NewLabel Wanted(uint32_t threshold) const {
    NewLabel wanted{label_, {}};
    wanted.services = {{"example.com", ""}, {"example.net", ""}, {"example.org", ""}};
    wanted.threshold = threshold;
    return wanted;
  }
  void Create(uint32_t threshold, Curve curve = Curve::kX25519) {
    NewLabel wanted = Wanted(threshold);
    wanted.curve = curve;
    const auto created = alice_.admin().Create(wanted);
    ASSERT_TRUE(created) << created.error().message;
    const auto added = alice_.admin().AddMember(label_, bob_.account());
    ASSERT_TRUE(added) << added.error().message;
    EXPECT_TRUE(added->empty());
  }
  NewDocument Document() {
    auto document = alice_.client().MakeAccess()->Create(Expression(label_.text()), "report.odt");
    EXPECT_TRUE(document) << document.error().message;
    return std::move(*document);
  }
  // As a program that is started now.
  static Result<OpenedKeys> Opens(TestUser& user, const NewDocument& document,
                                  AccessFigures* figures = nullptr,
                                  std::vector<std::string>* warnings = nullptr) {
    user.Reopen();
    const auto access = user.client().MakeAccess();
    access->SetWarn([&](const std::string& what) {
      if (warnings != nullptr) warnings->push_back(what);
    });
    auto opened = access->Open(document.header.header, GrantUse::kOpen);
    if (figures != nullptr) *figures = access->Figures();
    return opened;
  }
  static void ExpectOpens(TestUser& user, const NewDocument& document, const std::string& when) {
    const auto opened = Opens(user, document);
    ASSERT_TRUE(opened) << when << ": " << opened.error().message;
    EXPECT_TRUE(opened->keys.keys[0].key.Equals(document.keys.keys[0].key)) << when;
  }
  static void ExpectFails(TestUser& user, const NewDocument& document, ErrorCode code,
                          const std::vector<std::string>& saying) {
    const auto opened = Opens(user, document);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    for (const std::string& text : saying) {
      EXPECT_NE(opened.error().message.find(text), std::string::npos) << opened.error().message;
    }
  }

  // Gives one service halves of bob's that do not go with the others'.
  enum class GivenHalf { kRight, kOther };
  void MakeLie(size_t service, GivenHalf half,
               const PrivateKey& master = PrivateKey::Generate(Curve::kEd25519)) {
    auto right = OpenAdministered(alice_.client(), label_);
    ASSERT_TRUE(right) << right.error().message;
    AdministeredLabel other = *right;
    other.secrets.master = master;  // other halves follow from it
    const auto bob = VerifyProfile(bob_.identity().profile).value();
    const EntriesWanted wanted{
        bob, {bob.devices, false}, MemberRights::kRead, right->profile.Keys()};
    const auto true_users = MakeUsers(*right, wanted, alice_.clock.NowSeconds());
    auto users = MakeUsers(other, wanted, alice_.clock.NowSeconds());
    ASSERT_TRUE(true_users && users);
    UserRecord& lie = (*users)[service];
    if (half == GivenHalf::kRight) {
      lie.entries[0].member_half = (*true_users)[service].entries[0].member_half;
    }
    const Status set = right->services[service].client->SetUser(lie);
    ASSERT_TRUE(set) << set.error().message;
  }
  std::vector<TestService*> Servers() { return {&services_.com, &services_.net, &org_}; }

  TestServices services_;
  TestService org_{"example.org", services_.folder / "org"};
  std::vector<std::unique_ptr<TamperingTransport>> before_;
  TestUser alice_{services_, "alice@example.com"};
  TestUser bob_{services_, "bob@example.net"};
  TestUser carol_{services_, "carol@example.net"};
  LabelName label_ = Label("Split#example.com");
};

TEST_F(SplitLabelTest, WhicheverServiceIsAwayReadersNoticeNothing) {
  for (const Curve curve : {Curve::kX25519, Curve::kP256}) {
    label_ = Label(curve == Curve::kP256 ? "Nist#example.com" : "Split#example.com");
    Create(2, curve);
    const NewDocument document = Document();
    EXPECT_EQ(document.header.header.services,
              (std::vector<std::string>{"example.com", "example.net", "example.org"}));
    ExpectOpens(bob_, document, "all there");
    for (TestService* away : Servers()) {
      away->Stop();
      ExpectOpens(bob_, document, "one away");
      // Who writes does not notice either.
      const auto author = bob_.client().MakeAccess()->AuthorFor(Expression(label_.text()));
      EXPECT_TRUE(author && *author) << author.error().message;
      away->Start();
    }
  }
}

TEST_F(SplitLabelTest, WithTooFewServicesNobodyReadsAndTheyAreNamed) {
  Create(2);
  const NewDocument document = Document();
  ExpectOpens(bob_, document, "all there");
  services_.net.Stop();
  org_.Stop();
  ExpectFails(bob_, document, ErrorCode::kUnavailable,
              {"1 of its 3 services granted, and 2 are needed", "example.net: ", "example.org: "});
  org_.Start();
  ExpectOpens(bob_, document, "two there");
}

TEST_F(SplitLabelTest, OfAllServicesNoneMayBeAway) {
  Create(3);
  const NewDocument document = Document();
  ExpectOpens(bob_, document, "all there");
  org_.Stop();
  ExpectFails(bob_, document, ErrorCode::kUnavailable, {"2 of its 3", "example.org: "});
}

TEST_F(SplitLabelTest, AServiceThatHangsKeepsNobodyWaiting) {
  Create(2);
  const NewDocument document = Document();
  ExpectOpens(bob_, document, "all there");
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  bob_.transport->SetTamper([ended](const HttpPost& post, const Next& next) {
    if (post.domain == "example.com") ended.wait();
    return next(post);
  });
  bob_.Reopen();
  const auto access = bob_.client().MakeAccess();
  const auto begun = std::chrono::steady_clock::now();
  const auto opened = access->Open(document.header.header, GrantUse::kOpen);
  EXPECT_TRUE(opened) << opened.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  end.set_value();
}

TEST_F(SplitLabelTest, AServiceThatGivesWrongResultsIsNamedAndReadersGoOn) {
  Create(2);
  const NewDocument document = Document();
  for (const GivenHalf half : {GivenHalf::kRight, GivenHalf::kOther}) {
    MakeLie(0, half);
    AccessFigures figures;
    std::vector<std::string> warnings;
    const auto opened = Opens(bob_, document, &figures, &warnings);
    ASSERT_TRUE(opened) << opened.error().message;
    ASSERT_EQ(figures.wrong.size(), 1u);
    EXPECT_EQ(figures.wrong[0].domain, "example.com");
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("example.com gave a wrong result"), std::string::npos);
  }
  // Adding the member again puts it right.
  ASSERT_TRUE(alice_.admin().AddMember(label_, bob_.account()));
  AccessFigures figures;
  EXPECT_TRUE(Opens(bob_, document, &figures));
  EXPECT_TRUE(figures.wrong.empty());
}

TEST_F(SplitLabelTest, WhereAllAreNeededAWrongResultIsNoticed) {
  Create(3);
  const NewDocument document = Document();
  MakeLie(1, GivenHalf::kRight);
  ExpectFails(bob_, document, ErrorCode::kCorrupt, {"a result is wrong"});
}

TEST_F(SplitLabelTest, TwoOfWhomOneLiesAndAThirdAwayAreNoticed) {
  Create(2);
  const NewDocument document = Document();
  ExpectOpens(bob_, document, "all there");
  MakeLie(0, GivenHalf::kRight);
  org_.Stop();
  ExpectFails(bob_, document, ErrorCode::kCorrupt, {"a result is wrong", "example.org: "});
}

TEST_F(SplitLabelTest, ARemovalHoldsOnceFewerThanTheThresholdAreLeftAndIsRepeatable) {
  Create(2);
  const NewDocument document = Document();
  ExpectOpens(bob_, document, "a member");
  services_.com.Stop();
  services_.net.Stop();
  const auto in_vain = alice_.admin().RemoveMember(label_, bob_.account());
  ASSERT_FALSE(in_vain);
  EXPECT_EQ(in_vain.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(in_vain.error().message.find("example.net ("), std::string::npos);
  services_.com.Start();
  services_.net.Start();
  ExpectOpens(bob_, document, "revoked at one of three");  // two others grant
  org_.Stop();
  const auto removed = alice_.admin().RemoveMember(label_, bob_.account());
  ASSERT_TRUE(removed) << removed.error().message;
  ASSERT_EQ(removed->left.size(), 1u);
  EXPECT_EQ(removed->left[0].domain, "example.org");
  org_.Start();
  ExpectFails(bob_, document, ErrorCode::kDenied, {"revoked"});
  ExpectOpens(alice_, document, "who stays");
  const auto again = alice_.admin().RemoveMember(label_, bob_.account());
  ASSERT_FALSE(again);  // all three have done it by now
  EXPECT_EQ(again.error().code, ErrorCode::kNotFound);
}

TEST_F(SplitLabelTest, AnAdditionThatWasInterruptedIsCompletedByTheSameCommand) {
  Create(2);
  const NewDocument document = Document();
  org_.Stop();
  const auto added = alice_.admin().AddMember(label_, carol_.account());
  ASSERT_TRUE(added) << added.error().message;
  ASSERT_EQ(added->size(), 1u);
  EXPECT_EQ(added->front().domain, "example.org");
  ExpectOpens(carol_, document, "at two of three");
  org_.Start();
  services_.net.Stop();
  EXPECT_FALSE(Opens(carol_, document));
  services_.net.Start();
  const auto again = alice_.admin().AddMember(label_, carol_.account());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->empty());
  for (TestService* away : Servers()) {
    away->Stop();
    ExpectOpens(carol_, document, "at all");
    away->Start();
  }
}

TEST_F(SplitLabelTest, AnAdditionAtFewerThanTheThresholdFails) {
  Create(2);
  services_.net.Stop();
  org_.Stop();
  const auto added = alice_.admin().AddMember(label_, bob_.account());
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kUnavailable);
}

TEST_F(SplitLabelTest, ACreationThatWasInterruptedAnywhereIsCompletedByTheSameCommand) {
  for (int nth = 0;; ++nth) {
    label_ = Label("Split" + std::to_string(nth) + "#example.com");
    auto count = std::make_shared<std::atomic<int>>(0);
    alice_.transport->SetTamper(
        [count, nth](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
          if ((*count)++ < nth) return next(post);
          return Fail(ErrorCode::kUnavailable, "gone");
        });
    const auto first = alice_.admin().Create(Wanted(2));
    alice_.transport->BeHonest();
    if (first) {
      EXPECT_GT(nth, 5);
      break;
    }
    const auto again = alice_.admin().Create(Wanted(2));
    ASSERT_TRUE(again || again.error().code == ErrorCode::kExists)
        << nth << ": " << again.error().message;
    ExpectOpens(alice_, Document(), "interrupted at " + std::to_string(nth));
  }
}

TEST_F(SplitLabelTest, WhoCreatesNamesServicesThatAreThereAndAThresholdThatCanBe) {
  const auto refused = [&](const NewLabel& wanted, ErrorCode code) {
    const auto created = alice_.admin().Create(wanted);
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, code) << created.error().message;
  };
  refused(Wanted(4), ErrorCode::kInvalid);
  NewLabel wanted = Wanted(2);
  wanted.services[0].domain = "example.info";  // not where the label is looked for
  refused(wanted, ErrorCode::kInvalid);
  wanted = Wanted(2);
  wanted.services[2].domain = "example.net";  // twice
  refused(wanted, ErrorCode::kInvalid);
  wanted = Wanted(2);
  wanted.services[1].udf = services_.com.udf();  // another service's fingerprint
  refused(wanted, ErrorCode::kDenied);
  wanted = Wanted(2);
  wanted.policy.review.all_documents = true;
  refused(wanted, ErrorCode::kForbidden);
  org_.Stop();
  refused(Wanted(2), ErrorCode::kUnavailable);
}

TEST_F(SplitLabelTest, ANewKeyIsGivenAtAllServicesOrNotAtAll) {
  Create(2);
  const NewDocument old = Document();
  org_.Stop();
  const auto away = RotateLabel(alice_.client(), label_, {});
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(alice_.admin().Show(label_)->epoch, 1u);
  org_.Start();
  const auto rotated = RotateLabel(alice_.client(), label_, {});
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_TRUE(rotated->left_out.empty());
  EXPECT_EQ(rotated->members.size(), 2u);
  const NewDocument fresh = Document();
  ExpectOpens(bob_, fresh, "all there");
  EXPECT_EQ(fresh.header.header.jwe.recipients[0].kids[0], KeyUdf(rotated->profile.key));
  for (TestService* server : Servers()) {
    server->Stop();
    ExpectOpens(bob_, old, "the old one");
    ExpectOpens(bob_, fresh, "the new one");
    server->Start();
  }
}

TEST_F(SplitLabelTest, AServiceThatMissedAChangeIsBroughtUpByTheNext) {
  Create(2);
  org_.Stop();
  LabelPolicy policy;
  policy.lease_seconds = 60;
  ASSERT_TRUE(alice_.admin().SetPolicy(label_, policy));
  org_.Start();
  const auto version_at_org = [&] {
    const auto jws =
        alice_.client().services().At("example.org")->GetStatic("KeySet", label_.text());
    return VerifyLabelProfile(jws.value())->version.version;
  };
  EXPECT_EQ(version_at_org(), 1u);
  // A reader takes the newest that the others have.
  EXPECT_EQ(bob_.client()
                .profiles()
                .Label(label_, ProfileUse::kRead, Freshness::kFetch)
                .value()
                ->version.version,
            2u);
  const auto added = alice_.admin().AddMember(label_, carol_.account());
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(version_at_org(), 2u);
}

TEST_F(SplitLabelTest, TheLabelsOwnServiceDecidesAboutChanges) {
  Create(2);
  services_.com.Stop();
  const auto changed = alice_.admin().SetPolicy(label_, {});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::kUnavailable);
}

TEST_F(SplitLabelTest, AServiceTakesHalvesOfItsOwnQuorumsOfThisSecretAlone) {
  Create(2);
  auto right = OpenAdministered(alice_.client(), label_);
  ASSERT_TRUE(right) << right.error().message;
  const auto bob = VerifyProfile(bob_.identity().profile).value();
  const EntriesWanted wanted{bob, {bob.devices, false}, MemberRights::kRead, right->profile.Keys()};
  const auto refused = [&](const AdministeredLabel& label, size_t of, size_t at) {
    auto users = MakeUsers(label, wanted, alice_.clock.NowSeconds());
    ASSERT_TRUE(users);
    const Status set = right->services[at].client->SetUser((*users)[of]);
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, ErrorCode::kInvalid);
    EXPECT_NE(set.error().message.find("ServiceHalf"), std::string::npos) << set.error().message;
  };
  refused(*right, 0, 1);  // sealed to another service
  AdministeredLabel other = *right;
  other.profile.threshold = 3;
  refused(other, 1, 1);
  other.profile.threshold = 1;
  refused(other, 1, 1);
  // A half of another label's secret, sealed as if it were this one's in all but what it says.
  ASSERT_TRUE(alice_.admin().Create({Label("Other#example.com"), {}}));
  other = *right;
  other.secrets.label = Label("Other#example.com");
  refused(other, 1, 1);
}

TEST_F(SplitLabelTest, AMemberHalfThatWasKeptFromAnEntryRenewedSinceIsAskedForAgain) {
  Create(3);
  const NewDocument first = Document(), second = Document();
  const auto access = bob_.client().MakeAccess();
  ASSERT_TRUE(access->Open(first.header.header, GrantUse::kOpen));
  const PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
  for (size_t service = 0; service < 3; ++service) MakeLie(service, GivenHalf::kOther, master);
  const auto opened = access->Open(second.header.header, GrantUse::kOpen);
  ASSERT_TRUE(opened) << opened.error().message;
}

TEST_F(SplitLabelTest, AReviewWouldBeOneOfEachServiceAndIsRefused) {
  Create(2);
  LabelPolicy policy;
  policy.review.all_documents = true;
  policy.review.supervisors = {{alice_.account(), alice_.identity().Udf()}};
  EXPECT_EQ(alice_.admin().SetPolicy(label_, policy).error().code, ErrorCode::kForbidden);
}

// Where a device is taken out that is lost, or that travels.
TEST_F(SplitLabelTest, ServicesOfTheOwnLabelsAreKnownThoughNoSettingNamesThem) {
  Create(2);
  const auto directory = ConfigDirectory::Open(alice_.folder.path()).value();
  std::filesystem::remove(directory.ConfigFile());
  alice_.Reopen();
  const auto label = alice_.admin().Show(label_);
  ASSERT_TRUE(label) << label.error().message;
  const auto texts = [](const std::vector<LabelProfile::Service>& services) {
    std::vector<std::string> all;
    for (const auto& [domain, udf] : services) all.push_back(domain + " " + udf);
    return all;
  };
  EXPECT_EQ(label->services.size(), 3u);
  EXPECT_EQ(texts(KnownServices(alice_.client())), texts(label->services));
}

TEST_F(SplitLabelTest, EachServiceHasItsOwnLog) {
  Create(2);
  ExpectOpens(bob_, Document(), "all there");
  size_t grants = 0;
  for (const char* domain : {"example.com", "example.net", "example.org"}) {
    AuditFilter filter;
    filter.event = "grant";
    const auto page = alice_.admin().Audit(label_, domain, filter);
    ASSERT_TRUE(page) << page.error().message;
    grants += page->items.size();
  }
  EXPECT_GE(grants, 2u);  // of two, and of the third when they took long
  EXPECT_EQ(alice_.admin().Audit(label_, "example.info", {}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace recrypt
