#include "client/access.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "core/jcd/stream.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using Next = TamperingTransport::Next;

class AccessTest : public testing::Test {
 protected:
  NewDocument Created(Access& access, const std::string& expression) {
    auto document = access.Create(Expression(expression), "report.odt");
    EXPECT_TRUE(document) << document.error().message;
    return std::move(*document);
  }
  static void ExpectSameKeys(const Result<OpenedKeys>& opened, const NewDocument& document) {
    ASSERT_TRUE(opened) << opened.error().message;
    ASSERT_EQ(opened->keys.keys.size(), 1u);
    EXPECT_TRUE(opened->keys.keys[0].key.Equals(document.keys.keys[0].key));
    EXPECT_EQ(opened->keys.uid, document.keys.uid);
    EXPECT_EQ(opened->keys.header_digest, document.header.header.digest);
  }
  static void ExpectError(const Result<OpenedKeys>& opened, ErrorCode code,
                          const std::string& text) {
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    EXPECT_NE(opened.error().message.find(text), std::string::npos) << opened.error().message;
  }
  int Grants(TestUser& user) { return user.transport->Count("ResourceSet"); }

  World world_;
  std::unique_ptr<Access> alice_ = world_.alice.client().MakeAccess();
  std::unique_ptr<Access> bob_ = world_.bob.client().MakeAccess();
  std::unique_ptr<Access> carol_ = world_.carol.client().MakeAccess();
};

TEST_F(AccessTest, AMemberOpensWhatAnotherCreated) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  EXPECT_EQ(document.header.header.services, std::vector<std::string>{"example.com"});
  auto opened = bob_->Open(document.header.header, GrantUse::kOpen);
  ExpectSameKeys(opened, document);
  EXPECT_EQ(opened->name, "report.odt");
  ASSERT_EQ(opened->trust.size(), 1u);
  EXPECT_FALSE(opened->trust.at(world_.label).anyone_may_write);
}

TEST_F(AccessTest, TheSecondOpenAsksNobody) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
  EXPECT_EQ(Grants(world_.bob), 1);
}

TEST_F(AccessTest, OnlyTheFirstOpenWithAGrantIsItsFirstUse) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  const auto first_use = [&] {
    return bob_->Open(document.header.header, GrantUse::kOpen).value().first_use;
  };
  EXPECT_TRUE(first_use());
  EXPECT_FALSE(first_use());
  EXPECT_FALSE(first_use());
  bob_->Lock();  // as when the lease has ended
  EXPECT_TRUE(first_use());
  EXPECT_FALSE(first_use());
}

TEST_F(AccessTest, AGrantFetchedAheadIsFirstUsedByTheFirstOpen) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  const Header* header = &document.header.header;
  for (int i = 0; i < 2; ++i) {
    auto ahead = bob_->OpenMany({&header, 1}, GrantUse::kPrefetch);
    ASSERT_TRUE(ahead.at(0)) << ahead[0].error().message;
    EXPECT_FALSE(ahead[0]->first_use);
  }
  EXPECT_TRUE(bob_->Open(*header, GrantUse::kOpen).value().first_use);
  EXPECT_FALSE(bob_->Open(*header, GrantUse::kOpen).value().first_use);
  EXPECT_EQ(Grants(world_.bob), 1);
  // What is fetched ahead when it is in use already does not make it unused.
  ASSERT_TRUE(bob_->OpenMany({&header, 1}, GrantUse::kPrefetch).at(0));
  EXPECT_FALSE(bob_->Open(*header, GrantUse::kOpen).value().first_use);
}

TEST_F(AccessTest, ADocumentCreatedHereIsNotUsedForTheFirstTime) {
  const NewDocument first = Created(*bob_, "Accounting#example.com");
  ASSERT_TRUE(bob_->Open(first.header.header, GrantUse::kOpen));  // a lease on the label
  const NewDocument second = Created(*bob_, "Accounting#example.com");
  ASSERT_NE(bob_->CreatorsLease(second.keys.expression), 0);
  bob_->KeepCreated(second.header.header, second.keys);
  EXPECT_FALSE(bob_->Open(second.header.header, GrantUse::kOpen).value().first_use);
  EXPECT_EQ(Grants(world_.bob), 1);
}

