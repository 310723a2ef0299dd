#include "cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace recrypt {
namespace {

using testing::HasSubstr;

class ProgressTest : public testing::Test {
 protected:
  ProgressPlace Place(ProgressPlace::Kind kind) {
    return {kind, &shown_, [this] { return now_ms_; }};
  }
  std::string Shown() {
    std::string text = shown_.str();
    shown_.str("");
    return text;
  }

  int64_t now_ms_ = 5000;
  std::ostringstream shown_;
};

TEST_F(ProgressTest, ShortWorkShowsNothing) {
  for (const auto kind : {ProgressPlace::Kind::kTerminal, ProgressPlace::Kind::kLog}) {
    now_ms_ = 5000;
    ProgressLine line(Place(kind), "work", 100, ProgressUnit::kPieces);
    now_ms_ += 900;
    line.Update(90);
    EXPECT_EQ(Shown(), "");
  }
}

TEST_F(ProgressTest, ATerminalHasABarWithRateAndTimeLeftThatGoesAway) {
  {
    ProgressLine line(Place(ProgressPlace::Kind::kTerminal), "work", 1000, ProgressUnit::kPieces);
    now_ms_ += 10'000;
    line.Update(250);
    const std::string bar = Shown();
    EXPECT_THAT(bar, HasSubstr("work  [#####...............] 250 of 1000, 25 %, 30 s left, 25/s"));
    line.Add(250);
    EXPECT_EQ(Shown(), "") << "too soon";
    now_ms_ += 10'000;
    line.Add(0);
    EXPECT_THAT(Shown(), HasSubstr("500 of 1000, 50 %, 20 s left, 25/s"));
  }
  EXPECT_EQ(Shown(), "\r\033[K");
}

TEST_F(ProgressTest, ALogHasAPlainLineNowAndThen) {
  ProgressLine line(Place(ProgressPlace::Kind::kLog), "work", 4 << 20, ProgressUnit::kBytes);
  std::string lines;
  for (int i = 0; i < 100; ++i) {
    now_ms_ += 1000;
    line.Update(static_cast<uint64_t>(i) << 10);
    lines += Shown();
  }
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4);
  EXPECT_EQ(lines.find('\033'), std::string::npos);
  EXPECT_THAT(lines, testing::StartsWith("work: 9.0 KiB of 4.0 MiB, 0 %"));
}

TEST_F(ProgressTest, MoreThanExpectedStillFitsTheBar) {
  ProgressLine line(Place(ProgressPlace::Kind::kTerminal), "work", 10, ProgressUnit::kPieces);
  now_ms_ += 2000;
  line.Update(25);
  EXPECT_THAT(Shown(), HasSubstr("[####################] 25 of 10, 250 %"));
}

}  // namespace
}  // namespace recrypt
