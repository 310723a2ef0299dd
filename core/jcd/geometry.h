// Geometry: where blocks, tables and index blocks of a document stand (docs/FORMAT.md, 3.1).
//
//   Layout layout(content_size);
//   uint64_t at = layout.NodeOffset(0, group);       // the table of a group
//   uint64_t length = layout.StoredLength();
//
// Pure arithmetic, thread safe. Level 0 are the tables, level 1 and up the index blocks; a node is
// one of either.
#ifndef RECRYPT_CORE_JCD_GEOMETRY_H_
#define RECRYPT_CORE_JCD_GEOMETRY_H_

#include <cstdint>
#include <optional>

namespace recrypt {

constexpr uint64_t kHeaderRegion = 2304;  // the constants H, B, G, E, S, T of the page
constexpr uint64_t kBlockSize = 4096;
constexpr uint64_t kGroupBlocks = 128;
constexpr uint64_t kEntrySize = 40;
constexpr uint64_t kSlotSize = 9;
constexpr uint64_t kTrailerSize = 656;

constexpr uint64_t kSlot0 = kHeaderRegion - kSlotSize;
constexpr uint64_t kFanout = 128;
constexpr uint64_t kHashSize = 32;
constexpr uint64_t kGroupBytes = kGroupBlocks * kBlockSize;
constexpr uint64_t kTableHead = 4;
constexpr uint64_t kFullTable = kTableHead + kGroupBlocks * kEntrySize;
constexpr uint64_t kFullIndex = kFanout * kHashSize;
constexpr uint64_t kEmptyLength = kHeaderRegion + kTrailerSize;
// The largest content; six levels of index blocks are enough for it.
constexpr uint64_t kMaxContentSize = uint64_t{1} << 60;
constexpr int kMaxLevels = 7;

// P(g): where the blocks of a group start.
uint64_t GroupStart(uint64_t group);
// Where a node stands whose entries all exist and are full.
uint64_t FullNodeOffset(int level, uint64_t number);
// How many groups a node of a level covers: 128^level.
inline uint64_t GroupsCovered(int level) { return uint64_t{1} << (7 * level); }

class Layout {
 public:
  // size at most kMaxContentSize.
  explicit Layout(uint64_t size);

  uint64_t size() const { return size_; }
  uint64_t blocks() const { return (size_ + kBlockSize - 1) / kBlockSize; }
  uint64_t groups() const { return groups_; }
  // The level of the root: 0 when there is at most one group.
  int top() const { return top_; }
  uint64_t NodesAt(int level) const;

  // Bytes of content in a group and in a block of it, and its number of blocks.
  uint64_t BytesInGroup(uint64_t group) const;
  uint64_t BlocksInGroup(uint64_t group) const;
  uint64_t BytesInBlock(uint64_t block) const;

  // A node of this layout: its entries, its bytes and where it stands.
  uint64_t NodeEntries(int level, uint64_t number) const;
  uint64_t NodeBytes(int level, uint64_t number) const;
  uint64_t NodeOffset(int level, uint64_t number) const;

  uint64_t DataEnd() const;
  uint64_t StoredLength() const { return DataEnd() + kTrailerSize; }

 private:
  uint64_t size_;
  uint64_t groups_;
  int top_;
};

inline uint64_t BlockOffset(uint64_t block) {
  return GroupStart(block / kGroupBlocks) + (block % kGroupBlocks) * kBlockSize;
}

// The content size with exactly this stored length.
std::optional<uint64_t> ContentSizeOf(uint64_t stored_length);
// The smallest length from `at_least` on that no content size has.
uint64_t NextUnmappedLength(uint64_t at_least);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_GEOMETRY_H_
