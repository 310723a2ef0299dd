#include "fs/user_locks.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace recrypt {
namespace {

// The document's own lock is the byte at 2^62 (client/document_lock.h), flock's the one behind it.
constexpr uint64_t kRangesAt = uint64_t{1} << 61;
constexpr uint64_t kLastOfRanges = (uint64_t{1} << 62) - 1;
constexpr uint64_t kWholeAt = (uint64_t{1} << 62) + 1;

RangeLock OnStore(LockOwner owner, RangeLock lock) {
  if (owner.style == LockOwner::Style::kWhole) return {lock.kind, kWholeAt, kWholeAt};
  constexpr uint64_t kRoom = kLastOfRanges - kRangesAt;
  lock.first = kRangesAt + std::min(lock.first, kRoom);
  lock.last = kRangesAt + std::min(lock.last, kRoom);
  return lock;
}

RangeLock InFile(LockOwner owner, RangeLock lock) {
  if (owner.style == LockOwner::Style::kWhole) return {lock.kind, 0, UINT64_MAX};
  lock.first -= kRangesAt;
  lock.last = lock.last >= kLastOfRanges ? UINT64_MAX : lock.last - kRangesAt;
  return lock;
}

}  // namespace

// An exclusive lock needs a descriptor that could write, whatever it was taken through.
Result<UniqueFd> UserLocks::OpenForLocks(const Inode& inode) {
  auto fd = store_.OpenFile(inode.node(), O_RDWR);
  if (fd) return fd;
  return store_.OpenFile(inode.node(), O_RDONLY);
}

std::shared_ptr<const UniqueFd> UserLocks::Known(const Inode& inode, LockOwner owner) const {
  std::lock_guard lock(mutex_);
  const auto found = held_.find(Key{&inode, owner});
  return found == held_.end() ? nullptr : found->second.fd;
}

Result<std::shared_ptr<const UniqueFd>> UserLocks::DescriptorFor(const Inode& inode,
                                                                 LockOwner owner,
                                                                 const void* file) {
  if (auto known = Known(inode, owner)) return known;
  RECRYPT_ASSIGN(UniqueFd opened, OpenForLocks(inode));
  auto fd = std::make_shared<const UniqueFd>(std::move(opened));
  std::lock_guard lock(mutex_);
  // Another thread of the same process may have been here first.
  const auto [at, fresh] = held_.try_emplace(Key{&inode, owner}, Held{std::move(fd), file});
  if (fresh) ++owners_;
  return at->second.fd;
}

Status UserLocks::Take(const Inode& inode, LockOwner owner, const RangeLock& lock,
                       const void* file) {
  RECRYPT_ASSIGN(auto fd, DescriptorFor(inode, owner, file));
  return store_.TryLockRange(fd->get(), OnStore(owner, lock));
}

Status UserLocks::Release(const Inode& inode, LockOwner owner, uint64_t first, uint64_t last) {
  const auto fd = Known(inode, owner);
  if (fd == nullptr) return {};
  const RangeLock range = OnStore(owner, {LockKind::kShared, first, last});
  return store_.UnlockRange(fd->get(), range.first, range.last);
}

Result<std::optional<RangeLock>> UserLocks::Find(const Inode& inode, LockOwner owner,
                                                 const RangeLock& wanted) {
  std::shared_ptr<const UniqueFd> fd = Known(inode, owner);
  if (fd == nullptr) {
    RECRYPT_ASSIGN(UniqueFd opened, OpenForLocks(inode));
    fd = std::make_shared<const UniqueFd>(std::move(opened));
  }
  RECRYPT_ASSIGN(std::optional<RangeLock> found,
                 store_.FindLock(fd->get(), OnStore(owner, wanted)));
  if (found) found = InFile(owner, *found);
  return found;
}

void UserLocks::ReleaseAll(const Inode& inode, LockOwner owner) {
  if (owners_ == 0) return;
  decltype(held_)::node_type gone;  // closed, which lets go of the locks, outside the mutex
  std::lock_guard lock(mutex_);
  gone = held_.extract(Key{&inode, owner});
  if (!gone.empty()) --owners_;
}

void UserLocks::ReleaseTakenThrough(const void* file) {
  if (owners_ == 0) return;
  std::lock_guard lock(mutex_);
  owners_ -= std::erase_if(held_, [&](const auto& held) { return held.second.file == file; });
}

bool UserLocks::HasAny(const Inode& inode) const {
  if (owners_ == 0) return false;
  std::lock_guard lock(mutex_);
  const auto found = held_.lower_bound(Key{&inode, {0, LockOwner::Style::kRanges}});
  return found != held_.end() && found->first.inode == &inode;
}

}  // namespace recrypt
