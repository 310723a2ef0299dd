// When access has ended, when an opening is held, and what is heard of its review.
#include "daemon/mount/watched_access.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "daemon/mount/review_watch.h"

namespace recrypt {
namespace {

Header HeaderOf(const std::string& expression, uint8_t number) {
  Header header{{}, *LabelExpression::Parse(expression), {}, {}, {}, {}};
  header.uid[0] = number;
  header.digest[0] = number;
  return header;
}

// Answers as it is told.
class ToldAccess : public Access {
 public:
  Result<OpenedKeys> Open(const Header& header, GrantUse) override {
    if (answer) return Fail(*answer, "told to");
    lease = 1;
    return OpenedKeys{{header.uid, header.digest, header.expression, {}}, "", {}, 1, true};
  }
  std::vector<Result<OpenedKeys>> OpenMany(std::span<const Header* const> headers,
                                           GrantUse use) override {
    std::vector<Result<OpenedKeys>> results;
    for (const Header* header : headers) results.push_back(Open(*header, use));
    return results;
  }
  int64_t CreatorsLease(const LabelExpression&) override { return lease; }
  void KeepCreated(const Header&, const DocumentKeys&) override {}
  Result<NewDocument> Create(const LabelExpression&, std::string_view) override { return No(); }
  Result<HeaderRenewal> RenewHeader(const Header&, RenewWhen, KeepKeys) override { return No(); }
  Result<std::shared_ptr<const Author>> AuthorFor(const LabelExpression&) override { return No(); }
  Result<TrustedLabels> Trust(const LabelExpression&) override { return No(); }
  void Lock() override { lease = 0; }

  std::optional<ErrorCode> answer;
  int64_t lease = 0;

 private:
  static tl::unexpected<Error> No() { return Fail(ErrorCode::kDenied, "not of this test"); }
};

class WatchedAccessTest : public testing::Test {
 protected:
  // What is told of an opening that is answered so, with no lease left from before.
  std::vector<std::string> Open(const Header& header, std::optional<ErrorCode> answer,
                                GrantUse use = GrantUse::kOpen) {
    told_.clear();
    access_.answer = answer;
    access_.lease = lease_;
    EXPECT_EQ(watched_.Open(header, use).has_value(), !answer);
    return told_;
  }

  using Told = std::vector<std::string>;
  Told told_;
  int64_t lease_ = 0;
  ToldAccess access_;
  WatchedAccess watched_{
      access_,
      {[this](const std::string& labels, ErrorCode) { told_.push_back("ended " + labels); },
       [this](const Header&) { told_.push_back("held"); },
       [this](const Header&) { told_.push_back("opened"); },
       [this] { told_.push_back("stopped"); }}};
  const Header one_ = HeaderOf("A#x.org", 1), other_ = HeaderOf("A#x.org", 2),
               foreign_ = HeaderOf("A#x.org | B#x.org", 3);
};

TEST_F(WatchedAccessTest, AccessEndsOnceWhenWhatWasGrantedIsRefused) {
  EXPECT_EQ(Open(one_, std::nullopt), Told{"opened"});
  EXPECT_EQ(Open(one_, ErrorCode::kDenied), (Told{"opened", "ended A#x.org"}));
  EXPECT_EQ(Open(one_, ErrorCode::kDenied), Told{"opened"});
  EXPECT_EQ(Open(other_, ErrorCode::kDenied), Told{"opened"});
  EXPECT_EQ(Open(one_, std::nullopt), Told{"opened"});  // a member again
  EXPECT_EQ(Open(other_, ErrorCode::kDenied), (Told{"opened", "ended A#x.org"}));
}

TEST_F(WatchedAccessTest, WhoNeverHadAccessLosesNone) {
  EXPECT_EQ(Open(one_, ErrorCode::kDenied), Told{"opened"});
  EXPECT_EQ(Open(one_, std::nullopt), Told{"opened"});
  EXPECT_EQ(Open(foreign_, ErrorCode::kDenied), Told{"opened"});
}

TEST_F(WatchedAccessTest, ALeaseThatLastsOrIsRenewedIsNoEnd) {
  Open(one_, std::nullopt);
  lease_ = 5;
  EXPECT_EQ(Open(other_, ErrorCode::kDenied), Told{"opened"});
  lease_ = 0;
  EXPECT_EQ(Open(one_, std::nullopt), Told{"opened"});
  for (const ErrorCode passing :
       {ErrorCode::kUnavailable, ErrorCode::kQuota, ErrorCode::kCorrupt}) {
    EXPECT_EQ(Open(one_, passing), Told{});
  }
}

TEST_F(WatchedAccessTest, APolicyThatForbidsAnotherDocumentIsNoEnd) {
  Open(one_, std::nullopt);
  EXPECT_EQ(Open(other_, ErrorCode::kForbidden), Told{"opened"});
  EXPECT_EQ(Open(one_, ErrorCode::kForbidden), (Told{"opened", "ended A#x.org"}));
}

TEST_F(WatchedAccessTest, OnlyOpeningsAreHeldAndAPrefetchTellsNothing) {
  EXPECT_EQ(Open(one_, ErrorCode::kPending), Told{"held"});
  EXPECT_EQ(Open(one_, std::nullopt, GrantUse::kPrefetch), Told{});
  EXPECT_EQ(Open(one_, ErrorCode::kDenied, GrantUse::kPrefetch), Told{});
  told_.clear();
  const std::vector<const Header*> both = {&one_, &other_};
  EXPECT_EQ(watched_.OpenMany(both, GrantUse::kOpen).size(), 2u);
  EXPECT_EQ(told_, (Told{"opened", "ended A#x.org", "opened"}));  // granted ahead, refused now
  watched_.Stop();
  EXPECT_EQ(told_.back(), "stopped");
}

TEST_F(WatchedAccessTest, RemembersNoMoreThanItHasRoomFor) {
  for (size_t i = 0; i < WatchedAccess::kMaxRemembered + 10; ++i) {
    Open(HeaderOf("L" + std::to_string(i) + "#x.org", 1), std::nullopt);
  }
  EXPECT_EQ(Open(HeaderOf("L0#x.org", 1), ErrorCode::kDenied), Told{"opened"});
  EXPECT_EQ(Open(HeaderOf("L4000#x.org", 1), ErrorCode::kDenied).size(), 2u);
}

// Reviews, with the real clock: the first question comes after five seconds.
class ReviewWatchTest : public testing::Test {
 protected:
  Result<std::vector<OwnReview>> Answer(const LabelName& label) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(label.text());
    changed_.notify_all();
    if (failure_) return Fail(*failure_, "told to");
    return answer_;
  }
  OwnReview ReviewOf(const Header& header, OwnReview::State state) const {
    return {ToBytes(header.uid), ToBytes(header.digest), state, "carol@x.org"};
  }
  template <typename Condition>
  bool WaitFor(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(40), condition);
  }

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<OwnReview> answer_;
  std::optional<ErrorCode> failure_;
  std::vector<std::string> asked_;
  std::vector<std::string> decided_;

