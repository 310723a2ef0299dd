// WriteGuard: notices whoever opens a file for writing, as far as the system tells: by a lease
// (fcntl(2), F_SETLEASE), which only the owner of a file and root get, on local file systems.
//
//   RECRYPT_ASSIGN(const WriteGuard guard, WriteGuard::Take(fd));   // kBusy: it is open for
//   writing
//   ...
//   if (guard.IsBroken()) ... somebody waits to open it ...
//
// Who opens it waits until the guard is gone. Where there are no leases nothing is noticed, and the
// times of the file have to do. Not thread safe.
#ifndef RECRYPT_CLIENT_WRITE_GUARD_H_
#define RECRYPT_CLIENT_WRITE_GUARD_H_

#include "core/base/result.h"

namespace recrypt {

class WriteGuard {
 public:
  // `fd` is open for reading alone, and outlives the guard.
  static Result<WriteGuard> Take(int fd);
  WriteGuard(WriteGuard&& other) noexcept;
  WriteGuard& operator=(WriteGuard&&) = delete;
  ~WriteGuard();

  bool IsBroken() const;

 private:
  explicit WriteGuard(int fd) : fd_(fd) {}
  int fd_;  // -1: there is no lease
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_WRITE_GUARD_H_