TEST_F(AccessTest, AfterTheLeaseAnotherGrantIsNeeded) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  auto opened = bob_->Open(document.header.header, GrantUse::kOpen);
  ExpectSameKeys(opened, document);
  const int64_t left = opened->lease_end_ms - world_.bob.clock.MonotonicMillis();
  EXPECT_GT(left, 890'000);
  EXPECT_LE(left, 900'000);
  world_.bob.clock.Advance(901'000);
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  ExpectError(bob_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kUnavailable, "gone");
}

TEST_F(AccessTest, WhoIsNoMemberIsDeniedAndToldWhy) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  ExpectError(carol_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kDenied,
              "Accounting#example.com");
}

TEST_F(AccessTest, ALeaseIsNoLongerThanThePolicyThatIsKnown) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  LabelPolicy policy;
  policy.lease_seconds = 60;
  ASSERT_TRUE(world_.alice.admin().SetPolicy(world_.label, policy));
  VerifiedProfiles& known = world_.bob.client().profiles();
  ASSERT_TRUE(known.Label(world_.label, ProfileUse::kRead, Freshness::kFetch));
  policy.lease_seconds = 3600;  // the service grants by it
  ASSERT_TRUE(world_.alice.admin().SetPolicy(world_.label, policy));
  const auto opened = bob_->Open(document.header.header, GrantUse::kOpen);
  ExpectSameKeys(opened, document);
  EXPECT_LE(opened->lease_end_ms - world_.bob.clock.MonotonicMillis(), 60'000);
}

TEST_F(AccessTest, NothingIsOpenedOutsideOfTheHoursThatAreKnown) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  const int64_t day = world_.bob.clock.NowSeconds() / 86400 + 4;
  LabelPolicy policy;
  policy.hours =
      OpeningHours{"UTC", TimeZone::Parse("UTC0").value(), {{1u << (day + 3) % 7, 0, 1}}};
  ASSERT_TRUE(world_.alice.admin().SetPolicy(world_.label, policy));
  VerifiedProfiles& known = world_.bob.client().profiles();
  ASSERT_TRUE(known.Label(world_.label, ProfileUse::kRead, Freshness::kFetch));
  policy.hours.reset();  // the service grants at any time
  ASSERT_TRUE(world_.alice.admin().SetPolicy(world_.label, policy));
  ExpectError(bob_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kForbidden, "hours");
  EXPECT_EQ(Grants(world_.bob), 1);
}

TEST_F(AccessTest, ARemovedMemberIsDeniedAfterTheLease) {
  ASSERT_TRUE(world_.alice.admin().AddMember(world_.label, world_.carol.account()));
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  ExpectSameKeys(carol_->Open(document.header.header, GrantUse::kOpen), document);
  auto until = world_.alice.admin().RemoveMember(world_.label, world_.carol.account());
  ASSERT_TRUE(until) << until.error().message;
  const int64_t left = until->until - world_.alice.clock.NowSeconds();
  EXPECT_GE(left, 890);
  EXPECT_LE(left, 901);
  ExpectSameKeys(carol_->Open(document.header.header, GrantUse::kOpen), document);
  // As when the lease has ended; the service does not share this test's clock.
  carol_->Lock();
  ExpectError(carol_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kDenied, "revoked");
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
}

TEST_F(AccessTest, AMemberWhoIsAddedAgainReadsOn) {
  const NewDocument first = Created(*alice_, "Accounting#example.com");
  const NewDocument second = Created(*alice_, "Accounting#example.com");
  ExpectSameKeys(bob_->Open(first.header.header, GrantUse::kOpen), first);
  ASSERT_TRUE(world_.alice.admin().RemoveMember(world_.label, world_.bob.account()));
  ASSERT_TRUE(world_.alice.admin().AddMember(world_.label, world_.bob.account()));
  ExpectSameKeys(bob_->Open(second.header.header, GrantUse::kOpen), second);
}

TEST_F(AccessTest, LockForgetsEverything) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
  bob_->Lock();
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  ExpectError(bob_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kUnavailable, "gone");
}

TEST_F(AccessTest, ManyAreAskedForInOneRequestAndAnsweredInOrder) {
  std::vector<NewDocument> documents;
  std::vector<const Header*> headers;
  for (int i = 0; i < 300; ++i) documents.push_back(Created(*alice_, "Accounting#example.com"));
  for (const NewDocument& document : documents) headers.push_back(&document.header.header);
  auto opened = bob_->OpenMany(headers, GrantUse::kPrefetch);
  ASSERT_EQ(opened.size(), documents.size());
  for (size_t i = 0; i < opened.size(); ++i) ExpectSameKeys(opened[i], documents[i]);
  // 256 in a request at most.
  EXPECT_EQ(Grants(world_.bob), 2);
}

