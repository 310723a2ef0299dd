#include "service/notes.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

constexpr int64_t kNow = 1'767'225'600;

Note Of(const std::string& id, const std::string& content = "{}", int64_t expires = kNow + 60) {
  return {id, "device", content, expires};
}

TEST(Notes, AreFoundByTheirIdUntilTheyExpire) {
  Notes notes;
  EXPECT_EQ(notes.Find("a", kNow).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(notes.Add(Of("a", "{\"x\":1}"), kNow));
  EXPECT_EQ(notes.Find("a", kNow + 59).value(), "{\"x\":1}");
  EXPECT_EQ(notes.Find("a", kNow + 60).error().code, ErrorCode::kStale);
}

TEST(Notes, AreLeftOnceAlsoWhenTheyHaveExpired) {
  Notes notes;
  ASSERT_TRUE(notes.Add(Of("a"), kNow));
  EXPECT_TRUE(notes.Add(Of("a"), kNow)) << "the same again is an answer that was lost";
  EXPECT_EQ(notes.Add(Of("a", "[]"), kNow).error().code, ErrorCode::kExists);
  EXPECT_EQ(notes.Add(Of("a", "[]", kNow + 200), kNow + 100).error().code, ErrorCode::kExists);
}

TEST(Notes, AreBounded) {
  Notes notes;
  EXPECT_EQ(notes.Add(Of("a", std::string((64 << 10) + 1, ' ')), kNow).error().code,
            ErrorCode::kInvalid);
  EXPECT_EQ(notes.Add(Of("a", "{}", kNow), kNow).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(notes.Add(Of("a", "{}", kNow + 86'401), kNow).error().code, ErrorCode::kInvalid);
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(notes.Add(Of(std::to_string(i)), kNow));
  EXPECT_EQ(notes.Add(Of("64"), kNow).error().code, ErrorCode::kQuota);
  EXPECT_TRUE(notes.Add({"64", "other", "{}", kNow + 60}, kNow));
  EXPECT_TRUE(notes.Add(Of("64 later", "{}", kNow + 200'000), kNow + 150'000))
      << "what expired long ago takes no room";
}

}  // namespace
}  // namespace recrypt
