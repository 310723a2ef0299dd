// The names of a share that are kept beside what they name (docs/FORMAT.md, 11), for checking and
// repairing them.
//
//   if (!HasItsName(path)) RECRYPT_TRY(RestoreName(path, name_in_the_document));
//
// Thread safe.
#ifndef RECRYPT_CLI_SHARE_NAMES_H_
#define RECRYPT_CLI_SHARE_NAMES_H_

#include <string>

#include "core/base/result.h"

namespace recrypt {

// Whether the sidecar of `path`, which has a hashed name, is there and can be believed.
Result<bool> HasItsName(const std::string& path);

// Writes the sidecar again, durably. kCorrupt when `name` is not the one that was hashed: what was
// renamed carries the name from before.
Status RestoreName(const std::string& path, const std::string& name);

// Removes a sidecar that nothing needs, or a temporary file, after copying it to `copy_to`; where
// the copy is. kBusy when somebody is about to use it, which one that was changed in the last hour
// is taken for.
Result<std::string> RemoveLeftover(const std::string& path, const std::string& copy_to);

}  // namespace recrypt

#endif  // RECRYPT_CLI_SHARE_NAMES_H_
