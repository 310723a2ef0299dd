// FaultyStore: a store of which one call, or every call from one on, fails with a chosen errno.
//
//   Faults faults;
//   faults.Arm({.at = 7, .error = EIO});                             // the seventh call, once
//   faults.Arm({.at = 1, .lasts = true, .calls = {StoreCall::kWriteAt}});  // every write
//   FaultyStore store(std::move(inner), faults);                     // or behind MountSettings
//
// A call that fails does nothing on the share, unless the fault is `torn`: then a write has put the
// first half of its bytes there. Unlock and WillRead cannot fail and are not counted. Faults lie in
// memory shared with the processes that serve mounts, and outlive their stores. Thread safe.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_FAULTY_STORE_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_FAULTY_STORE_H_

#include <cerrno>
#include <initializer_list>
#include <memory>

#include "tests/mount/support/wrapped_store.h"

namespace recrypt {

enum class StoreCall : unsigned {
  kOpenNode,
  kNodeOf,
  kStat,
  kStatAt,
  kPathOf,
  kCheckAccess,
  kChangeMode,
  kChangeOwner,
  kChangeTimes,
  kReadLink,
  kStatFs,
  kGetXattr,
  kListXattr,
  kSetXattr,
  kRemoveXattr,
  kMakeDirectory,
  kMakeNode,
  kMakeSymlink,
  kLink,
  kUnlink,
  kRemoveDirectory,
  kRename,
  kOpenDirectory,
  kReadEntries,
  kSeekDirectory,
  kSyncDirectory,
  kOpenFile,
  kCreateFile,
  kReadAt,
  kWriteAt,
  kTruncate,
  kSyncData,
  kTryLock,
};

class Faults {
 public:
  struct Fault {
    uint64_t at = 0;  // which of the calls fails; 0: none
    int error = EIO;
    bool lasts = false;                           // so do all after it
    bool torn = false;                            // half of a write is done
    std::initializer_list<StoreCall> calls = {};  // which are counted; empty: all
  };
  struct Strike {
    int error = 0;  // 0: the call goes through
    bool torn = false;
  };

  Faults();
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  // Counting starts again.
  void Arm(const Fault& fault);
  void Disarm() { Arm({}); }
  // Of those that are counted, since Arm.
  uint64_t calls() const;
  uint64_t struck() const;
  // For the store: one call is made.
  Strike Count(StoreCall call);

 private:
  struct Shared;
  Shared* const shared_;
};

class FaultyStore : public WrappedStore {
 public:
  FaultyStore(std::unique_ptr<Store> inner, Faults& faults)
      : WrappedStore(std::move(inner)), faults_(faults) {}

  Result<UniqueFd> OpenNode(int dir, const std::string& name) override;
  Result<UniqueFd> NodeOf(int fd) override;
  Result<struct stat> Stat(int fd_or_node) override;
  Result<struct stat> StatAt(int dir, const std::string& name) override;
  Result<std::string> PathOf(int node) override;
  Status CheckAccess(int node, int mask) override;
  Status ChangeMode(int node, mode_t mode) override;
  Status ChangeOwner(int node, Owner owner) override;
  Status ChangeTimes(int node, const struct timespec times[2]) override;
  Result<std::string> ReadLink(int node) override;
  Result<struct statvfs> StatFs(int node) override;
  Result<size_t> GetXattr(int node, const std::string& name, void* value, size_t size) override;
  Result<size_t> ListXattr(int node, char* list, size_t size) override;
  Status SetXattr(int node, const std::string& name, ByteSpan value, int flags) override;
  Status RemoveXattr(int node, const std::string& name) override;
  Status MakeDirectory(int dir, const std::string& name, mode_t mode) override;
  Status MakeNode(int dir, const std::string& name, mode_t mode, dev_t device) override;
  Status MakeSymlink(int dir, const std::string& name, const std::string& target) override;
  Status Link(int node, int dir, const std::string& name) override;
  Status Unlink(int dir, const std::string& name) override;
  Status RemoveDirectory(int dir, const std::string& name) override;
  Status Rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                unsigned flags) override;
  Result<UniqueFd> OpenDirectory(int node) override;
  Result<size_t> ReadEntries(int dir, MutableByteSpan buffer) override;
  Status SeekDirectory(int dir, int64_t position) override;
  Status SyncDirectory(int dir) override;
  Result<UniqueFd> OpenFile(int node, int flags) override;
  Result<UniqueFd> CreateFile(int dir, const std::string& name, mode_t mode) override;
  Result<size_t> ReadAt(int fd, uint64_t offset, MutableByteSpan out) override;
  Status WriteAt(int fd, uint64_t offset, ByteSpan data) override;
  Status Truncate(int fd, uint64_t size) override;
  Status SyncData(int fd) override;
  Status TryLock(int fd, LockKind kind) override;

 private:
  Faults& faults_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_FAULTY_STORE_H_
