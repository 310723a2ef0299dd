// TreeBuilder: the hash tree of a document that is written or read from its start to its end
// (docs/FORMAT.md, 3.3).
//
//   builder.AddTable(hash, behind);        // appends the index blocks that end with the group
//   Sha256Digest root = builder.Finish(behind);
//
// Memory: one index block for each level. Not thread safe.
#ifndef RECRYPT_CORE_JCD_TREE_BUILDER_H_
#define RECRYPT_CORE_JCD_TREE_BUILDER_H_

#include "core/jcd/node.h"

namespace recrypt {

class TreeBuilder {
 public:
  // The hash of the next group's table.
  void AddTable(const Sha256Digest& hash, Bytes& behind);
  // The root, once all tables were added; appends the index blocks that are not full.
  Sha256Digest Finish(Bytes& behind);

 private:
  struct Level {
    Bytes hashes;         // of the index block that is being filled
    uint64_t number = 0;  // of that
    Sha256Digest last{};  // hash of the last node on this level
  };
  void Add(int level, const Sha256Digest& hash, Bytes& behind);
  void Close(int level, Bytes& behind);

  Sha256Hasher hasher_;
  uint64_t groups_ = 0;
  Level levels_[kMaxLevels + 1];
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_TREE_BUILDER_H_
