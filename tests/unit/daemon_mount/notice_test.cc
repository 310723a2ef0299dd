// What stands in a notice, whatever it is made from; and how many there are.
#include "daemon/mount/notice.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "daemon/mount/notifier.h"
#include "daemon/mount/session_bus.h"

namespace recrypt {
namespace {

TEST(NoticeTest, TextIsNoMarkupAndHasNoControlCharacters) {
  EXPECT_EQ(NoticeText("<a href='x'>A & B</a>", 100), "&lt;a href='x'&gt;A &amp; B&lt;/a&gt;");
  EXPECT_EQ(NoticeText("two\nlines\t\x1b[1m\x7f", 100), "two lines  [1m ");
  EXPECT_EQ(NoticeText(std::string_view("a\0b", 3), 100), "a b");
  EXPECT_EQ(NoticeText("\xff\xfe", 100), "?");
  EXPECT_EQ(NoticeText("Bücher#example.com", 100), "Bücher#example.com");
}

TEST(NoticeTest, TextIsCutBetweenCharacters) {
  EXPECT_EQ(NoticeText("üü", 4), "üü");
  EXPECT_EQ(NoticeText("üü", 3), "ü…");
  EXPECT_EQ(NoticeText("üü", 1), "…");
  EXPECT_LE(AccessEnded(std::string(100'000, 'x'), ErrorCode::kDenied).body.size(), 500u);
  const OwnReview review{{}, {}, OwnReview::State::kDenied, std::string(100'000, '<')};
  EXPECT_LE(ReviewDecided(std::string(100'000, '&'), review, INT64_MAX).body.size(), 2000u);
}

TEST(NoticeTest, NamesTheLabelWhoDecidedAndWhatHappened) {
  const Notice ended = AccessEnded("A#example.com + B#example.net", ErrorCode::kDenied);
  EXPECT_EQ(ended.summary, "Access has ended");
  EXPECT_NE(ended.body.find("A#example.com + B#example.net"), std::string::npos);
  EXPECT_NE(AccessEnded("A#x", ErrorCode::kForbidden).body.find("policy"), std::string::npos);
  const OwnReview approved{{}, {}, OwnReview::State::kApproved, "carol@example.net"};
  const Notice notice = ReviewDecided("A#example.com", approved, 0);
  EXPECT_EQ(notice.summary, "Access approved");
  EXPECT_NE(notice.body.find("Approved by carol@example.net."), std::string::npos);
  const OwnReview denied{{}, {}, OwnReview::State::kDenied, ""};
  EXPECT_EQ(ReviewDecided("A#example.com", denied, 0).summary, "Access denied");
}

class SteppedClock : public Clock {
 public:
  int64_t NowSeconds() const override { return now_ms_ / 1000; }
  int64_t MonotonicMillis() const override { return now_ms_; }
  std::atomic<int64_t> now_ms_{1'000'000};
};

TEST(NotifierTest, ShowsFiveInAMinuteAndSaysHowManyMoreThereWere) {
  SteppedClock clock;
  std::vector<std::string> shown;
  {
    std::promise<void> all;
    Notifier notifier(clock, [&](const Notice& notice, const std::function<bool()>&) -> Status {
      shown.push_back(notice.body);
      if (shown.size() == 6) all.set_value();
      return Fail(ErrorCode::kUnavailable, "nobody is there");  // is nobody's business
    });
    for (int i = 0; i < 9; ++i) notifier.Tell({"", std::to_string(i)});
    clock.now_ms_ += 60'000;
    notifier.Tell({"", "later"});
    ASSERT_EQ(all.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  }
  EXPECT_EQ(shown,
            (std::vector<std::string>{"0", "1", "2", "3", "4", "later 4 more were not shown."}));
}

TEST(NotifierTest, NobodyWaitsForADesktopThatHangsNorDoesTheEnd) {
  SteppedClock clock;
  std::promise<void> begun;
  const auto before = std::chrono::steady_clock::now();
  {
    Notifier notifier(clock, [&](const Notice&, const std::function<bool()>& stop) -> Status {
      begun.set_value();
      while (!stop()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return {};
    });
    notifier.Tell({"", "first"});
    notifier.Tell({"", "waits"});
    begun.get_future().wait();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10));
}

TEST(SessionBusTest, WithoutABusNothingHappens) {
  setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
  setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
  const Status sent = SendToDesktop({"summary", "body"}, [] { return false; });
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kUnavailable);
  for (const char* address : {"", "nonsense", "unix:"}) {
    setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
    EXPECT_FALSE(SendToDesktop({"summary", "body"}, [] { return false; })) << address;
  }
}

}  // namespace
}  // namespace recrypt
