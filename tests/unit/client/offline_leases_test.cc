#include "client/offline_leases.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

constexpr uint32_t kDay = 86400;

class OfflineLeaseTest : public testing::Test {
 protected:
  OfflineLeaseTest() { Allow(world_.label, {.offline_seconds = kDay}); }

  void Allow(const LabelName& label, const LabelPolicy& policy) {
    const auto done = world_.alice.admin().SetPolicy(label, policy);
    EXPECT_TRUE(done) << done.error().message;
    // What the mount finds out within a minute.
    EXPECT_TRUE(world_.bob.client().profiles().Label(label, ProfileUse::kRead, Freshness::kFetch));
  }
  NewDocument Created(const std::string& expression = "Accounting#example.com") {
    return alice_->Create(Expression(expression), "report.odt").value();
  }
  // As after the end of the lease, in a new process, without any service.
  void GoOffline() {
    bob_->Stop();
    bob_.reset();
    world_.bob.clock.Advance(901'000);
    world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
    world_.bob.Reopen();
    bob_ = world_.bob.client().MakeAccess();
  }
  void OpenOnline(const NewDocument& document) {
    const auto opened = bob_->Open(document.header.header, GrantUse::kOpen);
    ASSERT_TRUE(opened) << opened.error().message;
  }
  void ExpectOpens(const NewDocument& document) {
    const auto opened = bob_->Open(document.header.header, GrantUse::kOpen);
    ASSERT_TRUE(opened) << opened.error().message;
    ASSERT_EQ(opened->keys.keys.size(), 1u);
    EXPECT_TRUE(opened->keys.keys[0].key.Equals(document.keys.keys[0].key));
    EXPECT_TRUE(opened->trust.contains(world_.label));
  }
  void ExpectRefused(const NewDocument& document, ErrorCode code = ErrorCode::kUnavailable) {
    const auto opened = bob_->Open(document.header.header, GrantUse::kOpen);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
  }
  std::vector<std::string> Files() {
    std::vector<std::string> files;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(
             world_.bob.client().directory().OfflineFolder(), none)) {
      files.push_back(entry.path().string());
    }
    return files;
  }

  World world_;
  std::unique_ptr<Access> alice_ = world_.alice.client().MakeAccess();
  std::unique_ptr<Access> bob_ = world_.bob.client().MakeAccess();
};

