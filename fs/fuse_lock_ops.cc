// What the kernel asks about locks of programs.
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "fs/fuse_ops.h"

namespace recrypt {
namespace {

RangeLock RangeOf(const struct flock& lock) {
  const auto first = static_cast<uint64_t>(lock.l_start);
  const auto length = static_cast<uint64_t>(lock.l_len);
  return {lock.l_type == F_WRLCK ? LockKind::kExclusive : LockKind::kShared, first,
          length == 0 ? UINT64_MAX : first + length - 1};
}

struct flock FlockOf(const std::optional<RangeLock>& found) {
  struct flock lock = {};
  lock.l_type = F_UNLCK;
  if (!found) return lock;
  lock.l_type = found->kind == LockKind::kExclusive ? F_WRLCK : F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(found->first);
  lock.l_len = found->last == UINT64_MAX ? 0 : static_cast<off_t>(found->last - found->first + 1);
  lock.l_pid = -1;  // it may be another machine's
  return lock;
}

void Answer(fuse_req_t req, LockQueue& queue, const Status& taken) {
  fuse_req_interrupt_func(req, nullptr, nullptr);
  queue.Forget(req);
  ReplyStatus(req, taken);
}

// Takes a lock and answers, now or when it is free.
enum class IfTaken { kFail, kWait };
void Take(fuse_req_t req, OpenFile& file, LockOwner owner, const RangeLock& lock, IfTaken then) {
  FileSystem& fs = FileSystemOf(req);
  Status taken = fs.TakeLock(file, owner, lock);
  if (taken || taken.error().code != ErrorCode::kBusy || then == IfTaken::kFail) {
    return ReplyStatus(req, taken);
  }
  LockQueue& queue = SessionOf(req).lock_queue();
  fuse_req_interrupt_func(
      req, [](fuse_req_t late, void* to) { static_cast<LockQueue*>(to)->Interrupt(late); }, &queue);
  // The file stays open for as long as its program waits.
  queue.Wait(
      req, [&fs, &file, owner, lock] { return fs.TakeLock(file, owner, lock); },
      [req, &queue](const Status& result) { Answer(req, queue, result); });
}

void Release(fuse_req_t req, OpenFile& file, LockOwner owner, const RangeLock& lock) {
  const Status released = FileSystemOf(req).ReleaseLock(file, owner, lock.first, lock.last);
  SessionOf(req).lock_queue().LockWasReleased();
  ReplyStatus(req, released);
}

void GetLock(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi, struct flock* lock) {
  auto found = FileSystemOf(req).FindLock(FileOf(fi), RangesOwner(fi), RangeOf(*lock));
  if (!found) return ReplyError(req, found.error());
  const struct flock answer = FlockOf(*found);
  fuse_reply_lock(req, &answer);
}

void SetLock(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi, struct flock* lock, int sleep) {
  const RangeLock range = RangeOf(*lock);
  if (lock->l_type == F_UNLCK) return Release(req, FileOf(fi), RangesOwner(fi), range);
  Take(req, FileOf(fi), RangesOwner(fi), range, sleep != 0 ? IfTaken::kWait : IfTaken::kFail);
}

void LockWhole(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi, int operation) {
  RangeLock whole = UserLocks::kWholeFile;
  const int kind = operation & ~LOCK_NB;
  if (kind == LOCK_UN) return Release(req, FileOf(fi), WholeOwner(fi), whole);
  if (kind == LOCK_SH) whole.kind = LockKind::kShared;
  const bool waits = (operation & LOCK_NB) == 0;
  Take(req, FileOf(fi), WholeOwner(fi), whole, waits ? IfTaken::kWait : IfTaken::kFail);
}

}  // namespace

void SetLockOperations(struct fuse_lowlevel_ops& ops) {
  ops.getlk = GetLock;
  ops.setlk = SetLock;
  ops.flock = LockWhole;
}

}  // namespace recrypt
