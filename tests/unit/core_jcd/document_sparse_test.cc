// Large documents that are mostly holes: several levels of index blocks, and little work.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/core_jcd/fixture.h"
#include "tests/unit/core_jcd/sparse_file.h"

namespace recrypt {
namespace {

constexpr uint64_t kTiB = uint64_t{1} << 40;

TEST(SparseDocument, CostsLittleWithDataAtBothEnds) {
  World world;
  auto file = std::make_shared<SparseFile>();
  auto document = world.Create(file);
  Must(document->Truncate(kTiB));
  const Bytes data = RandomContent(10000);
  Must(document->Write(0, data));
  Must(document->Write(kTiB - data.size(), data));
  Must(document->Commit(world.author(), Durability::kSynced));
  EXPECT_LT(file->bytes_written, 100'000u);
  EXPECT_EQ(Must(file->Size()), StoredLengthFromSize(kTiB));
  document = Must(world.Open(file));
  Bytes out(data.size());
  Must(document->Read(kTiB - data.size(), out));
  EXPECT_EQ(out, data);
  Must(document->Read(0, out));
  EXPECT_EQ(out, data);
  Must(document->Read(kTiB / 2, out));
  EXPECT_EQ(out, Bytes(out.size()));
  EXPECT_LT(file->bytes_read, 200'000u);
  EXPECT_EQ(Must(document->SeekData(0)), 0u);
  EXPECT_EQ(Must(document->SeekHole(0)), 12288u);
  EXPECT_EQ(Must(document->SeekData(12288)), kTiB - 12288);
  EXPECT_EQ(Must(document->SeekHole(kTiB - 100)), kTiB);
  EXPECT_EQ(document->SeekData(kTiB).error().code, ErrorCode::kNotFound);
  EXPECT_LT(file->bytes_read, 200'000u);
}

TEST(SparseDocument, GrowsAndIsPunchedByRecordsOfFewBytes) {
  World world;
  auto file = std::make_shared<SparseFile>();
  auto document = world.Create(file);
  Must(document->Write(0, RandomContent(5000)));
  Must(document->Commit(world.author(), Durability::kSynced));
  const uint64_t before = file->bytes_written;
  Must(document->Truncate(kTiB));
  Must(document->Write(kTiB / 3, RandomContent(5000)));
  Must(document->Commit(world.author(), Durability::kSynced));
  Must(document->PunchHole(4096, kTiB - 8192));
  Must(document->Commit(world.author(), Durability::kSynced));
  EXPECT_EQ(document->SeekData(5000).error().code, ErrorCode::kNotFound);
  Must(document->Apply());
  EXPECT_LT(file->bytes_written - before, 200'000u);
  document = Must(world.Open(file));
  EXPECT_EQ(document->Size(), kTiB);
  EXPECT_EQ(document->SeekData(5000).error().code, ErrorCode::kNotFound);
  Must(document->Truncate(100));
  Must(document->Commit(world.author(), Durability::kSynced));
  Must(document->Apply());
  EXPECT_EQ(Must(file->Size()), StoredLengthFromSize(100));
}

// A model by blocks of 4 KiB: what is not in the map is zeros.
class SparseModel : public testing::TestWithParam<uint32_t> {
 protected:
  uint64_t Below(uint64_t limit) { return random_() % limit; }
  uint64_t AnyBlock() {
    // Near edges of groups and of what index blocks cover.
    static constexpr uint64_t kSteps[] = {1, 128, 128 * 128, 128 * 128 * 128};
    const uint64_t step = kSteps[Below(4)];
    const uint64_t block = Below(kLimit) / step * step + Below(3);
    return std::min(block - std::min<uint64_t>(block, Below(3)), kLimit - 1);
  }

  static constexpr uint64_t kLimit = uint64_t{5} << 21;  // blocks: three levels
  std::mt19937_64 random_{GetParam()};
};

TEST_P(SparseModel, BehavesLikeAMapOfBlocks) {
  World world;
  auto file = std::make_shared<SparseFile>();
  auto document = world.Create(file);
  std::map<uint64_t, Bytes> blocks;
  uint64_t size = 0;  // in blocks
  const auto check_block = [&](uint64_t block) {
    Bytes out(4096);
    const size_t got = Must(document->Read(block * 4096, out));
    ASSERT_EQ(got, block < size ? 4096u : 0u);
    const auto expected = blocks.find(block);
    if (got > 0) {
      ASSERT_EQ(out, expected == blocks.end() ? Bytes(4096) : expected->second) << block;
    }
  };
  const auto erase = [&](uint64_t first, uint64_t end) {
    blocks.erase(blocks.lower_bound(first), blocks.lower_bound(end));
  };
  for (int step = 0; step < 400 && !HasFailure(); ++step) {
    const uint64_t block = AnyBlock();
    switch (Below(10)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const Bytes data = RandomContent(4096);
        Must(document->Write(block * 4096, data));
        blocks[block] = data;
        size = std::max(size, block + 1);
        break;
      }
      case 4: {
        size = Below(4) == 0 ? Below(300) : block;
        Must(document->Truncate(size * 4096));
        erase(size, kLimit);
        break;
      }
      case 5: {
        const uint64_t end = std::max(block, AnyBlock());
        Must(document->PunchHole(block * 4096, (end - block) * 4096));
        erase(block, end);
        break;
      }
      case 6:
        Must(document->Commit(world.author(), Durability::kSynced));
        break;
      case 7:
        Must(document->Commit(world.author(), Durability::kSynced));
        Must(document->Apply());
        break;
      case 8:
        Must(document->Commit(world.author(), Durability::kSynced));
        document = Must(world.Open(file));
        break;
      case 9: {
        if (block >= size) break;
        const auto next = blocks.lower_bound(block);
        const auto found = document->SeekData(block * 4096);
        if (next == blocks.end()) {
          EXPECT_FALSE(found);
        } else {
          EXPECT_EQ(Must(found), next->first * 4096);
        }
        break;
      }
    }
    check_block(block);
    if (!blocks.empty()) check_block(blocks.lower_bound(Below(blocks.rbegin()->first + 1))->first);
  }
  Must(document->Commit(world.author(), Durability::kSynced));
  Must(document->Apply());
  document = Must(world.Open(file));
  EXPECT_EQ(document->Size(), size * 4096);
  for (const auto& [block, data] : blocks) check_block(block);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SparseModel, testing::Range(1u, 11u));

}  // namespace
}  // namespace recrypt