TEST_F(OfflineLeaseTest, WhatWasOpenedOpensAgainWhileTheServiceIsAway) {
  const NewDocument document = Created();
  const NewDocument other = Created();
  OpenOnline(document);
  GoOffline();
  ExpectOpens(document);
  ExpectOpens(document);
  ExpectRefused(other);
  const auto opened = bob_->Open(document.header.header, GrantUse::kOpen);
  EXPECT_EQ(opened->name, "report.odt");
  // For as long as a lease, then it is asked for anew.
  EXPECT_LE(opened->lease_end_ms - world_.bob.clock.MonotonicMillis(), 900'000);
  GoOffline();
  ExpectOpens(document);
}

TEST_F(OfflineLeaseTest, OpensWhatTheRunningProcessHasNotWrittenYet) {
  const NewDocument document = Created();
  OpenOnline(document);
  world_.bob.clock.Advance(901'000);
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  ExpectOpens(document);
}

TEST_F(OfflineLeaseTest, IsKeptOnlyWhereThePolicyAllowsIt) {
  Allow(world_.label, {});
  const NewDocument document = Created();
  OpenOnline(document);
  GoOffline();
  EXPECT_TRUE(Files().empty());
  ExpectRefused(document);
}

TEST_F(OfflineLeaseTest, OfAConjunctionIsKeptOnlyWhereAllItsLabelsAllowIt) {
  const LabelName legal = Label("Legal#example.com");
  ASSERT_TRUE(world_.alice.admin().Create({legal, {}}));
  ASSERT_TRUE(world_.alice.admin().AddMember(legal, world_.bob.account()));
  const NewDocument before = Created("Accounting#example.com + Legal#example.com");
  OpenOnline(before);
  Allow(legal, {.offline_seconds = 3600});
  const NewDocument after = Created("Accounting#example.com + Legal#example.com");
  OpenOnline(after);
  GoOffline();
  ExpectRefused(before);
  ExpectOpens(after);
  world_.bob.clock.Advance(3'600'000);  // the shorter of the two counts
  ExpectRefused(after);
}

TEST_F(OfflineLeaseTest, EndsWithItsTimeAndWhenTheClockIsSetBack) {
  const NewDocument document = Created();
  OpenOnline(document);
  GoOffline();
  world_.bob.clock.Advance(-3'600'000);
  ExpectRefused(document);
  world_.bob.clock.Advance(3'600'000);
  ExpectOpens(document);
  world_.bob.clock.Advance(int64_t{kDay} * 1000);
  ExpectRefused(document);
  GoOffline();  // what has ended is taken away, at the latest by the next process
  bob_->Stop();
  for (int i = 0; i < 100 && !Files().empty(); ++i) {
    bob_ = world_.bob.client().MakeAccess();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(Files().empty());
}

TEST_F(OfflineLeaseTest, IsNotRevivedByAClockThatIsSetBackAfterItsEnd) {
  const NewDocument document = Created();
  OpenOnline(document);
  GoOffline();
  ExpectOpens(document);
  world_.bob.clock.Advance(int64_t{kDay} * 1000);
  ExpectRefused(document);
  world_.bob.clock.Advance(-int64_t{kDay} * 1000);
  ExpectRefused(document);
}

TEST_F(OfflineLeaseTest, IsMadeShorterByALaterPolicy) {
  const NewDocument document = Created();
  OpenOnline(document);
  Allow(world_.label, {.offline_seconds = 600});
  GoOffline();
  ExpectRefused(document);
}

TEST_F(OfflineLeaseTest, OpensNothingOutsideOfTheHours) {
  const int64_t day = world_.bob.clock.NowSeconds() / kDay + 4;
  LabelPolicy policy{.offline_seconds = 7 * kDay};
  policy.hours = OpeningHours{"UTC", TimeZone::Parse("UTC0").value(), {{1u << day % 7, 0, 1440}}};
  Allow(world_.label, policy);
  const NewDocument document = Created();
  OpenOnline(document);
  GoOffline();
  world_.bob.clock.Advance(int64_t{kDay} * 1000);
  ExpectRefused(document, ErrorCode::kForbidden);
}

TEST_F(OfflineLeaseTest, IsNotGivenWhereSomebodyHasToDecide) {
  LabelPolicy policy{.offline_seconds = kDay};
  policy.review.members = {"carol@example.net"};
  policy.review.supervisors = {{world_.alice.account(), world_.alice.identity().Udf()}};
  Allow(world_.label, policy);
  const NewDocument document = Created();
  OpenOnline(document);
  GoOffline();
  ExpectRefused(document);
}

TEST_F(OfflineLeaseTest, WhoIsRefusedDoesNotComeBackByIt) {
  // Services do not share this test's clock, and put up with minutes.
  Allow(world_.label, {.lease_seconds = 60, .offline_seconds = kDay});
  const NewDocument document = Created();
  OpenOnline(document);
  const auto until = world_.alice.admin().RemoveMember(world_.label, world_.bob.account());
  ASSERT_TRUE(until) << until.error().message;
  // Who removes somebody is told until when that one may go on reading.
  EXPECT_GE(until->until, world_.alice.clock.NowSeconds() + kDay - 60);
  world_.bob.clock.Advance(61'000);
  ExpectRefused(document, ErrorCode::kDenied);
  GoOffline();
  ExpectRefused(document);
}

TEST_F(OfflineLeaseTest, IsGoneAfterALock) {
  const NewDocument document = Created();
  OpenOnline(document);
  bob_->Lock();
  EXPECT_TRUE(Files().empty());
  GoOffline();
  ExpectRefused(document);
}

TEST_F(OfflineLeaseTest, OpensWhatWasMadeHere) {
  OpenOnline(Created());  // a lease on the label
  const NewDocument made = bob_->Create(Expression("Accounting#example.com"), "x").value();
  bob_->KeepCreated(made.header.header, made.keys);
  GoOffline();
  ExpectOpens(made);
}

TEST_F(OfflineLeaseTest, IsSealedAndNotTakenForAnotherDocument) {
  const NewDocument document = Created();
  const NewDocument other = Created();
  OpenOnline(document);
  bob_->Stop();
  ASSERT_EQ(Files().size(), 1u);
  const std::string first = Files()[0];
  const std::string text = ReadText(first);
  for (const std::string& secret :
       {Base64UrlEncode(document.keys.keys[0].key.Reveal()), Base64UrlEncode(document.keys.uid),
        std::string("Accounting"), std::string("report.odt")}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
  bob_ = world_.bob.client().MakeAccess();
  OpenOnline(other);
  bob_->Stop();
  ASSERT_EQ(Files().size(), 2u);
  const std::string second = Files()[Files()[0] == first ? 1 : 0];
  WriteText(second, text);
  GoOffline();
  ExpectOpens(document);
  ExpectRefused(other);
  WriteText(first, "{\"until\":\"2999-01-01T00:00:00Z\",\"sealed\":{}}");
  GoOffline();
  ExpectRefused(document);
}

TEST_F(OfflineLeaseTest, WhoHadOnlyReadMayWriteTooWhileTheServiceIsAway) {
  OpenOnline(Created());
  GoOffline();
  const auto author = bob_->AuthorFor(Expression("Accounting#example.com"));
  ASSERT_TRUE(author) << author.error().message;
  EXPECT_TRUE(*author);
}

TEST_F(OfflineLeaseTest, WhatHasEndedMakesRoomForOthersWhileTheProcessRuns) {
  const auto identity = std::make_shared<const Identity>(world_.bob.identity());
  const TestFolder folder;
  OfflineLeases leases(folder / "offline", world_.bob.clock, identity, 2);
  const auto keep = [&](const NewDocument& document) {
    leases.Keep(document.header.header,
                {document.keys.Clone(), "", {}, {world_.label}, world_.bob.clock.NowSeconds(), 0},
                60);
  };
  const auto count = [&] {
    std::error_code none;
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "offline", none)) {
      files += entry.path().extension() == ".lease" ? 1 : 0;
    }
    return files;
  };
  keep(Created());
  keep(Created());
  for (int i = 0; i < 500 && count() < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_EQ(count(), 2u);
  world_.bob.clock.Advance(3'600'000);
  const NewDocument later = Created();
  keep(later);
  leases.Stop();
  EXPECT_TRUE(leases.Find(later.header.header));
  EXPECT_EQ(count(), 1u);
}

TEST_F(OfflineLeaseTest, AGrantThatArrivesBehindALockIsNotKept) {
  const NewDocument document = Created();
  std::promise<void> answer;
  world_.bob.transport->SetTamper([&, until = answer.get_future().share()](
                                      const HttpPost& post, const TamperingTransport::Next& next) {
    auto given = next(post);
    if (post.body.find("\"Dynamic\"") != std::string::npos) until.wait();
    return given;
  });
  const int before = world_.bob.transport->Count("\"Dynamic\"");
  auto opening = std::async(std::launch::async, [&] {
    return bob_->Open(document.header.header, GrantUse::kOpen).has_value();
  });
  for (int i = 0; i < 500 && world_.bob.transport->Count("\"Dynamic\"") == before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_GT(world_.bob.transport->Count("\"Dynamic\""), before);
  bob_->Lock();
  answer.set_value();
  EXPECT_TRUE(opening.get());
  bob_->Stop();
  EXPECT_TRUE(Files().empty());
}

TEST_F(OfflineLeaseTest, OpeningsAreReportedAsOffline) {
  const NewDocument document = Created();
  OpenOnline(document);
  GoOffline();
  ExpectOpens(document);
  bob_->Stop();
  const std::string journal = ReadText(world_.bob.client().directory().OpensFile());
  EXPECT_NE(journal.find("\"offline\":true"), std::string::npos) << journal;
  EXPECT_NE(journal.find(Base64UrlEncode(document.keys.uid)), std::string::npos) << journal;
}

}  // namespace
}  // namespace recrypt
