// PosixStore: a share that is a directory of this machine, whatever file system it is on.
//
// Of the descriptors that the process may have, the last quarter is for opening files that are
// known already: before that, what is looked up is refused with EMFILE. Thread safe.
#ifndef RECRYPT_FS_POSIX_STORE_H_
#define RECRYPT_FS_POSIX_STORE_H_

#include <memory>
#include <mutex>

#include "fs/store.h"

namespace recrypt {

class PosixStore : public Store {
 public:
  // kNotFound when there is no such directory, kInvalid when it is something else.
  static Result<std::unique_ptr<PosixStore>> Open(const std::string& path);

  int root() const override { return root_.get(); }
  bool IsRemote() const override { return remote_; }
  Status Revalidate(int fd_or_node) override;
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
  void WillRead(int fd, uint64_t offset, uint64_t size) override;
  Result<size_t> ReadAt(int fd, uint64_t offset, MutableByteSpan out) override;
  Status WriteAt(int fd, uint64_t offset, ByteSpan data) override;
  Status Truncate(int fd, uint64_t size) override;
  Status SyncData(int fd) override;
  Status SyncAll(int fd) override;
  Status SyncShare() override;
  Status TryLock(int fd, LockKind kind) override;
  void Unlock(int fd) override;
  Status TryLockRange(int fd, const RangeLock& lock) override;
  Status UnlockRange(int fd, uint64_t first, uint64_t last) override;
  Result<std::optional<RangeLock>> FindLock(int fd, const RangeLock& wanted) override;

 private:
  PosixStore(UniqueFd root, bool remote, int spare_from)
      : root_(std::move(root)), remote_(remote), spare_from_(spare_from) {}
  Result<UniqueFd> NewlyKnown(int fd, const char* doing);

  const UniqueFd root_;
  const bool remote_;
  const int spare_from_;        // descriptors from this on are for what is known
  std::mutex root_path_mutex_;  // guards root_path_; innermost
  std::string root_path_;       // as last found
};

}  // namespace recrypt

#endif  // RECRYPT_FS_POSIX_STORE_H_
