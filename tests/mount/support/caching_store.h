// CachingStore: a share as a client of NFS sees it, for two mounts of one share: each has a
// CachingStore of its own over the same directory, as two machines would have.
//
//   Mount({.wrap_store = [](auto inner) { return std::make_unique<CachingStore>(std::move(inner));
//   }});
//
// What an NFS client (version 3, or 4 without delegations) keeps, is kept here, for good, until
// something asks for it anew:
// - Attributes, size and times among them, by inode. Asked for again by opening the file, by
//   Revalidate, and after a lock was got. What was written here shows at once.
// - Contents, by page. They are believed as long as size and time of modification are those under
//   which they were read, times being as coarse as kTimeUnit; so pages of several states may stand
//   side by side. A lock that was got forgets all of them. Reading ends at the size that is
//   believed.
// - Names, taken and free ones, by directory. What is done to a name here shows at once; what
// others
//   did shows after Revalidate of the directory. OpenDirectory and making a name ask the share.
// - What is written stays here until SyncData, Unlock, a change of the attributes, or too
//   much of it; then it goes to the share in order, and is lost if the process is killed before.
// Revalidate does what PosixStore's comes to on such a file system: it opens the file again, and
// forgets the contents of one that changed less than kRecent ago, whose time may be too coarse.
// A file that others removed cannot be opened any more (ESTALE); who has it open goes on reading,
// which an NFS server does not always grant.
//
// Thread safe.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_CACHING_STORE_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_CACHING_STORE_H_

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "tests/mount/support/wrapped_store.h"

namespace recrypt {

class CachingStore : public WrappedStore {
 public:
  static constexpr int64_t kTimeUnit = 10'000'000;   // nanoseconds
  static constexpr int64_t kRecent = 2'000'000'000;  // nanoseconds
  static constexpr size_t kMaxUnwritten = size_t{1} << 20;

  using WrappedStore::WrappedStore;
  bool IsRemote() const override { return true; }
  ~CachingStore() override;

  Result<UniqueFd> OpenNode(int dir, const std::string& name) override;
  Result<struct stat> Stat(int fd_or_node) override;
  Result<struct stat> StatAt(int dir, const std::string& name) override;
  Status Revalidate(int fd_or_node) override;
  Status ChangeMode(int node, mode_t mode) override;
  Status ChangeOwner(int node, Owner owner) override;
  Status ChangeTimes(int node, const struct timespec times[2]) override;
  Status MakeDirectory(int dir, const std::string& name, mode_t mode) override;
  Status MakeNode(int dir, const std::string& name, mode_t mode, dev_t device) override;
  Status MakeSymlink(int dir, const std::string& name, const std::string& target) override;
  Status Link(int node, int dir, const std::string& name) override;
  Status Unlink(int dir, const std::string& name) override;
  Status RemoveDirectory(int dir, const std::string& name) override;
  Status Rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                unsigned flags) override;
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

 private:
  // Inode number and time of birth: as good as a file handle, which is never given again.
  using Key = std::pair<uint64_t, int64_t>;
  static constexpr size_t kPage = 4096;

  struct Unwritten {
    uint64_t offset;
    Bytes data;
  };
  struct File {
    std::optional<struct stat> attributes;
    std::map<uint64_t, Bytes> pages;
    // Under which the pages were read.
    int64_t modified = 0;
    uint64_t size = 0;
    std::vector<Unwritten> unwritten;
    size_t unwritten_bytes = 0;
    UniqueFd writer;  // of the share's file, while something is unwritten
  };
  struct Directory {
    std::map<std::string, UniqueFd> names;  // without a descriptor: known to be free
  };

  static Result<Key> KeyOf(int fd);
  // What the share says now; drops pages that are not of it.
  Result<struct stat> Fetch(int fd, File& file);
  Result<File*> FileOf(int fd);
  Result<struct stat> Known(int fd, File& file);
  Status WriteOut(File& file);
  Status WriteOutOf(int fd);
  // A change of attributes: what is unwritten goes first, then all is asked for again.
  template <typename Change>
  Status ChangeAttributes(int node, Change change);
  template <typename Change>
  Status ChangeName(int dir, const std::string& name, Change change);
  void NoteRemoved(int dir, const std::string& name);
  Status ForgetName(int dir, const std::string& name);
  Result<UniqueFd> Copy(const UniqueFd& node);

  std::mutex mutex_;  // guards what follows
  std::map<Key, File> files_;
  std::map<Key, Directory> directories_;
  std::set<Key> removed_;  // by this client, which can go on opening them
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_CACHING_STORE_H_
