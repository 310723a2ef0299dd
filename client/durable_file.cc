#include "client/durable_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

constexpr int kLockAttempts = 250;
constexpr auto kLockPause = std::chrono::milliseconds(20);

Status WriteAll(int fd, ByteSpan content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FailErrno(errno, "writing " + path);
    content = content.subspan(static_cast<size_t>(written));
  }
  return {};
}

Status SyncDirectory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return FailErrno(errno, "opening " + path);
  if (::fsync(fd.get()) != 0) return FailErrno(errno, "syncing " + path);
  return {};
}

Status WriteDurably(const std::string& path, ByteSpan content, FileMode mode) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                     static_cast<mode_t>(mode)));
  if (!fd) return FailErrno(errno, "creating " + path);
  // Whatever the umask says: what is shared has to be readable, what is private must not be.
  if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) return FailErrno(errno, "making " + path);
  RECRYPT_TRY(WriteAll(fd.get(), content, path));
  // Promise: the new content is whole on the disk before the name leads to it.
  if (::fsync(fd.get()) != 0) return FailErrno(errno, "syncing " + path);
  return {};
}

}  // namespace

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<Bytes> ReadSmallFile(const std::string& path, size_t limit) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return FailErrno(errno, "opening " + path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return FailErrno(errno, "reading " + path);
  if (!S_ISREG(info.st_mode)) return Fail(ErrorCode::kInvalid, path + " is no regular file");
  Bytes content;
  while (content.size() <= limit) {
    uint8_t buffer[8192];
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, "reading " + path);
    if (got == 0) return content;
    Append(content, {buffer, static_cast<size_t>(got)});
    Wipe(buffer, static_cast<size_t>(got));
  }
  return Fail(ErrorCode::kInvalid, path + " is larger than " + std::to_string(limit) + " bytes");
}

Status ReplaceFile(const std::string& path, ByteSpan content, FileMode mode) {
  const std::string temporary = path + "." + HexEncode(RandomArray<8>()) + ".tmp";
  Status written = WriteDurably(temporary, content, mode);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = FailErrno(errno, "replacing " + path);
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  // Promise: the replacement is what is found after a crash.
  return SyncDirectory(ParentOf(path));
}

Status MakePrivateDirectory(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return Fail(ErrorCode::kInvalid, path + " is no directory");
  }
  if (errno != ENOENT) return FailErrno(errno, "looking for " + path);
  const std::string parent = ParentOf(path);
  if (parent != path) RECRYPT_TRY(MakePrivateDirectory(parent));
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return FailErrno(errno, "making " + path);
  }
  return {};
}

Result<FileLock> FileLock::Take(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return FailErrno(errno, "opening " + path);
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
    if (errno != EWOULDBLOCK && errno != EINTR) return FailErrno(errno, "locking " + path);
    std::this_thread::sleep_for(kLockPause);
  }
  return Fail(ErrorCode::kBusy, path + " is locked by another process");
}

}  // namespace recrypt
