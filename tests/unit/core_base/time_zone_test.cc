#include "core/base/time_zone.h"

#include <gtest/gtest.h>

#include "core/base/clock.h"

namespace recrypt {
namespace {

int64_t Offset(const std::string& rule, const std::string& time) {
  const auto zone = TimeZone::Parse(rule);
  EXPECT_TRUE(zone) << rule;
  return zone ? zone->OffsetAt(ParseTime(time).value()) : -1;
}

TEST(TimeZone, ChangesWhenTheRuleSays) {
  const std::string berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
  EXPECT_EQ(Offset(berlin, "2026-03-29T00:59:59Z"), 3600);
  EXPECT_EQ(Offset(berlin, "2026-03-29T01:00:00Z"), 7200);
  EXPECT_EQ(Offset(berlin, "2026-10-25T00:59:59Z"), 7200);
  EXPECT_EQ(Offset(berlin, "2026-10-25T01:00:00Z"), 3600);
  const std::string new_york = "EST5EDT,M3.2.0,M11.1.0";
  EXPECT_EQ(Offset(new_york, "2026-03-08T06:59:59Z"), -18000);
  EXPECT_EQ(Offset(new_york, "2026-03-08T07:00:00Z"), -14400);
  EXPECT_EQ(Offset(new_york, "2026-11-01T06:00:00Z"), -18000);
}

TEST(TimeZone, SouthernSummerGoesOverTheTurnOfTheYear) {
  const std::string sydney = "AEST-10AEDT,M10.1.0,M4.1.0/3";
  EXPECT_EQ(Offset(sydney, "2026-01-01T00:00:00Z"), 39600);
  EXPECT_EQ(Offset(sydney, "2026-07-01T00:00:00Z"), 36000);
  EXPECT_EQ(Offset(sydney, "2026-12-31T23:59:59Z"), 39600);
}

TEST(TimeZone, KnowsZonesWithoutSummerAndOfHalfHours) {
  EXPECT_EQ(Offset("UTC0", "2026-07-01T00:00:00Z"), 0);
  EXPECT_EQ(Offset("<+0530>-5:30", "2026-07-01T00:00:00Z"), 19800);
  EXPECT_EQ(Offset("<-03>3", "2026-07-01T00:00:00Z"), -10800);
}

TEST(TimeZone, RefusesWhatIsNoRule) {
  for (const char* text :
       {"", "U0", "UTC", "UTC0 ", "UTC25", "Europe/Berlin", "<+03-3", "CET-1CEST",
        "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J80,J264", "CET-1CEST,M3.5.0,M10.5.0,"}) {
    EXPECT_FALSE(TimeZone::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace recrypt
