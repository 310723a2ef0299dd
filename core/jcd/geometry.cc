#include "core/jcd/geometry.h"

#include <algorithm>

namespace recrypt {
namespace {

uint64_t CeilDiv(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

}  // namespace

uint64_t GroupStart(uint64_t group) {
  uint64_t index_blocks = 0;
  for (uint64_t rest = group / kFanout; rest > 0; rest /= kFanout) index_blocks += rest;
  return kHeaderRegion + group * (kGroupBytes + kFullTable + kSlotSize) + index_blocks * kFullIndex;
}

uint64_t FullNodeOffset(int level, uint64_t number) {
  const uint64_t last_group = (number + 1) * GroupsCovered(level) - 1;
  const uint64_t table = GroupStart(last_group) + kGroupBytes;
  if (level == 0) return table;
  return table + kFullTable + static_cast<uint64_t>(level - 1) * kFullIndex;
}

Layout::Layout(uint64_t size) : size_(size), groups_(CeilDiv(size, kGroupBytes)), top_(0) {
  for (uint64_t nodes = groups_; nodes > 1; nodes = CeilDiv(nodes, kFanout)) ++top_;
}

uint64_t Layout::NodesAt(int level) const { return CeilDiv(groups_, GroupsCovered(level)); }

uint64_t Layout::BytesInGroup(uint64_t group) const {
  return std::min(kGroupBytes, size_ - group * kGroupBytes);
}

uint64_t Layout::BlocksInGroup(uint64_t group) const {
  return CeilDiv(BytesInGroup(group), kBlockSize);
}

uint64_t Layout::BytesInBlock(uint64_t block) const {
  return std::min(kBlockSize, size_ - block * kBlockSize);
}

uint64_t Layout::NodeEntries(int level, uint64_t number) const {
  if (level == 0) return BlocksInGroup(number);
  return std::min(kFanout, NodesAt(level - 1) - number * kFanout);
}

uint64_t Layout::NodeBytes(int level, uint64_t number) const {
  const uint64_t entries = NodeEntries(level, number);
  return level == 0 ? kTableHead + entries * kEntrySize : entries * kHashSize;
}

uint64_t Layout::NodeOffset(int level, uint64_t number) const {
  const uint64_t last = std::min((number + 1) * GroupsCovered(level), groups_) - 1;
  uint64_t at = GroupStart(last) + BytesInGroup(last);
  // Behind the last group covered stand its table and the lower index blocks that end with it.
  for (int below = 0; below < level; ++below) at += NodeBytes(below, last / GroupsCovered(below));
  return at;
}

uint64_t Layout::DataEnd() const {
  if (groups_ == 0) return kHeaderRegion;
  return NodeOffset(top_, 0) + NodeBytes(top_, 0);
}

std::optional<uint64_t> ContentSizeOf(uint64_t stored_length) {
  if (stored_length < kEmptyLength || stored_length > Layout(kMaxContentSize).StoredLength()) {
    return std::nullopt;
  }
  if (stored_length == kEmptyLength) return 0;
  // The last group whose shortest form fits: a group takes 529453.25 bytes in the long run.
  uint64_t low = (stored_length - kEmptyLength) / 529454;
  uint64_t high = std::min(kMaxContentSize / kGroupBytes - 1, stored_length / 529421 + 1);
  low -= std::min<uint64_t>(low, 1);
  while (low < high) {
    const uint64_t middle = low + (high - low + 1) / 2;
    if (Layout(middle * kGroupBytes + 1).StoredLength() <= stored_length) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const uint64_t before = low * kGroupBytes;
  const uint64_t shortest = Layout(before + 1).StoredLength();
  if (stored_length < shortest) return std::nullopt;
  // What is left are the bytes of the group and an entry for each of its blocks.
  const uint64_t rest = stored_length - shortest + 1 + kEntrySize;
  const uint64_t blocks = CeilDiv(rest, kBlockSize + kEntrySize);
  if (rest <= blocks * kEntrySize) return std::nullopt;
  const uint64_t bytes = rest - blocks * kEntrySize;
  if (bytes > kGroupBytes || CeilDiv(bytes, kBlockSize) != blocks) return std::nullopt;
  return before + bytes;
}

uint64_t NextUnmappedLength(uint64_t at_least) {
  const auto size = ContentSizeOf(at_least);
  if (!size) return at_least;
  // Lengths are missing in front of each new block.
  return Layout(CeilDiv(*size, kBlockSize) * kBlockSize).StoredLength() + 1;
}

}  // namespace recrypt
