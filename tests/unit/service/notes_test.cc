#include "service/notes.h"

#include "postgres.h"
#include "world.h"

namespace recrypt {
namespace {

constexpr int64_t kNow = 1'767'225'600;

StoredNote Of(const std::string& id, const std::string& content = "{}",
              int64_t expires = kNow + 60) {
  return {id, "device", content, expires};
}

class Notes : public testing::Test {
 protected:
  // In a store of its own.
  Status Add(const StoredNote& note, int64_t now) {
    const Store::WriteBody body = [&](StoreTransaction& t) { return AddNote(t, note, now); };
    return store_->Write({&body, 1}).front();
  }
  ErrorCode AddFails(const StoredNote& note, int64_t now) { return Add(note, now).error().code; }
  Result<std::string> Find(const std::string& id, int64_t now) {
    std::string content;
    RECRYPT_TRY(store_->Read([&](StoreView& view) -> Status {
      RECRYPT_ASSIGN(content, FindNote(view, id, now));
      return {};
    }));
    return content;
  }

  TestService service_;
  std::unique_ptr<Store> store_ = (service_.Stop(), OpenStoreAlone(service_.store_place()).value());
};

TEST_F(Notes, AreFoundByTheirIdUntilTheyExpire) {
  EXPECT_EQ(Find("a", kNow).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(Add(Of("a", "{\"x\":1}"), kNow));
  EXPECT_EQ(Find("a", kNow + 59).value(), "{\"x\":1}");
  EXPECT_EQ(Find("a", kNow + 60).error().code, ErrorCode::kStale);
}

TEST_F(Notes, AreLeftOnceAlsoWhenTheyHaveExpired) {
  ASSERT_TRUE(Add(Of("a"), kNow));
  EXPECT_TRUE(Add(Of("a"), kNow)) << "the same again is an answer that was lost";
  EXPECT_EQ(AddFails(Of("a", "[]"), kNow), ErrorCode::kExists);
  EXPECT_EQ(AddFails(Of("a", "[]", kNow + 200), kNow + 100), ErrorCode::kExists);
}

TEST_F(Notes, AreBounded) {
  EXPECT_EQ(AddFails(Of("a", std::string((64 << 10) + 1, ' ')), kNow), ErrorCode::kInvalid);
  EXPECT_EQ(AddFails(Of("a", "{}", kNow), kNow), ErrorCode::kInvalid);
  EXPECT_EQ(AddFails(Of("a", "{}", kNow + 86'401), kNow), ErrorCode::kInvalid);
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(Add(Of(std::to_string(i)), kNow));
  EXPECT_EQ(AddFails(Of("64"), kNow), ErrorCode::kQuota);
  EXPECT_TRUE(Add({"64", "other", "{}", kNow + 60}, kNow));
  EXPECT_TRUE(Add(Of("64 later", "{}", kNow + 200'000), kNow + 150'000))
      << "what expired long ago takes no room";
}

}  // namespace
}  // namespace recrypt
