// UserLocks: the locks that programs take on files of the mount, by fcntl(2) and flock(2).
//
//   Status taken = locks.Take(*inode, owner, {LockKind::kExclusive, 0, 99}, file);
//   if (!taken && taken.error().code == ErrorCode::kBusy) ...try again later...
//   locks.ReleaseAll(*inode, owner);
//
// They are kept on the stored file, each owner's by an open file description of its own (OFD
// locks), so that they hold between mounts of one share too, over whatever carries such locks. A
// range of the file stands at 2^61 and more there: where a store enforces locks (SMB), nobody is
// kept from reading the document. Thread safe.
#ifndef RECRYPT_FS_USER_LOCKS_H_
#define RECRYPT_FS_USER_LOCKS_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "fs/inode.h"
#include "fs/store.h"

namespace recrypt {

struct LockOwner {
  // kRanges: a process, by fcntl. kWhole: an open file, by flock.
  enum class Style { kRanges, kWhole };
  uint64_t id;  // the kernel's
  Style style;
  auto operator<=>(const LockOwner&) const = default;
};

class UserLocks {
 public:
  // All that flock locks.
  static constexpr RangeLock kWholeFile = {LockKind::kExclusive, 0, UINT64_MAX};

  explicit UserLocks(Store& store) : store_(store) {}

  // Does not wait: kBusy (EAGAIN) when somebody else has a lock in the way. `file` is whatever open
  // file it is taken through, for ReleaseTakenThrough. Offsets of 2^61 and more are taken for one.
  Status Take(const Inode& inode, LockOwner owner, const RangeLock& lock, const void* file);
  Status Release(const Inode& inode, LockOwner owner, uint64_t first, uint64_t last);
  // Somebody else's lock that is in the way of `wanted`.
  Result<std::optional<RangeLock>> Find(const Inode& inode, LockOwner owner,
                                        const RangeLock& wanted);
  void ReleaseAll(const Inode& inode, LockOwner owner);
  void ReleaseTakenThrough(const void* file);
  // Whether anybody here has, or has asked for, a lock on it.
  bool HasAny(const Inode& inode) const;

 private:
  struct Key {
    const Inode* inode;
    LockOwner owner;
    auto operator<=>(const Key&) const = default;
  };
  struct Held {
    std::shared_ptr<const UniqueFd> fd;
    const void* file;  // through which the first was taken
  };

  Result<std::shared_ptr<const UniqueFd>> DescriptorFor(const Inode& inode, LockOwner owner,
                                                        const void* file);
  Result<UniqueFd> OpenForLocks(const Inode& inode);
  std::shared_ptr<const UniqueFd> Known(const Inode& inode, LockOwner owner) const;

  Store& store_;
  std::atomic<size_t> owners_{0};  // spares the lock where nobody locks anything
  mutable std::mutex mutex_;       // guards held_; innermost
  std::map<Key, Held> held_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_USER_LOCKS_H_
