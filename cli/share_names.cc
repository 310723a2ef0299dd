#include "cli/share_names.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "cli/stored_names.h"
#include "client/document_repair.h"
#include "client/durable_file.h"
#include "fs/long_names.h"
#include "fs/names.h"
#include "fs/posix_store.h"

namespace recrypt {
namespace {

constexpr int64_t kOldSeconds = 3600;
constexpr int64_t kLockWaitMs = 1000;

std::string LastOf(const std::string& path) { return std::string(FileNameIn(path)); }

void SayNothing(LogLevel, const std::string&) {}

}  // namespace

Result<bool> HasItsName(const std::string& path) {
  RECRYPT_ASSIGN(const auto store, PosixStore::Open(ParentOf(path)));
  RECRYPT_ASSIGN(const auto name,
                 LongNames(*store, SayNothing).NameOf(store->root(), LastOf(path)));
  return name.has_value();
}

Status RestoreName(const std::string& path, const std::string& name) {
  if (!IsNameOfHashed(name, LastOf(path))) {
    return Fail(ErrorCode::kCorrupt, "the document says another name than the one that was hashed");
  }
  RECRYPT_TRY(KeepName(path, name));
  return {};
}

Result<std::string> RemoveLeftover(const std::string& path, const std::string& copy_to) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return FailErrno(errno, "opening it");
  if (!S_ISREG(info.st_mode)) return Fail(ErrorCode::kInvalid, "it is no regular file");
  if (std::time(nullptr) - info.st_mtime < kOldSeconds) {
    return Fail(ErrorCode::kBusy, "it was made in the last hour");
  }
  RECRYPT_TRY(WaitForDocument(fd.get(), LockKind::kExclusive, kLockWaitMs));
  const std::string directory = ParentOf(path);
  if (IsSidecarName(LastOf(path))) {
    // Under the lock nobody is about to make what it names.
    const std::string named = directory + "/" + HashedNameOf(LastOf(path));
    if (::lstat(named.c_str(), &info) == 0) return Fail(ErrorCode::kBusy, "it is in use");
    if (errno != ENOENT) return FailErrno(errno, named);
  }
  RECRYPT_ASSIGN(std::string copy, CopyDurably(fd.get(), copy_to));
  // Promise: what a sidecar named must not come back by a crash without it.
  const UniqueFd parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0) return FailErrno(errno, "syncing " + directory);
  if (::unlink(path.c_str()) != 0) return FailErrno(errno, "removing it");
  return copy;
}

}  // namespace recrypt
