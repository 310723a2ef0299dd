#include "core/identity/label_policy.h"

#include <gtest/gtest.h>

#include "core/base/clock.h"

namespace recrypt {
namespace {

const char* const kFull = R"({"hours":{"rule":"CET-1CEST,M3.5.0,M10.5.0/3","windows":[
  {"days":["mon","fri"],"from":"08:00","to":"18:30"}],"zone":"Europe/Berlin"},"lease":900,
  "networks":["10.0.0.0/8"],"prefetch":false,
  "quotas":[{"opens":100,"per":"member","seconds":86400}],
  "review":{"documents":["3d3d3d3d3d3d3d3d3d3d3Q"],"holds":3600,"members":["bob@example.net"],
  "supervisors":[{"account":"a@e.com","udf":"MDU5-E773-4KIM-TOOB-7VMF-G73F-6TIL"}]},
  "writers":"credentialed"})";

LabelPolicy Full() { return ReadLabelPolicy(ParseJson(kFull).value()).value(); }

TEST(LabelPolicy, ComesBackAsItWasWritten) {
  EXPECT_EQ(WriteLabelPolicy(Full()), ParseJson(kFull).value());
  const Json plain = {{"lease", 60}, {"writers", "anyone"}};
  EXPECT_EQ(WriteLabelPolicy(ReadLabelPolicy(plain).value()), plain);
}

TEST(LabelPolicy, SaysUpToHowManyMembersALabelIsRotatedWhenOneIsRemoved) {
  Json policy = {{"lease", 60}, {"writers", "anyone"}};
  EXPECT_EQ(ReadLabelPolicy(policy)->rotate_up_to, 50u);
  for (const uint32_t limit : {0u, 1u, 1'000'000u}) {
    policy["rotate"] = limit;
    EXPECT_EQ(ReadLabelPolicy(policy)->rotate_up_to, limit);
    EXPECT_EQ(WriteLabelPolicy(ReadLabelPolicy(policy).value()), policy);
  }
  policy["rotate"] = 1'000'001;
  EXPECT_EQ(ReadLabelPolicy(policy).error().code, ErrorCode::kInvalid);
}

TEST(LabelPolicy, SaysWhetherEphemeralsAreBound) {
  Json policy = {{"lease", 60}, {"writers", "anyone"}};
  EXPECT_EQ(ReadLabelPolicy(policy)->ephemerals, Ephemerals::kAny);
  for (const auto& [name, value] :
       {std::pair("bound", Ephemerals::kBound), std::pair("required", Ephemerals::kRequired)}) {
    policy["ephemerals"] = name;
    EXPECT_EQ(ReadLabelPolicy(policy)->ephemerals, value);
    EXPECT_EQ(WriteLabelPolicy(ReadLabelPolicy(policy).value()), policy);
  }
  policy["ephemerals"] = "blind";
  EXPECT_EQ(ReadLabelPolicy(policy).error().code, ErrorCode::kInvalid);
}

TEST(LabelPolicy, IsRefusedWhereItCannotBeEnforcedWhole) {
  const auto refused = [](const char* pointer, const Json& value) {
    Json policy = ParseJson(kFull).value();
    policy[Json::json_pointer(pointer)] = value;
    const auto read = ReadLabelPolicy(policy);
    return !read && read.error().code == ErrorCode::kInvalid;
  };
  for (const char* place : {"", "/quotas/0", "/hours", "/hours/windows/0", "/review"}) {
    EXPECT_TRUE(refused((std::string(place) + "/unheard-of").c_str(), 1)) << place;
  }
  EXPECT_TRUE(refused("/lease", 0));
  EXPECT_TRUE(refused("/writers", "nobody"));
  EXPECT_TRUE(refused("/quotas/0/per", "person"));
  EXPECT_TRUE(refused("/quotas/0/seconds", 0));
  EXPECT_TRUE(refused("/quotas/1", {{"opens", 1}, {"per", "member"}, {"seconds", 86400}}));
  EXPECT_TRUE(refused("/hours/rule", "Europe/Berlin"));
  EXPECT_TRUE(refused("/hours/windows/0/days/0", "montag"));
  EXPECT_TRUE(refused("/hours/windows/0/from", "18:30"));
  EXPECT_TRUE(refused("/hours/windows/0/to", "24:01"));
  EXPECT_TRUE(refused("/networks/0", "10.0.0.1/8"));
  EXPECT_TRUE(refused("/review/documents/0", "AAAA"));
  EXPECT_TRUE(refused("/review/supervisors", Json::array()));
  EXPECT_TRUE(refused("/review/holds", 0));
}

TEST(LabelPolicy, ALeaseEndsWithTheHoursOfItsZone) {
  const LabelPolicy policy = Full();
  const auto lease = [&](const char* time) { return policy.LeaseAt(ParseTime(time).value()); };
  EXPECT_EQ(lease("2026-11-30T06:59:59Z"), 0u);  // a Monday, 07:59:59 in winter
  EXPECT_EQ(lease("2026-11-30T07:00:00Z"), 900u);
  EXPECT_EQ(lease("2026-11-30T17:29:00Z"), 60u);
  EXPECT_EQ(lease("2026-11-30T17:30:00Z"), 0u);
  EXPECT_EQ(lease("2026-07-03T06:00:00Z"), 900u);  // a Friday, 08:00 in summer
  EXPECT_EQ(lease("2026-12-01T12:00:00Z"), 0u);    // a Tuesday
}

TEST(LabelPolicy, NamesWhatIsUnderReview) {
  LabelPolicy policy = Full();
  EXPECT_TRUE(policy.NeedsReview("bob@example.net", Bytes(16, 1)));
  EXPECT_TRUE(policy.NeedsReview("carol@example.net", Bytes(16, 0xDD)));
  EXPECT_FALSE(policy.NeedsReview("carol@example.net", Bytes(16, 1)));
  EXPECT_FALSE(policy.NeedsReview("carol@example.net", {}));
  policy.review.all_documents = true;
  EXPECT_TRUE(policy.NeedsReview("carol@example.net", {}));
}

TEST(LabelPolicy, MayPrefetchWhereNothingIsCountedOrReviewed) {
  LabelPolicy policy;
  EXPECT_TRUE(policy.MayPrefetch());
  policy.quotas = {{QuotaPer::kLabel, 1, 1}};
  EXPECT_FALSE(policy.MayPrefetch());
  policy.quotas.clear();
  policy.review.all_documents = true;
  EXPECT_FALSE(policy.MayPrefetch());
}

}  // namespace
}  // namespace recrypt
