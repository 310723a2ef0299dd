#include "core/jcd/dirty_blocks.h"

#include <algorithm>
#include <utility>

namespace recrypt {

const DirtyBlocks::Group* DirtyBlocks::FindGroup(uint64_t group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

const uint8_t* DirtyBlocks::Find(uint64_t block) const {
  const Group* group = FindGroup(block / kGroupBlocks);
  if (group == nullptr) return nullptr;
  const BlockMemory::Block* held = group->blocks[block % kGroupBlocks];
  return held != nullptr ? held->data() : nullptr;
}

uint8_t* DirtyBlocks::Find(uint64_t block) {
  return const_cast<uint8_t*>(static_cast<const DirtyBlocks*>(this)->Find(block));
}

uint8_t* DirtyBlocks::Add(uint64_t block) {
  Group& group = groups_[block / kGroupBlocks];
  BlockMemory::Block*& held = group.blocks[block % kGroupBlocks];
  if (held == nullptr) {
    held = BlockMemory::OfProcess().Take();
    ++group.count;
    ++count_;
  }
  return held->data();
}

void DirtyBlocks::Erase(uint64_t block) { EraseRange(block, block + 1); }

void DirtyBlocks::EraseRange(uint64_t first, uint64_t end) {
  for (auto at = groups_.lower_bound(first / kGroupBlocks); at != groups_.end();) {
    const uint64_t start = at->first * kGroupBlocks;
    if (start >= end) return;
    Group& group = at->second;
    const uint64_t from = std::max(first, start) - start;
    const uint64_t to = std::min(end - start, kGroupBlocks);
    for (uint64_t i = from; i < to; ++i) {
      if (group.blocks[i] == nullptr) continue;
      BlockMemory::OfProcess().Give(std::exchange(group.blocks[i], nullptr));
      --group.count;
      --count_;
    }
    at = group.count == 0 ? groups_.erase(at) : std::next(at);
  }
}

void DirtyBlocks::EraseGroup(uint64_t group) {
  EraseRange(group * kGroupBlocks, (group + 1) * kGroupBlocks);
}

void DirtyBlocks::Clear() { EraseRange(0, ~uint64_t{0}); }

}  // namespace recrypt
