#include "cli/quantities.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

TEST(ParseDuration, TakesSecondsAndUnitsAndTheirSums) {
  EXPECT_EQ(*ParseDuration("4"), 4u);
  EXPECT_EQ(*ParseDuration("30s"), 30u);
  EXPECT_EQ(*ParseDuration("15m"), 900u);
  EXPECT_EQ(*ParseDuration("1h"), 3600u);
  EXPECT_EQ(*ParseDuration("2d"), 172800u);
  EXPECT_EQ(*ParseDuration("1h30m"), 5400u);
  EXPECT_EQ(*ParseDuration("4294967295"), 4294967295u);
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* text : {"", "m", "-1", "+1", "1.5h", "15 m", "15M", "1h30", "4294967296",
                           "99999999999999999999", "4294967295h", "0x10", "15mm"}) {
    const auto seconds = ParseDuration(text);
    ASSERT_FALSE(seconds) << text;
    EXPECT_EQ(seconds.error().code, ErrorCode::kInvalid);
    EXPECT_NE(seconds.error().message.find(text), std::string::npos);
  }
}

TEST(FormatDuration, ShowsTheTwoLargestUnits) {
  EXPECT_EQ(FormatDuration(0), "0 s");
  EXPECT_EQ(FormatDuration(4), "4 s");
  EXPECT_EQ(FormatDuration(900), "15 min");
  EXPECT_EQ(FormatDuration(5400), "1 h 30 min");
  EXPECT_EQ(FormatDuration(86400 + 3600 + 61), "1 d 1 h");
  EXPECT_EQ(FormatDuration(86400 + 61), "1 d");
}

TEST(FormatSize, UsesBinaryUnits) {
  EXPECT_EQ(FormatSize(0), "0 B");
  EXPECT_EQ(FormatSize(1023), "1023 B");
  EXPECT_EQ(FormatSize(1536), "1.5 KiB");
  EXPECT_EQ(FormatSize((uint64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(FormatSize(uint64_t{3} << 40), "3.0 TiB");
  EXPECT_EQ(FormatSize(~uint64_t{0}), "16.0 EiB");
}

TEST(ParseMoment, TakesTimesDaysAndDurationsAgo) {
  setenv("TZ", "UTC-2", 1);
  tzset();
  EXPECT_EQ(ParseMoment("1970-01-02T00:00:00Z", 0).value(), 86400);
  EXPECT_EQ(ParseMoment("1970-01-02", 0).value(), 86400 - 7200);
  EXPECT_EQ(ParseMoment("1970-01-02 02:00", 0).value(), 86400);
  EXPECT_EQ(ParseMoment("2h", 10'000).value(), 2'800);
  for (const char* text : {"", "yesterday", "1970-01-02x", "1970-13-01"}) {
    EXPECT_FALSE(ParseMoment(text, 0)) << text;
  }
  unsetenv("TZ");
  tzset();
}

TEST(FormatLocalTime, IsInTheUsersZone) {
  setenv("TZ", "UTC-2", 1);
  tzset();
  EXPECT_EQ(FormatLocalTime(0), "1970-01-01 02:00:00");
  EXPECT_EQ(FormatClockTime(61), "02:01:01");
  unsetenv("TZ");
  tzset();
}

}  // namespace
}  // namespace recrypt
