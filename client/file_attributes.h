// What belongs to a file besides its content: mode, owner, times, ACLs and extended attributes,
// read from one file and given to another: from plain files to documents and back.
//
//   RECRYPT_ASSIGN(Attributes sealed, UserAttributes(plain));   // what a document seals
//   RECRYPT_ASSIGN(OwnerKept owner, CopyMetadata(plain, info, document));
//
// Thread safe.
#ifndef RECRYPT_CLIENT_FILE_ATTRIBUTES_H_
#define RECRYPT_CLIENT_FILE_ATTRIBUTES_H_

#include <sys/stat.h>

#include <string>
#include <vector>

#include "core/jcd/attributes.h"

namespace recrypt {

// All names; none where the file system has no extended attributes.
Result<std::vector<std::string>> XattrNames(int fd);
Result<Bytes> GetXattr(int fd, const std::string& name);
Status SetXattr(int fd, const std::string& name, ByteSpan value);

// The user.* ones but for user.jcd.*, which are the mount's, without "user.".
Result<Attributes> UserAttributes(int fd);
Status SetUserAttributes(int fd, const Attributes& attributes);
// All user.* ones as they stand: of a stored document, the sealed ones.
Status CopyUserXattrs(int from, int to);

// The sealed attributes that a trailer names, as fs/stored_attributes keeps them.
Result<Bytes> ReadSealedAttributes(int fd, const Sha256Digest& digest);

// Whether the file belongs to whom the other one does: only root may give files away.
enum class OwnerKept { kYes, kNo };

// Owner, mode, ACLs and what else the system keeps, then the times, which any later write changes.
// `info` is of `from`. What only root may set goes along if it may be set.
Result<OwnerKept> CopyMetadata(int from, const struct stat& info, int to);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_FILE_ATTRIBUTES_H_
