#include "client/shared_sync.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace recrypt {
namespace {

constexpr uint32_t kXfsMagic = 0x58465342;  // stands in no header of the kernel's that we may use

// Where syncfs(2) is one transaction for whatever there is to be written, and tells of errors.
bool SyncsTogether(int fd) {
  struct statfs about {};
  if (::fstatfs(fd, &about) != 0) return false;
  constexpr std::array<uint32_t, 3> kTypes = {EXT4_SUPER_MAGIC, kXfsMagic, BTRFS_SUPER_MAGIC};
  return std::find(kTypes.begin(), kTypes.end(), static_cast<uint32_t>(about.f_type)) !=
         kTypes.end();
}

}  // namespace

Status SharedSync::Sync(int fd) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return FailErrno(errno, "syncing a stored document");
  if (!SyncsTogether(fd)) {
    if (::fdatasync(fd) == 0) return {};
    return FailErrno(errno, "syncing a stored document");
  }
  Rounds* rounds = nullptr;
  {
    const std::lock_guard guard(mutex_);
    rounds = &rounds_[about.st_dev];
  }
  return SyncTogether(fd, *rounds);
}

// A round that had begun before may have missed what was written last: the next one counts.
Status SharedSync::SyncTogether(int fd, Rounds& rounds) {
  std::unique_lock lock(mutex_);
  const uint64_t needed = rounds.begun + 1;
  while (rounds.ended < needed) {
    if (rounds.begun != rounds.ended) {
      ended_.wait(lock);
      continue;
    }
    ++rounds.begun;
    lock.unlock();
    const int error = ::syncfs(fd) == 0 ? 0 : errno;
    lock.lock();
    ++rounds.ended;
    if (error != 0) rounds.failed[rounds.ended] = FailErrno(error, "syncing a file system").value();
    ended_.notify_all();
  }
  // One that was asked later may have been told what this one should have been.
  const auto failure = rounds.failed.lower_bound(needed);
  if (failure == rounds.failed.end()) return {};
  return Fail(failure->second);
}

}  // namespace recrypt