TEST_F(AccessTest, RequestsForTheSameDocumentAtTheSameTimeAreOne) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  world_.bob.transport->SetTamper([](const HttpPost& post, const Next& next) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return next(post);
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back(
        [&] { ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Grants(world_.bob), 1);
}

TEST_F(AccessTest, AFailureIsToldToAllWhoWaitAndNotKept) {
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  ASSERT_TRUE(bob_->Trust(Expression("Accounting#example.com")));
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  ExpectError(bob_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kUnavailable, "gone");
  world_.bob.transport->BeHonest();
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
}

TEST_F(AccessTest, AConjunctionNeedsGrantsOfAllItsLabels) {
  const LabelName legal = Label("Legal#example.com");
  ASSERT_TRUE(world_.alice.admin().Create({legal, {}}));
  const NewDocument document = Created(*alice_, "Accounting#example.com + Legal#example.com");
  ExpectSameKeys(alice_->Open(document.header.header, GrantUse::kOpen), document);
  ExpectError(bob_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kDenied,
              "Legal#example.com");
  ASSERT_TRUE(world_.alice.admin().AddMember(legal, world_.bob.account()));
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
}

TEST_F(AccessTest, AnAlternativeIsOpenedByWhichGrantsCome) {
  ASSERT_TRUE(world_.alice.admin().Create({Label("Audit#example.com"), {}}));
  const NewDocument document = Created(*alice_, "Audit#example.com | Accounting#example.com");
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
  ExpectError(carol_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kDenied, "");
}

TEST_F(AccessTest, LabelsOfTwoServicesAndTwoCurvesOpenTogether) {
  ASSERT_TRUE(world_.bob.admin().Create({Label("Board#example.net"), {}, Curve::kP256}));
  ASSERT_TRUE(world_.bob.admin().AddMember(Label("Board#example.net"), world_.alice.account()));
  const NewDocument document = Created(*bob_, "Accounting#example.com + Board#example.net");
  EXPECT_EQ(document.header.header.services,
            (std::vector<std::string>{"example.com", "example.net"}));
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
  ExpectSameKeys(alice_->Open(document.header.header, GrantUse::kOpen), document);
}

TEST_F(AccessTest, TheServicesOfAConjunctionAreAskedAtTheSameTime) {
  ASSERT_TRUE(world_.bob.admin().Create({Label("Board#example.net"), {}}));
  const NewDocument document = Created(*bob_, "Accounting#example.com + Board#example.net");
  // Each is answered when both have been asked.
  std::atomic<int> asked = 0;
  std::promise<void> both;
  const std::shared_future<void> ready = both.get_future().share();
  world_.bob.transport->SetTamper([&](const HttpPost& post, const Next& next) {
    if (post.body.find("ResourceSet") == std::string::npos) return next(post);
    if (++asked == 2) both.set_value();
    EXPECT_EQ(ready.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    return next(post);
  });
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
}

TEST_F(AccessTest, EveryLabelThatIsMissingIsNamed) {
  ASSERT_TRUE(world_.bob.admin().Create({Label("Board#example.net"), {}}));
  ASSERT_TRUE(world_.alice.admin().Create({Label("Legal#example.com"), {}}));
  const NewDocument document =
      Created(*bob_, "Accounting#example.com + Board#example.net | Legal#example.com");
  for (const char* missing : {"Accounting#example.com: ", "Board#example.net: ", "or, Legal#"}) {
    ExpectError(carol_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kDenied, missing);
  }
  world_.services.com.Stop();
  ExpectError(bob_->Open(document.header.header, GrantUse::kOpen), ErrorCode::kUnavailable,
              "Accounting#example.com: ");
}

TEST_F(AccessTest, AnUnknownLabelCreatesNothing) {
  auto document = bob_->Create(Expression("Nothing#example.com"), "x");
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, ErrorCode::kDenied);
  EXPECT_NE(document.error().message.find("there is no label Nothing#example.com"),
            std::string::npos);
}

TEST_F(AccessTest, CreatingNeedsNoServiceOnceTheLabelWasSeen) {
  ASSERT_TRUE(bob_->Create(Expression("Accounting#example.com"), "x"));
  ASSERT_TRUE(bob_->AuthorFor(Expression("Accounting#example.com")));
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  const auto client = world_.bob.OpenAnother();
  const auto access = client->MakeAccess();
  EXPECT_TRUE(access->Create(Expression("Accounting#example.com"), "x"));
  auto author = access->AuthorFor(Expression("Accounting#example.com"));
  ASSERT_TRUE(author) << author.error().message;
  EXPECT_TRUE(*author);
}

TEST_F(AccessTest, ACredentialServesWhileAskingForItAgainTakesLong) {
  ASSERT_TRUE(*bob_->AuthorFor(Expression("Accounting#example.com")));
  std::promise<void> answer;
  world_.bob.transport->Hold("Entry", answer.get_future().share());
  const int before = world_.bob.transport->Count("Entry");
  world_.bob.clock.Advance(601'000);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    auto author = bob_->AuthorFor(Expression("Accounting#example.com"));
    ASSERT_TRUE(author && *author);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  EXPECT_EQ(world_.bob.transport->Count("Entry"), before + 1);
  answer.set_value();
}

TEST_F(AccessTest, AnAuthorNeedsACredentialWhereTheLabelSaysSo) {
  auto author = bob_->AuthorFor(Expression("Accounting#example.com"));
  ASSERT_TRUE(author) << author.error().message;
  ASSERT_TRUE(*author);
  auto none = carol_->AuthorFor(Expression("Accounting#example.com"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kDenied);
  ASSERT_TRUE(world_.alice.admin().Create({Label("Box#example.com"), {60, Writers::kAnyone}}));
  auto anyone = carol_->AuthorFor(Expression("Box#example.com"));
  ASSERT_TRUE(anyone) << anyone.error().message;
  EXPECT_FALSE(*anyone);
  EXPECT_TRUE(
      carol_->Trust(Expression("Box#example.com"))->at(Label("Box#example.com")).anyone_may_write);
}

TEST_F(AccessTest, AReaderWithoutTheRightToWriteGetsNoCredential) {
  ASSERT_TRUE(
      world_.alice.admin().AddMember(world_.label, world_.carol.account(), MemberRights::kRead));
  const NewDocument document = Created(*alice_, "Accounting#example.com");
  ExpectSameKeys(carol_->Open(document.header.header, GrantUse::kOpen), document);
  EXPECT_EQ(carol_->AuthorFor(Expression("Accounting#example.com")).error().code,
            ErrorCode::kDenied);
}

TEST_F(AccessTest, ACreatorKeepsTheKeysForAsLongAsALeaseOnTheLabelLasts) {
  const NewDocument first = Created(*bob_, "Accounting#example.com");
  EXPECT_EQ(bob_->CreatorsLease(first.keys.expression), 0);
  bob_->KeepCreated(first.header.header, first.keys);
  auto opened = bob_->Open(first.header.header, GrantUse::kOpen);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->first_use) << "kept without any lease";
  const NewDocument second = Created(*bob_, "Accounting#example.com");
  EXPECT_EQ(bob_->CreatorsLease(second.keys.expression), opened->lease_end_ms);
  bob_->KeepCreated(second.header.header, second.keys);
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  ExpectSameKeys(bob_->Open(second.header.header, GrantUse::kOpen), second);
}

TEST_F(AccessTest, ADropBoxKeepsNothing) {
  ASSERT_TRUE(world_.alice.admin().Create({Label("Box#example.com"), {60, Writers::kAnyone}}));
  const NewDocument letter = Created(*carol_, "Box#example.com");
  EXPECT_EQ(carol_->CreatorsLease(letter.keys.expression), 0);
  carol_->KeepCreated(letter.header.header, letter.keys);
  ExpectError(carol_->Open(letter.header.header, GrantUse::kOpen), ErrorCode::kDenied,
              "Box#example.com");
  ExpectSameKeys(alice_->Open(letter.header.header, GrantUse::kOpen), letter);
}

TEST_F(AccessTest, WithoutKeysOneCreatesAndOpensNothing) {
  ClientOptions options;
  options.directory = world_.carol.folder.path();
  options.transport = world_.carol.transport.get();
  const auto client = Client::OpenWithoutKeys(options).value();
  const auto access = client->MakeAccess();
  const NewDocument document = Created(*access, "Accounting#example.com");
  EXPECT_EQ(access->AuthorFor(Expression("Accounting#example.com")).error().code,
            ErrorCode::kDenied);
  ExpectError(access->Open(document.header.header, GrantUse::kOpen), ErrorCode::kDenied,
              "no keystore is open");
  ExpectSameKeys(bob_->Open(document.header.header, GrantUse::kOpen), document);
}

TEST_F(AccessTest, AGrantForAnotherPointOpensNothing) {
  // A lying service: its MAC is right, its result is not. Here: two grants change places.
  const NewDocument one = Created(*alice_, "Accounting#example.com");
  const NewDocument two = Created(*alice_, "Accounting#example.com");
  ExpectSameKeys(bob_->Open(one.header.header, GrantUse::kOpen), one);
  Header mixed = two.header.header;
  mixed.jwe.ephemerals = one.header.header.jwe.ephemerals;
  mixed.digest = RandomArray<32>();
  ExpectError(bob_->Open(mixed, GrantUse::kOpen), ErrorCode::kCorrupt, "");
}

}  // namespace
}  // namespace recrypt
