#include "client/shared_sync.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>
#include <vector>

namespace recrypt {
namespace {

// Most wait for the disk, together.
constexpr size_t kThreads = 48;
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

Status SharedSync::Sync(int fd) { return SyncOne(fd, ::fdatasync); }

Status SharedSync::SyncAll(int fd) { return SyncOne(fd, ::fsync); }

Status SharedSync::SyncOne(int fd, int (*alone)(int)) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return FailErrno(errno, "syncing a stored document");
  if (!SyncsTogether(fd)) {
    if (alone(fd) == 0) return {};
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

void ForEachTogether(size_t count, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0;
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  try {
    for (size_t i = 1; i < std::min(count, kThreads); ++i) threads.emplace_back(run);
  } catch (const std::system_error&) {
    // The system gives no more threads: those that there are do it.
  }
  run();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace recrypt
