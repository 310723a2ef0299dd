// Files of the state directory: written whole or not at all.
#ifndef RECRYPT_SERVICE_STATE_FILES_H_
#define RECRYPT_SERVICE_STATE_FILES_H_

#include <sys/stat.h>

#include <string>

#include "core/base/secret.h"
#include "core/base/unique_fd.h"

namespace recrypt {

// Makes the directory, with mode 0700, when it is absent.
Status MakeStateDirectory(const std::string& path);

// Held by who serves from the directory, or changes what a service must not see changing. kBusy
// when somebody else has it.
Result<UniqueFd> LockStateDirectory(const std::string& state);

// Writes by a temporary name and a rename, both synced: after a crash there is the old file or the
// new one.
Status WriteStateFile(const std::string& path, ByteSpan content, mode_t mode);

// The second half of that, for a file (or a directory) that was written otherwise.
Status PublishFile(const std::string& temporary, const std::string& path);
// The same, never replacing anything: kExists.
Status PublishNewFile(const std::string& temporary, const std::string& path);

// kNotFound when absent. At most 1 MiB.
Result<Secret> ReadStateFile(const std::string& path);
// As above; kDenied when group or others may read it.
Result<Secret> ReadSecretStateFile(const std::string& path);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_STATE_FILES_H_
