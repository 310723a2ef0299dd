#include "core/crypto/recent_by_digest.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

Sha256Digest DigestOf(uint32_t number) {
  Bytes text(4);
  StoreU32(text.data(), number);
  return Sha256(text);
}

class RecentByDigestTest : public testing::Test {
 protected:
  static constexpr uint32_t kHalf = 8;

  void Add(uint32_t first, uint32_t last) {
    for (uint32_t i = first; i < last; ++i) recent_.Add(DigestOf(i), i);
  }
  // How many of them are still known; asking is a use.
  size_t Known(uint32_t first, uint32_t last) {
    size_t known = 0;
    for (uint32_t i = first; i < last; ++i) known += recent_.Find(DigestOf(i)).has_value() ? 1 : 0;
    return known;
  }

  RecentByDigest<uint32_t> recent_{kHalf};
};

TEST_F(RecentByDigestTest, FindsWhatWasAddedLast) {
  EXPECT_FALSE(recent_.Find(DigestOf(1)));
  Add(1, 3);
  EXPECT_EQ(recent_.Find(DigestOf(1)), 1u);
  EXPECT_EQ(recent_.Find(DigestOf(2)), 2u);
  EXPECT_FALSE(recent_.Find(DigestOf(3)));
  recent_.Add(DigestOf(1), 100);
  EXPECT_EQ(recent_.Find(DigestOf(1)), 100u);
}

TEST_F(RecentByDigestTest, HoldsAtMostTwiceHalf) {
  const auto value = std::make_shared<int>(0);
  RecentByDigest<std::shared_ptr<int>> recent(kHalf);
  for (uint32_t i = 0; i < 1000; ++i) {
    recent.Add(DigestOf(i), value);
    if (i % 3 == 0) (void)recent.Find(DigestOf(i / 2));
    ASSERT_LE(value.use_count() - 1, long{2 * kHalf}) << i;
  }
}

TEST_F(RecentByDigestTest, KeepsTheLastHalfAtLeast) {
  for (uint32_t end = kHalf; end < 10 * kHalf; ++end) {
    RecentByDigest<uint32_t> recent(kHalf);
    for (uint32_t i = 0; i < end; ++i) recent.Add(DigestOf(i), i);
    for (uint32_t i = end - kHalf; i < end; ++i) EXPECT_EQ(recent.Find(DigestOf(i)), i) << end;
  }
}

TEST_F(RecentByDigestTest, KeepsWhatIsAskedForAndForgetsTheRest) {
  Add(0, 2);
  for (uint32_t i = 100; i < 1000; ++i) {
    Add(i, i + 1);
    ASSERT_EQ(recent_.Find(DigestOf(0)), 0u) << i;
  }
  EXPECT_EQ(Known(1, 2), 0u);
  EXPECT_EQ(Known(100, 1000 - 2 * kHalf), 0u);
}

}  // namespace
}  // namespace recrypt
