// Tree: the tables and index blocks of a document as it is now: those in the file, verified when
// they are read, and over them those that were changed and not yet committed.
//
//   RECRYPT_ASSIGN(NodeRef table, tree.Get(hasher, 0, group));      // null: nothing but holes
//   RECRYPT_ASSIGN(ChangedNode* table, tree.Touch(hasher, 0, group));
//   tree.HashChanged(hasher);                                       // before a commit: root()
//
// Every changed node's parent is a changed node, up to the top. Thread rule: const functions may
// run in parallel, the others alone; the document's state mutex sees to that.
#ifndef RECRYPT_CORE_JCD_TREE_H_
#define RECRYPT_CORE_JCD_TREE_H_

#include <bitset>
#include <map>
#include <memory>
#include <vector>

#include "core/jcd/node.h"
#include "core/jcd/node_cache.h"

namespace recrypt {

// Where a tree reads stored bytes of its document, records included.
class StoredBytes {
 public:
  virtual ~StoredBytes() = default;
  virtual Status ReadStored(uint64_t offset, MutableByteSpan out) const = 0;
};

struct ChangedNode {
  Node node;
  // What differs from the stored bytes: all of it, as when it moves, or these entries.
  bool whole = false;
  std::bitset<kFanout> entries;
};

// A node that somebody else owns; null when all that it covers are holes.
class NodeRef {
 public:
  NodeRef() = default;
  explicit NodeRef(const Node* node) : node_(node) {}
  explicit NodeRef(std::shared_ptr<const Node> held) : held_(std::move(held)), node_(held_.get()) {}
  explicit operator bool() const { return node_ != nullptr; }
  const Node* operator->() const { return node_; }
  const Node& operator*() const { return *node_; }

 private:
  std::shared_ptr<const Node> held_;
  const Node* node_ = nullptr;
};

class Tree {
 public:
  // So many tables are kept, with the index blocks above them: some 2.5 MB for a document that is
  // read all over, all tables of one of 256 MiB.
  static constexpr size_t kCachedTables = 512;

  explicit Tree(const StoredBytes& stored) : stored_bytes_(stored), cache_(kCachedNodes) {}

  // The tree of a committed state; forgets everything else.
  void Reset(uint64_t size, const Sha256Digest& root);

  const Layout& layout() const { return layout_; }
  // Holds after HashChanged, until the next change.
  const Sha256Digest& root() const { return root_; }

  Result<NodeRef> Get(Sha256Hasher& hasher, int level, uint64_t number) const;
  // What Get would find in memory; else null.
  NodeRef Find(int level, uint64_t number) const;
  // Whether nothing but holes is below, changes included.
  Result<bool> IsHole(Sha256Hasher& hasher, int level, uint64_t number) const;
  using ChangedNodes = std::map<uint64_t, ChangedNode>;
  const ChangedNodes& Changed(int level) const { return changed_[level]; }
  ChangedNode* FindChanged(int level, uint64_t number);

  // The node as one to be changed, with its parents.
  Result<ChangedNode*> Touch(Sha256Hasher& hasher, int level, uint64_t number);
  // A new content size; new groups are holes. The content of a block that is cut, or that was the
  // last and partial, is the caller's to write again.
  Status Resize(Sha256Hasher& hasher, uint64_t size);
  // Makes groups [first, end) holes.
  Status ClearGroups(Sha256Hasher& hasher, uint64_t first, uint64_t end);

  // Computes the hashes of all changed nodes, and the root.
  void HashChanged(Sha256Hasher& hasher);
  // Takes the hash of a changed node over into its parent.
  void Settle(Sha256Hasher& hasher, int level, uint64_t number);
  // A full, changed index block of which nothing but the settled last child is still changed: it
  // can be written behind that. Null when there is none, or when it is for a commit record to
  // replace.
  const Node* Settled(int level, uint64_t number) const;
  // A full changed node is in the file now, where it belongs in a document that goes on.
  void TakeStored(Sha256Hasher& hasher, int level, uint64_t number);

  // The groups from `first` on and before `end` that are no holes in the committed state, which
  // must still stand in the file.
  Result<std::vector<uint64_t>> StoredDataGroups(Sha256Hasher& hasher, uint64_t first,
                                                 uint64_t end) const;

  // All changes have been committed, or are to be forgotten.
  void Committed();
  void Discard();
  // What is in the file is read and verified anew.
  void ForgetStored() { cache_.Clear(); }

  uint64_t ChangedBytes() const;

 private:
  static constexpr size_t kCachedNodes = kCachedTables + 16;

  struct Place {
    uint64_t offset;
    uint64_t entries;
  };
  Place PlaceOf(int level, uint64_t number) const;
  bool OnStoredEnd(int level, uint64_t number) const;
  Result<Sha256Digest> HashOf(Sha256Hasher& hasher, int level, uint64_t number) const;
  Result<std::shared_ptr<const Node>> Load(Sha256Hasher& hasher, int level, uint64_t number,
                                           const Sha256Digest& hash) const;
  void SetHash(int level, uint64_t number, const Sha256Digest& hash);
  Status TouchMoved(Sha256Hasher& hasher, const Layout& cut);
  void FitEntries(const Layout& cut);
  void AddLevels(int old_top);
  void DropBeyond();
  Status FindStoredData(Sha256Hasher& hasher, int level, uint64_t number, const Sha256Digest& hash,
                        uint64_t first, uint64_t end, std::vector<uint64_t>& found) const;
  Status Clear(Sha256Hasher& hasher, int level, uint64_t number, uint64_t first, uint64_t end);
  void DropBelow(int level, uint64_t number);

  const StoredBytes& stored_bytes_;
  Layout stored_{0};  // of the committed state
  Sha256Digest stored_root_{};
  Layout layout_{0};
  Sha256Digest root_{};
  ChangedNodes changed_[kMaxLevels];
  mutable NodeCache cache_;  // unchanged nodes
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_TREE_H_
