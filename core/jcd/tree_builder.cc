#include "core/jcd/tree_builder.h"

namespace recrypt {

void TreeBuilder::AddTable(const Sha256Digest& hash, Bytes& behind) {
  ++groups_;
  levels_[0].last = hash;
  Add(1, hash, behind);
}

void TreeBuilder::Add(int level, const Sha256Digest& hash, Bytes& behind) {
  Append(levels_[level].hashes, hash);
  if (levels_[level].hashes.size() == kFullIndex) Close(level, behind);
}

void TreeBuilder::Close(int level, Bytes& behind) {
  Level& closed = levels_[level];
  Append(behind, closed.hashes);
  Node node = Node::Zero(level, closed.hashes.size() / kHashSize);
  std::copy(closed.hashes.begin(), closed.hashes.end(), node.mutable_bytes().begin());
  closed.last = HashNode(hasher_, level, closed.number++, node);
  closed.hashes.clear();
  if (level < kMaxLevels) Add(level + 1, closed.last, behind);
}

Sha256Digest TreeBuilder::Finish(Bytes& behind) {
  if (groups_ == 0) return kZeroHash;
  const int top = Layout(groups_ * kGroupBytes).top();
  for (int level = 1; level <= top; ++level) {
    if (!levels_[level].hashes.empty()) Close(level, behind);
  }
  return levels_[top].last;
}

}  // namespace recrypt
