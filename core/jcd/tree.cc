#include "core/jcd/tree.h"

#include <algorithm>

namespace recrypt {
namespace {

// The levels, from the lowest on, whose last node in the layout is full: it stays as it is, where
// it is, when the document goes on behind it.
int FullLevels(const Layout& layout) {
  if (layout.groups() == 0 || layout.size() % kGroupBytes != 0) return 0;
  int level = 1;
  while (level <= layout.top() && layout.groups() % GroupsCovered(level) == 0) ++level;
  return level;
}

}  // namespace

void Tree::Reset(uint64_t size, const Sha256Digest& root) {
  stored_ = Layout(size);
  stored_root_ = root;
  Discard();
}

void Tree::Discard() {
  for (ChangedNodes& nodes : changed_) nodes.clear();
  cache_.Clear();
  layout_ = stored_;
  root_ = stored_root_;
}

void Tree::Committed() {
  for (int level = 0; level <= layout_.top(); ++level) {
    for (auto& [number, changed] : changed_[level]) {
      if (changed.node.IsZero()) continue;
      cache_.Put(level, number, std::make_shared<const Node>(std::move(changed.node)));
    }
    changed_[level].clear();
  }
  stored_ = layout_;
  stored_root_ = root_;
}

uint64_t Tree::ChangedBytes() const {
  uint64_t bytes = 0;
  for (const ChangedNodes& nodes : changed_) bytes += nodes.size() * (kFullTable + 256);
  return bytes;
}

bool Tree::OnStoredEnd(int level, uint64_t number) const {
  return stored_.groups() > 0 && level <= stored_.top() &&
         number == (stored_.groups() - 1) / GroupsCovered(level);
}

Tree::Place Tree::PlaceOf(int level, uint64_t number) const {
  if (OnStoredEnd(level, number)) {
    return {stored_.NodeOffset(level, number), stored_.NodeEntries(level, number)};
  }
  return {FullNodeOffset(level, number), kFanout};
}

ChangedNode* Tree::FindChanged(int level, uint64_t number) {
  const auto found = changed_[level].find(number);
  return found == changed_[level].end() ? nullptr : &found->second;
}

Result<Sha256Digest> Tree::HashOf(Sha256Hasher& hasher, int level, uint64_t number) const {
  if (level >= layout_.top()) return root_;
  RECRYPT_ASSIGN(const NodeRef parent, Get(hasher, level + 1, number / kFanout));
  return parent ? parent->Hash(number % kFanout) : kZeroHash;
}

NodeRef Tree::Find(int level, uint64_t number) const {
  const auto changed = changed_[level].find(number);
  if (changed != changed_[level].end()) return NodeRef(&changed->second.node);
  return NodeRef(cache_.Find(level, number));
}

Result<NodeRef> Tree::Get(Sha256Hasher& hasher, int level, uint64_t number) const {
  if (NodeRef found = Find(level, number)) return found;
  RECRYPT_ASSIGN(const Sha256Digest hash, HashOf(hasher, level, number));
  if (hash == kZeroHash) return NodeRef();
  RECRYPT_ASSIGN(auto loaded, Load(hasher, level, number, hash));
  cache_.Put(level, number, loaded);
  return NodeRef(std::move(loaded));
}

Result<bool> Tree::IsHole(Sha256Hasher& hasher, int level, uint64_t number) const {
  if (changed_[level].contains(number)) return false;
  RECRYPT_ASSIGN(const Sha256Digest hash, HashOf(hasher, level, number));
  return hash == kZeroHash;
}

Result<std::shared_ptr<const Node>> Tree::Load(Sha256Hasher& hasher, int level, uint64_t number,
                                               const Sha256Digest& hash) const {
  const Place place = PlaceOf(level, number);
  auto node = std::make_shared<Node>(Node::Zero(level, place.entries));
  RECRYPT_TRY(stored_bytes_.ReadStored(place.offset, node->mutable_bytes()));
  if (HashNode(hasher, level, number, *node) != hash) {
    return Fail(ErrorCode::kCorrupt, level == 0
                                         ? "a table does not match the trailer's root"
                                         : "an index block does not match the trailer's root");
  }
  return std::shared_ptr<const Node>(std::move(node));
}

Result<ChangedNode*> Tree::Touch(Sha256Hasher& hasher, int level, uint64_t number) {
  if (ChangedNode* changed = FindChanged(level, number)) return changed;
  RECRYPT_ASSIGN(const NodeRef node, Get(hasher, level, number));
  if (level < layout_.top()) RECRYPT_TRY(Touch(hasher, level + 1, number / kFanout));
  ChangedNode changed;
  // What stood in the place of a node of holes has no meaning.
  changed.whole = !node;
  changed.node = node ? *node : Node::Zero(level, layout_.NodeEntries(level, number));
  cache_.Erase(level, number);
  return &changed_[level].emplace(number, std::move(changed)).first->second;
}

void Tree::SetHash(int level, uint64_t number, const Sha256Digest& hash) {
  if (level == layout_.top()) {
    root_ = hash;
    return;
  }
  ChangedNode& parent = changed_[level + 1].at(number / kFanout);
  const uint64_t i = number % kFanout;
  if (parent.node.Hash(i) == hash) return;
  parent.node.SetHash(i, hash);
  parent.entries.set(i);
}

Status Tree::Resize(Sha256Hasher& hasher, uint64_t size) {
  const Layout next(size);
  if (size == layout_.size()) return {};
  // The end that is cut: of the shorter of the two layouts.
  const Layout cut = size < layout_.size() ? next : layout_;
  if (cut.groups() == 0) {
    for (ChangedNodes& nodes : changed_) nodes.clear();
    cache_.Clear();
    root_ = kZeroHash;
    layout_ = next;
    return {};
  }
  RECRYPT_TRY(TouchMoved(hasher, cut));
  const int old_top = layout_.top();
  if (next.top() < old_top && FindChanged(next.top(), 0) == nullptr) {
    RECRYPT_ASSIGN(root_, HashOf(hasher, next.top(), 0));
  }
  // Unchanged nodes beyond the end must not come back with a later growth, which adds holes.
  if (size < layout_.size()) cache_.Clear();
  layout_ = next;
  DropBeyond();
  FitEntries(cut);
  if (next.top() > old_top) AddLevels(old_top);
  return {};
}

// Nodes at the end of `cut` get other entries or another place, unless they are full or holes.
Status Tree::TouchMoved(Sha256Hasher& hasher, const Layout& cut) {
  const uint64_t last = cut.groups() - 1;
  for (int level = FullLevels(cut); level <= cut.top(); ++level) {
    const uint64_t number = last / GroupsCovered(level);
    RECRYPT_ASSIGN(const bool hole, IsHole(hasher, level, number));
    if (hole) continue;
    RECRYPT_ASSIGN(ChangedNode * node, Touch(hasher, level, number));
    node->whole = true;
  }
  return {};
}

void Tree::FitEntries(const Layout& cut) {
  const uint64_t last = cut.groups() - 1;
  for (int level = 0; level <= std::min(cut.top(), layout_.top()); ++level) {
    const uint64_t number = last / GroupsCovered(level);
    ChangedNode* node = FindChanged(level, number);
    if (node != nullptr) node->node.SetEntries(layout_.NodeEntries(level, number));
  }
}

// The old top becomes the first entry of a new level, and so on.
void Tree::AddLevels(int old_top) {
  const bool changed = FindChanged(old_top, 0) != nullptr;
  if (!changed && root_ == kZeroHash) return;
  for (int level = old_top + 1; level <= layout_.top(); ++level) {
    ChangedNode node{Node::Zero(level, layout_.NodeEntries(level, 0)), true, {}};
    if (level == old_top + 1 && !changed) node.node.SetHash(0, root_);
    changed_[level].emplace(0, std::move(node));
  }
}

void Tree::DropBeyond() {
  for (int level = 0; level < kMaxLevels; ++level) {
    const uint64_t end = level <= layout_.top() ? layout_.NodesAt(level) : 0;
    ChangedNodes& nodes = changed_[level];
    nodes.erase(nodes.lower_bound(end), nodes.end());
  }
}

Status Tree::ClearGroups(Sha256Hasher& hasher, uint64_t first, uint64_t end) {
  cache_.Clear();
  return Clear(hasher, layout_.top(), 0, first, end);
}

Status Tree::Clear(Sha256Hasher& hasher, int level, uint64_t number, uint64_t first, uint64_t end) {
  const uint64_t from = number * GroupsCovered(level);
  const uint64_t to = std::min(from + GroupsCovered(level), layout_.groups());
  if (to <= first || end <= from) return {};
  RECRYPT_ASSIGN(const bool hole, IsHole(hasher, level, number));
  if (hole) return {};
  if (first <= from && to <= end) {
    DropBelow(level, number);
    SetHash(level, number, kZeroHash);
    return {};
  }
  RECRYPT_TRY(Touch(hasher, level, number));
  const uint64_t below = GroupsCovered(level - 1);
  const uint64_t last = (std::min(to, end) - 1) / below;
  for (uint64_t child = std::max(from, first) / below; child <= last; ++child) {
    RECRYPT_TRY(Clear(hasher, level - 1, child, first, end));
  }
  return {};
}

void Tree::DropBelow(int level, uint64_t number) {
  for (int below = 0; below <= level; ++below) {
    const uint64_t nodes = GroupsCovered(level - below);
    ChangedNodes& changed = changed_[below];
    changed.erase(changed.lower_bound(number * nodes), changed.lower_bound((number + 1) * nodes));
  }
}

Result<std::vector<uint64_t>> Tree::StoredDataGroups(Sha256Hasher& hasher, uint64_t first,
                                                     uint64_t end) const {
  std::vector<uint64_t> found;
  end = std::min(end, stored_.groups());
  if (first >= end) return found;
  RECRYPT_TRY(FindStoredData(hasher, stored_.top(), 0, stored_root_, first, end, found));
  return found;
}

Status Tree::FindStoredData(Sha256Hasher& hasher, int level, uint64_t number,
                            const Sha256Digest& hash, uint64_t first, uint64_t end,
                            std::vector<uint64_t>& found) const {
  const uint64_t from = number * GroupsCovered(level);
  if (hash == kZeroHash || from >= end || from + GroupsCovered(level) <= first) return {};
  if (level == 0) {
    found.push_back(number);
    return {};
  }
  RECRYPT_ASSIGN(const auto node, Load(hasher, level, number, hash));
  for (uint64_t i = 0; i < node->entries(); ++i) {
    RECRYPT_TRY(
        FindStoredData(hasher, level - 1, number * kFanout + i, node->Hash(i), first, end, found));
  }
  return {};
}

void Tree::HashChanged(Sha256Hasher& hasher) {
  for (int level = 0; level <= layout_.top(); ++level) {
    for (const auto& [number, changed] : changed_[level]) {
      SetHash(level, number, HashNode(hasher, level, number, changed.node));
    }
  }
}

void Tree::Settle(Sha256Hasher& hasher, int level, uint64_t number) {
  SetHash(level, number, HashNode(hasher, level, number, changed_[level].at(number).node));
}

const Node* Tree::Settled(int level, uint64_t number) const {
  if (level > layout_.top() || OnStoredEnd(level, number)) return nullptr;
  const auto found = changed_[level].find(number);
  if (found == changed_[level].end() || found->second.node.entries() != kFanout) return nullptr;
  const auto below = changed_[level - 1].lower_bound(number * kFanout);
  const bool only_last =
      below == changed_[level - 1].end() || below->first >= (number + 1) * kFanout - 1;
  return only_last ? &found->second.node : nullptr;
}

void Tree::TakeStored(Sha256Hasher& hasher, int level, uint64_t number) {
  Settle(hasher, level, number);
  const auto found = changed_[level].find(number);
  cache_.Put(level, number, std::make_shared<const Node>(std::move(found->second.node)));
  changed_[level].erase(found);
}

}  // namespace recrypt
