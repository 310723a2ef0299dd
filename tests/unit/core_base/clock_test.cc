#include "core/base/clock.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

TEST(Time, IsWrittenAsRfc3339) {
  EXPECT_EQ(FormatTime(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTime(1769860800), "2026-01-31T12:00:00Z");
  EXPECT_EQ(FormatTime(951782400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(FormatTime(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(FormatTime(253402300799), "9999-12-31T23:59:59Z");
}

TEST(Time, RoundTrips) {
  for (int64_t seconds = -62167219200; seconds < 253402300799; seconds += 86399 * 4001) {
    EXPECT_EQ(ParseTime(FormatTime(seconds)).value(), seconds);
  }
}

TEST(Time, BeyondFourDigitsOfYearIsHeldAtTheEdge) {
  EXPECT_EQ(FormatTime(INT64_MAX), "9999-12-31T23:59:59Z");
  EXPECT_EQ(FormatTime(INT64_MIN), "0000-01-01T00:00:00Z");
}

TEST(Time, RefusesEveryOtherForm) {
  for (const char* text : {"", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+00:00",
                           "2026-01-31t12:00:00Z", "2026-01-31 12:00:00Z", "2026-02-29T00:00:00Z",
                           "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
                           "2026-01-32T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T23:60:00Z",
                           "2026-01-31T23:59:60Z", "2026-01-31T12:00:00.5Z", "+026-01-31T12:00:00Z",
                           "2026-01-31T12:00:00Zx", "2026-1-031T12:00:00Z"}) {
    const auto parsed = ParseTime(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  }
}

TEST(SystemClock, GoesForward) {
  const SystemClock clock;
  EXPECT_GT(clock.NowSeconds(), 1700000000);
  const int64_t before = clock.MonotonicMillis();
  EXPECT_GE(clock.MonotonicMillis(), before);
}

}  // namespace
}  // namespace recrypt
