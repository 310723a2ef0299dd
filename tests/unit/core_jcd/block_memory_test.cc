#include "core/jcd/block_memory.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace recrypt {
namespace {

using Blocks = std::vector<BlockMemory::Block*>;
constexpr size_t kPiece = BlockMemory::kBlocksInPiece * kBlockSize;

Blocks Take(BlockMemory& memory, size_t count) {
  Blocks blocks;
  for (size_t i = 0; i < count; ++i) {
    blocks.push_back(memory.Take());
    blocks.back()->fill(static_cast<uint8_t>(i));
  }
  return blocks;
}

void Give(BlockMemory& memory, const Blocks& blocks) {
  for (BlockMemory::Block* block : blocks) memory.Give(block);
}

TEST(BlockMemory, GivesBlocksThatDoNotOverlap) {
  BlockMemory memory;
  const Blocks blocks = Take(memory, 1000);
  for (size_t i = 0; i < blocks.size(); ++i) {
    BlockMemory::Block expected;
    expected.fill(static_cast<uint8_t>(i));
    ASSERT_TRUE(*blocks[i] == expected) << i;
  }
}

TEST(BlockMemory, TakesNoMoreThanItsBlocksNeed) {
  BlockMemory memory;
  const Blocks blocks = Take(memory, 1000);
  EXPECT_EQ(memory.bytes(), 4 * kPiece);
}

TEST(BlockMemory, KeepsALittleOfWhatIsGivenBack) {
  BlockMemory memory;
  Blocks blocks = Take(memory, 10 * BlockMemory::kBlocksInPiece);
  EXPECT_EQ(memory.bytes(), 10 * kPiece);
  Give(memory, blocks);
  EXPECT_EQ(memory.bytes(), BlockMemory::kKept * kBlockSize);
  blocks = Take(memory, BlockMemory::kKept);
  EXPECT_EQ(memory.bytes(), BlockMemory::kKept * kBlockSize);
}

TEST(BlockMemory, UsesWhatIsFreeBetweenOthersFirst) {
  BlockMemory memory;
  Blocks blocks = Take(memory, 4 * BlockMemory::kBlocksInPiece);
  for (size_t i = 0; i < blocks.size(); i += 2) memory.Give(blocks[i]);
  const Blocks more = Take(memory, blocks.size() / 2);
  EXPECT_EQ(memory.bytes(), 4 * kPiece);
}

TEST(BlockMemory, ServesSeveralThreads) {
  BlockMemory memory;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 50; ++round) {
        Blocks blocks = Take(memory, 300);
        for (const auto& block : blocks) block->fill(static_cast<uint8_t>(thread));
        for (const auto& block : blocks) ASSERT_EQ(block->back(), thread);
        Give(memory, blocks);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory.bytes(), BlockMemory::kKept * kBlockSize);
}

}  // namespace
}  // namespace recrypt
