#include "client/write_guard.h"

#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <utility>

namespace recrypt {

Result<WriteGuard> WriteGuard::Take(int fd) {
  // The signal by default would end the process; this one does nothing.
  (void)::fcntl(fd, F_SETSIG, SIGURG);
  if (::fcntl(fd, F_SETLEASE, F_RDLCK) == 0) return WriteGuard(fd);
  if (errno == EAGAIN) {
    return Fail(ErrorCode::kBusy,
                "a program has it open for writing: close it there, and run this again");
  }
  return WriteGuard(-1);
}

WriteGuard::WriteGuard(WriteGuard&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

WriteGuard::~WriteGuard() {
  if (fd_ >= 0) (void)::fcntl(fd_, F_SETLEASE, F_UNLCK);
}

bool WriteGuard::IsBroken() const { return fd_ >= 0 && ::fcntl(fd_, F_GETLEASE) != F_RDLCK; }

}  // namespace recrypt
