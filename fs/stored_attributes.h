// StoredAttributes: the sealed attributes of a document (core/jcd/attributes.h) where they are
// kept: in an extended attribute of the stored file, named after their digest (docs/FORMAT.md, 10).
//
//   StoredAttributes stored(store, node);
//   RECRYPT_TRY(stored.Write(sealed));
//   RECRYPT_ASSIGN(Bytes sealed, stored.Read(digest));
//
// Nothing that a trailer may name is ever overwritten: a change adds, and removes after its commit.
// Errors are the store's: EOPNOTSUPP where it keeps no extended attributes. Thread safe.
#ifndef RECRYPT_FS_STORED_ATTRIBUTES_H_
#define RECRYPT_FS_STORED_ATTRIBUTES_H_

#include <string>
#include <vector>

#include "core/crypto/symmetric.h"
#include "fs/store.h"

namespace recrypt {

// The names of a node's extended attributes.
Result<std::vector<std::string>> ListXattrNames(Store& store, int node);

class StoredAttributes {
 public:
  // `store` and `node` outlive the object.
  StoredAttributes(Store& store, int node) : store_(store), node_(node) {}

  // Whether the document has none, as far as that can be told without its keys. Not authenticated.
  Result<bool> SeemToBeNone();
  // kCorrupt when they are not there, or are others than their name says.
  Result<Bytes> Read(const Sha256Digest& digest);
  Status Write(ByteSpan sealed);
  Status Remove(const Sha256Digest& digest);
  // The names under which others than these stand there.
  Result<std::vector<std::string>> NamesBut(const Sha256Digest& digest);
  Status RemoveNames(const std::vector<std::string>& names);

 private:
  Store& store_;
  const int node_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_STORED_ATTRIBUTES_H_
