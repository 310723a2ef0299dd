// BlockMemory: memory for blocks of content that are not encrypted yet, of all documents of the
// process.
//
//   BlockMemory& memory = BlockMemory::OfProcess();
//   BlockMemory::Block* block = memory.Take();    // kBlockSize bytes, undefined
//   memory.Give(block);
//
// Blocks come and go by the thousand, taken by one thread and given back by another: in the heap
// they would lie between all that stays, and what is free between them would be of use to nobody.
// Here they stand in pieces of their own, which the system gets back when none of their blocks is
// in use; a little is kept for the next ones.
//
// Thread safe.
#ifndef RECRYPT_CORE_JCD_BLOCK_MEMORY_H_
#define RECRYPT_CORE_JCD_BLOCK_MEMORY_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <mutex>

#include "core/jcd/geometry.h"

namespace recrypt {

class BlockMemory {
 public:
  using Block = std::array<uint8_t, kBlockSize>;

  static constexpr size_t kBlocksInPiece = 256;
  // So many free blocks are kept, at least.
  static constexpr size_t kKept = 2 * kBlocksInPiece;

  static BlockMemory& OfProcess();
  BlockMemory() = default;
  // All blocks have been given back.
  ~BlockMemory();
  BlockMemory(const BlockMemory&) = delete;
  BlockMemory& operator=(const BlockMemory&) = delete;

  // Throws std::bad_alloc, as new does.
  Block* Take();
  void Give(Block* block);
  // Of the system's, in use or not.
  size_t bytes();

 private:
  using Free = std::bitset<kBlocksInPiece>;

  std::mutex mutex_;               // guards what follows; innermost
  std::map<Block*, Free> pieces_;  // by their first block
  size_t free_ = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_BLOCK_MEMORY_H_
