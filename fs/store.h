// Store: the only door through which the file system touches the share. Tests put a recording or
// a faulty one in its place.
//
//   RECRYPT_ASSIGN(auto store, PosixStore::Open("/srv/share"));
//   RECRYPT_ASSIGN(UniqueFd node, store->OpenNode(store->root(), "report.odt.jcd"));
//   RECRYPT_ASSIGN(struct stat st, store->Stat(node.get()));
//
// A node is an O_PATH descriptor: it names one inode of the share for good, whatever becomes of
// its names. Every call works relative to a descriptor and follows no symbolic link, so nobody who
// can write to the share can lead the mount out of it. Names are single components. Errors are
// those of the system call, in Error::os_error. Thread safe.
#ifndef RECRYPT_FS_STORE_H_
#define RECRYPT_FS_STORE_H_

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include <ctime>
#include <optional>
#include <string>

#include "client/document_lock.h"
#include "core/base/bytes.h"
#include "core/base/unique_fd.h"

namespace recrypt {

struct Owner {
  uid_t uid;
  gid_t gid;
};

// A program's lock of the bytes from `first` to `last`, both included.
struct RangeLock {
  LockKind kind;
  uint64_t first;
  uint64_t last;
};

class Store {
 public:
  virtual ~Store() = default;

  // The root of the share: a node that lives as long as the store.
  virtual int root() const = 0;

  // -- What other machines do.
  // True for a network file system: other machines change it behind what this one's system keeps
  // of it, and may refuse what has been written here only later.
  virtual bool IsRemote() const = 0;
  // What is said next of a file, its contents included, or of the names in a directory is as new as
  // when this was called. ESTALE in os_error when others have removed the file. On a local file
  // system that is always so, and nothing is done.
  virtual Status Revalidate(int fd_or_node) = 0;

  // -- Nodes and their attributes.
  virtual Result<UniqueFd> OpenNode(int dir, const std::string& name) = 0;
  // The node of a descriptor that is open already.
  virtual Result<UniqueFd> NodeOf(int fd) = 0;
  virtual Result<struct stat> Stat(int fd_or_node) = 0;
  virtual Result<struct stat> StatAt(int dir, const std::string& name) = 0;
  // Where a node stands now, relative to the root of the share ("" for the root itself). kNotFound
  // when it stands outside; for an unlinked node the last place that it had.
  virtual Result<std::string> PathOf(int node) = 0;
  virtual Status CheckAccess(int node, int mask) = 0;
  virtual Status ChangeMode(int node, mode_t mode) = 0;
  // uid or gid -1 leaves it as it is.
  virtual Status ChangeOwner(int node, Owner owner) = 0;
  // Access and modification time, with UTIME_NOW and UTIME_OMIT as in utimensat(2).
  virtual Status ChangeTimes(int node, const struct timespec times[2]) = 0;
  virtual Result<std::string> ReadLink(int node) = 0;
  virtual Result<struct statvfs> StatFs(int node) = 0;

  // -- Extended attributes. `size` 0 asks for the size alone.
  virtual Result<size_t> GetXattr(int node, const std::string& name, void* value, size_t size) = 0;
  virtual Result<size_t> ListXattr(int node, char* list, size_t size) = 0;
  virtual Status SetXattr(int node, const std::string& name, ByteSpan value, int flags) = 0;
  virtual Status RemoveXattr(int node, const std::string& name) = 0;

  // -- The name space.
  virtual Status MakeDirectory(int dir, const std::string& name, mode_t mode) = 0;
  // FIFOs, sockets, devices.
  virtual Status MakeNode(int dir, const std::string& name, mode_t mode, dev_t device) = 0;
  virtual Status MakeSymlink(int dir, const std::string& name, const std::string& target) = 0;
  virtual Status Link(int node, int dir, const std::string& name) = 0;
  virtual Status Unlink(int dir, const std::string& name) = 0;
  virtual Status RemoveDirectory(int dir, const std::string& name) = 0;
  // `flags` as in renameat2(2).
  virtual Status Rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                        unsigned flags) = 0;
  // Directory entries as getdents64(2) writes them; 0 at the end. `dir` is from OpenDirectory.
  virtual Result<UniqueFd> OpenDirectory(int node) = 0;
  virtual Result<size_t> ReadEntries(int dir, MutableByteSpan buffer) = 0;
  virtual Status SeekDirectory(int dir, int64_t position) = 0;
  virtual Status SyncDirectory(int dir) = 0;

  // -- Contents. `flags` is O_RDONLY or O_RDWR. Opening to read has the beginning of the file read
  // ahead, without waiting for it.
  virtual Result<UniqueFd> OpenFile(int node, int flags) = 0;
  // A new regular file, open for reading and writing; kExists when the name is taken.
  virtual Result<UniqueFd> CreateFile(int dir, const std::string& name, mode_t mode) = 0;
  // A hint that this range is about to be read; does not wait.
  virtual void WillRead(int fd, uint64_t offset, uint64_t size) = 0;
  // Fewer bytes than asked for only at the end of the file.
  virtual Result<size_t> ReadAt(int fd, uint64_t offset, MutableByteSpan out) = 0;
  virtual Status WriteAt(int fd, uint64_t offset, ByteSpan data) = 0;
  virtual Status Truncate(int fd, uint64_t size) = 0;
  // Contents and size (fdatasync).
  virtual Status SyncData(int fd) = 0;
  // These and all that belongs to the file, its extended attributes for one (fsync).
  virtual Status SyncAll(int fd) = 0;
  // Everything on the share, in one go (syncfs).
  virtual Status SyncShare() = 0;

  // A lock of the whole document between mounts (DESIGN 6), held by the open file description of
  // `fd`. Does not wait: kBusy when somebody else holds it.
  virtual Status TryLock(int fd, LockKind kind) = 0;
  virtual void Unlock(int fd) = 0;

  // Advisory locks of ranges, held by the open file description of `fd` too; a range that it holds
  // already changes its kind. An exclusive one needs a descriptor open for writing. Does not wait:
  // kBusy (EAGAIN).
  virtual Status TryLockRange(int fd, const RangeLock& lock) = 0;
  virtual Status UnlockRange(int fd, uint64_t first, uint64_t last) = 0;
  // The first lock of somebody else that is in the way of `wanted`.
  virtual Result<std::optional<RangeLock>> FindLock(int fd, const RangeLock& wanted) = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_STORE_H_
