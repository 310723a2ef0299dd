#include "service/state_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/rename_new.h"

namespace recrypt {
namespace {

constexpr off_t kMaxSize = 1 << 20;

Status WriteAll(int fd, ByteSpan content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t wrote = write(fd, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return FailErrno(errno, "writing " + path);
    content = content.subspan(static_cast<size_t>(wrote));
  }
  return {};
}

// Content before name: the name must never stand for less than the whole file.
Status SyncContent(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd || fsync(fd.get()) != 0) return FailErrno(errno, "syncing " + path);
  return {};
}

Status SyncDirectoryOf(const std::string& path) {
  const std::string directory = path.substr(0, path.find_last_of('/') + 1);
  const UniqueFd fd(
      open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) != 0) return FailErrno(errno, "syncing the folder of " + path);
  return {};
}

Result<Secret> ReadOpen(int fd, const struct stat& info, const std::string& path) {
  if (!S_ISREG(info.st_mode) || info.st_size > kMaxSize) {
    return Fail(ErrorCode::kInvalid, path + " is no ordinary file of at most 1 MiB");
  }
  Secret content(static_cast<size_t>(info.st_size));
  MutableByteSpan rest = content.RevealMutable();
  while (!rest.empty()) {
    const ssize_t got = read(fd, rest.data(), rest.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, "reading " + path);
    if (got == 0) return Fail(ErrorCode::kIo, path + " became shorter while it was read");
    rest = rest.subspan(static_cast<size_t>(got));
  }
  return content;
}

enum class Readers { kAny, kOwner };

Result<Secret> ReadFile(const std::string& path, Readers readers) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return FailErrno(errno, "opening " + path);
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return FailErrno(errno, "reading " + path);
  if (readers == Readers::kOwner && (info.st_mode & 077) != 0) {
    return Fail(ErrorCode::kDenied, path +
                                        " may be read by others: chmod 600 it, and consider "
                                        "whether somebody has");
  }
  return ReadOpen(fd.get(), info, path);
}

}  // namespace

Status MakeStateDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return FailErrno(errno, "making " + path);
}

Result<UniqueFd> LockStateDirectory(const std::string& state) {
  const std::string path = state + "/lock";
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return FailErrno(errno, "opening " + path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  return Fail(ErrorCode::kBusy, "another recryptd serves from " + state);
}

Status WriteStateFile(const std::string& path, ByteSpan content, mode_t mode) {
  const std::string temporary = path + ".new";
  (void)unlink(temporary.c_str());  // left behind by a crash
  const UniqueFd fd(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  // Whatever the umask: it is there for the files of the store.
  if (!fd || fchmod(fd.get(), mode) != 0) return FailErrno(errno, "creating " + temporary);
  RECRYPT_TRY(WriteAll(fd.get(), content, temporary));
  return PublishFile(temporary, path);
}

Status PublishFile(const std::string& temporary, const std::string& path) {
  RECRYPT_TRY(SyncContent(temporary));
  if (rename(temporary.c_str(), path.c_str()) != 0) return FailErrno(errno, "naming " + path);
  return SyncDirectoryOf(path);
}

Status PublishNewFile(const std::string& temporary, const std::string& path) {
  RECRYPT_TRY(SyncContent(temporary));
  const int problem = RenameNew(temporary, path);
  if (problem == EEXIST) return Fail(ErrorCode::kExists, path + " exists already");
  if (problem != 0) return FailErrno(problem, "naming " + path);
  return SyncDirectoryOf(path);
}

Result<Secret> ReadStateFile(const std::string& path) { return ReadFile(path, Readers::kAny); }

Result<Secret> ReadSecretStateFile(const std::string& path) {
  return ReadFile(path, Readers::kOwner);
}

}  // namespace recrypt
