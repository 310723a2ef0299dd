#include "client/document_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>

namespace recrypt {
namespace {

int SetLock(int fd, short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = off_t{1} << 62;
  lock.l_len = 1;
  return ::fcntl(fd, F_OFD_SETLK, &lock);
}

}  // namespace

Status TryLockDocument(int fd, LockKind kind) {
  if (SetLock(fd, kind == LockKind::kShared ? F_RDLCK : F_WRLCK) == 0) return {};
  if (errno == EAGAIN || errno == EACCES) {
    return Fail(ErrorCode::kBusy, "another mount is writing the document");
  }
  return FailErrno(errno, "lock");
}

void UnlockDocument(int fd) { (void)SetLock(fd, F_UNLCK); }

Status WaitUntilCreated(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (;;) {
    uint8_t first = 0;
    const ssize_t got = ::pread(fd, &first, 1, 0);
    if (got != 1 || first != 0) return {};
    Status locked = TryLockDocument(fd, LockKind::kShared);
    if (locked) UnlockDocument(fd);
    const bool busy = !locked && locked.error().code == ErrorCode::kBusy;
    if (!busy || std::chrono::steady_clock::now() >= deadline) return locked;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace recrypt
