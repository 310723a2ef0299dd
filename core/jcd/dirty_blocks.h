// DirtyBlocks: the plaintext of blocks that were written and not yet encrypted, by group.
//
//   uint8_t* bytes = blocks.Add(block);      // 4096 bytes, to be filled in
//   if (const uint8_t* bytes = blocks.Find(block)) ...
//
// Thread rule as for Tree.
#ifndef RECRYPT_CORE_JCD_DIRTY_BLOCKS_H_
#define RECRYPT_CORE_JCD_DIRTY_BLOCKS_H_

#include <array>
#include <cstdint>
#include <map>

#include "core/jcd/block_memory.h"

namespace recrypt {

class DirtyBlocks {
 public:
  DirtyBlocks() = default;
  ~DirtyBlocks() { Clear(); }
  DirtyBlocks(const DirtyBlocks&) = delete;
  DirtyBlocks& operator=(const DirtyBlocks&) = delete;

  struct Group {
    std::array<BlockMemory::Block*, kGroupBlocks> blocks{};  // null where none is held
    size_t count = 0;
  };
  using Groups = std::map<uint64_t, Group>;

  const Groups& groups() const { return groups_; }
  const Group* FindGroup(uint64_t group) const;
  const uint8_t* Find(uint64_t block) const;
  uint8_t* Find(uint64_t block);
  // Memory for a block, with what it held if it was there already, else undefined.
  uint8_t* Add(uint64_t block);
  void Erase(uint64_t block);
  // Forgets all blocks from `first` on and before `end`.
  void EraseRange(uint64_t first, uint64_t end);
  void EraseGroup(uint64_t group);
  void Clear();

  uint64_t bytes() const { return count_ * kBlockSize; }

 private:
  Groups groups_;
  uint64_t count_ = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_DIRTY_BLOCKS_H_