  SystemClock clock_;
  ReviewWatch watch_{clock_, [this](const LabelName& label) { return Answer(label); },
                     [this](const LabelName& label, const OwnReview& review, int64_t) {
                       const std::lock_guard lock(mutex_);
                       decided_.push_back(label.text() + " by " + review.by + ", " +
                                          std::to_string(review.document[0]));
                       changed_.notify_all();
                     }};
};

TEST_F(ReviewWatchTest, TellsWhatWasDecidedOnceAndThenAsksNoMore) {
  const Header held = HeaderOf("A#x.org", 1), pending = HeaderOf("A#x.org", 2),
               known = HeaderOf("A#x.org", 3);
  answer_ = {ReviewOf(held, OwnReview::State::kApproved),
             ReviewOf(pending, OwnReview::State::kPending),
             ReviewOf(known, OwnReview::State::kDenied)};
  for (const Header& header : {held, held, pending, known}) watch_.Await(header);
  watch_.Forget(known);  // whoever opened it again was told by that
  ASSERT_TRUE(WaitFor([&] { return !decided_.empty(); }));
  {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(asked_, std::vector<std::string>{"A#x.org"});
    answer_[1].state = OwnReview::State::kDenied;
  }
  ASSERT_TRUE(WaitFor([&] { return decided_.size() == 2; }));
  EXPECT_EQ(decided_,
            (std::vector<std::string>{"A#x.org by carol@x.org, 1", "A#x.org by carol@x.org, 2"}));
}

TEST_F(ReviewWatchTest, OfAnExpressionEveryLabelIsAskedAndAServiceThatIsAwayAgain) {
  failure_ = ErrorCode::kUnavailable;
  watch_.Await(HeaderOf("A#x.org + B#x.org", 1));
  ASSERT_TRUE(WaitFor([&] { return asked_.size() == 2; }));
  {
    const std::lock_guard lock(mutex_);
    failure_.reset();  // and neither of the labels holds it any more
  }
  ASSERT_TRUE(WaitFor([&] { return asked_.size() == 4; }));
  EXPECT_EQ(asked_, (std::vector<std::string>{"A#x.org", "B#x.org", "A#x.org", "B#x.org"}));
  EXPECT_TRUE(decided_.empty());
}

TEST_F(ReviewWatchTest, EndsAtOnceAndAcceptsNoMoreThanItHasRoomFor) {
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    watch_.Await(HeaderOf("L" + std::to_string(i) + "#x.org", 1));
  }
  watch_.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(4));
  EXPECT_TRUE(asked_.empty());
}

}  // namespace
}  // namespace recrypt
