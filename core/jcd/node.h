// Node: a table or an index block of the hash tree, as bytes, and its hash (docs/FORMAT.md, 3.3).
//
//   Node table = Node::Zero(0, entries);
//   Sha256Digest hash = HashNode(hasher, 0, group, table);
//
// A plain value.
#ifndef RECRYPT_CORE_JCD_NODE_H_
#define RECRYPT_CORE_JCD_NODE_H_

#include <algorithm>
#include <cstring>

#include "core/crypto/symmetric.h"
#include "core/jcd/geometry.h"

namespace recrypt {

class Node {
 public:
  // All entries zero: holes, or hashes of what only holes are below.
  static Node Zero(int level, uint64_t entries) {
    Node node;
    node.head_ = level == 0 ? kTableHead : 0;
    node.entry_size_ = level == 0 ? kEntrySize : kHashSize;
    node.bytes_.resize(node.head_ + entries * node.entry_size_);
    return node;
  }

  uint64_t entries() const { return (bytes_.size() - head_) / entry_size_; }
  const Bytes& bytes() const { return bytes_; }
  MutableByteSpan mutable_bytes() { return bytes_; }
  // New entries are zero.
  void SetEntries(uint64_t entries) { bytes_.resize(head_ + entries * entry_size_); }

  uint64_t EntryAt(uint64_t i) const { return head_ + i * entry_size_; }
  const uint8_t* Entry(uint64_t i) const { return &bytes_[EntryAt(i)]; }
  uint8_t* MutableEntry(uint64_t i) { return &bytes_[EntryAt(i)]; }
  bool IsZero(uint64_t i) const { return AllZero({Entry(i), entry_size_}); }
  bool IsZero() const { return AllZero(ByteSpan(bytes_).subspan(head_)); }
  void ClearEntry(uint64_t i) { std::memset(MutableEntry(i), 0, entry_size_); }

  // Tables: the data key of the group.
  uint32_t key() const { return LoadU32(bytes_.data()); }
  void SetKey(uint32_t key) { StoreU32(bytes_.data(), key); }

  // Index blocks: the hash of a node below.
  Sha256Digest Hash(uint64_t i) const {
    Sha256Digest hash;
    std::copy_n(Entry(i), kHashSize, hash.begin());
    return hash;
  }
  void SetHash(uint64_t i, const Sha256Digest& hash) {
    std::copy(hash.begin(), hash.end(), MutableEntry(i));
  }

  static bool AllZero(ByteSpan bytes) {
    return bytes.empty() ||
           (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
  }

 private:
  size_t head_ = 0;
  size_t entry_size_ = 0;
  Bytes bytes_;
};

constexpr Sha256Digest kZeroHash{};

// Zero for a node of zero entries.
inline Sha256Digest HashNode(Sha256Hasher& hasher, int level, uint64_t number, const Node& node) {
  if (node.IsZero()) return kZeroHash;
  uint8_t head[1 + 1 + 8];
  size_t size = 0;
  head[size++] = level == 0 ? 0 : 1;
  if (level > 0) head[size++] = static_cast<uint8_t>(level);
  StoreU64(head + size, number);
  hasher.Update({head, size + 8});
  hasher.Update(node.bytes());
  return hasher.Finish();
}

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_NODE_H_
