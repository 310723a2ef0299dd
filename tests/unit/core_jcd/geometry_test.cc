#include "core/jcd/geometry.h"

#include <gtest/gtest.h>

#include <random>

#include "core/jcd/document.h"

namespace recrypt {
namespace {

TEST(Geometry, HasTheLengthsOfTheFormatPage) {
  const std::pair<uint64_t, uint64_t> kLengths[] = {
      {0, 2960},        {1, 3005},        {4096, 7100},         {4097, 7141},
      {524288, 532372}, {524289, 532490}, {67108864, 67772935}, {67108865, 67773085}};
  for (const auto& [size, length] : kLengths) {
    EXPECT_EQ(StoredLengthFromSize(size), length);
    EXPECT_EQ(*SizeFromStoredLength(length), size);
  }
}

TEST(Geometry, GivesBackTheSizeOfEveryLength) {
  uint64_t size = 0;
  uint64_t missing = 0;
  for (uint64_t length = 0; length < Layout(1'200'000).StoredLength(); ++length) {
    const auto found = ContentSizeOf(length);
    if (length < kEmptyLength) {
      EXPECT_FALSE(found);
    } else if (found) {
      ASSERT_EQ(*found, size);
      // 40 lengths before each new block; more before a new group.
      if (size > 0 && size % kGroupBytes == 1 && size > 1) {
        EXPECT_GT(missing, 40u);
      } else if (size % kBlockSize == 1) {
        EXPECT_GE(missing, 40u) << size;
      } else {
        EXPECT_EQ(missing, 0u) << size;
      }
      ++size;
      missing = 0;
    } else {
      ++missing;
      ASSERT_EQ(NextUnmappedLength(length), length);
    }
  }
}

TEST(Geometry, GrowsWithTheSizeUpToTheLargest) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    uint64_t size = random() >> (4 + random() % 60);
    if (i % 3 == 0) size = size / kGroupBytes * kGroupBytes;
    if (i % 3 == 1) size = size / kBlockSize * kBlockSize + random() % 3;
    size = std::min(size, kMaxContentSize - 1);
    const uint64_t length = Layout(size).StoredLength();
    ASSERT_EQ(ContentSizeOf(length), size);
    ASSERT_LT(length, Layout(size + 1).StoredLength());
    ASSERT_FALSE(ContentSizeOf(NextUnmappedLength(length)));
    ASSERT_GE(NextUnmappedLength(length), length);
  }
  EXPECT_EQ(ContentSizeOf(Layout(kMaxContentSize).StoredLength()), kMaxContentSize);
  EXPECT_FALSE(ContentSizeOf(Layout(kMaxContentSize).StoredLength() + 1));
  EXPECT_FALSE(ContentSizeOf(~uint64_t{0}));
}

// Every byte of the data belongs to one block, node or slot.
TEST(Geometry, LeavesNoByteAndTakesNoneTwice) {
  for (const uint64_t groups : {1ul, 2ul, 127ul, 128ul, 129ul, 256ul, 300ul, 16384ul, 16385ul}) {
    for (const uint64_t cut : {0ul, 1ul, 4096ul, 300'000ul}) {
      const Layout layout(groups * kGroupBytes - cut);
      uint64_t at = kHeaderRegion;
      for (uint64_t group = 0; group < groups; ++group) {
        if (group > 0) at += kSlotSize;
        ASSERT_EQ(GroupStart(group), at);
        at += layout.BytesInGroup(group);
        for (int level = 0; level <= layout.top(); ++level) {
          const bool ends = (group + 1) % GroupsCovered(level) == 0 || group + 1 == groups;
          if (!ends) break;
          const uint64_t number = group / GroupsCovered(level);
          ASSERT_EQ(layout.NodeOffset(level, number), at);
          if (group + 1 < groups) {
            ASSERT_EQ(FullNodeOffset(level, number), at);
          }
          at += layout.NodeBytes(level, number);
        }
      }
      EXPECT_EQ(layout.DataEnd(), at);
    }
  }
}

}  // namespace
}  // namespace recrypt
