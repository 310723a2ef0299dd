#include "fs/posix_store.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <ctime>
#include <optional>

namespace recrypt {
namespace {

// The path by which the kernel finds a descriptor's inode again: a magic link, which leads to the
// inode itself (a symbolic link included) and not through any name.
class DescriptorPath {
 public:
  explicit DescriptorPath(int fd) { std::snprintf(text_, sizeof text_, "/proc/self/fd/%d", fd); }
  const char* c_str() const { return text_; }

 private:
  char text_[32];
};

Status StatusOf(int result, const char* doing) {
  if (result == 0) return {};
  return FailErrno(errno, doing);
}

Result<UniqueFd> DescriptorOf(int fd, const char* doing) {
  if (fd < 0) return FailErrno(errno, doing);
  return UniqueFd(fd);
}

Result<std::string> LinkText(const char* path, const char* doing) {
  char text[PATH_MAX];
  ssize_t size = ::readlink(path, text, sizeof text);
  if (size < 0) return FailErrno(errno, doing);
  return std::string(text, static_cast<size_t>(size));
}

// What of `path` comes after `base`, without the slash; nullopt when it does not stand below it.
std::optional<std::string> PathBelow(const std::string& base, std::string_view path) {
  if (base.empty() || !path.starts_with(base)) return std::nullopt;
  if (base != "/") path.remove_prefix(base.size());
  if (path.empty()) return std::string();
  if (!path.starts_with('/')) return std::nullopt;
  return std::string(path.substr(1));
}

constexpr uint64_t kReadWithOpen = 32768;
// A group of a document, and records of large commits.
constexpr size_t kOnTheWayFrom = size_t{256} << 10;
// More than times of any file system are coarse by, and clocks of machines in one site apart.
constexpr time_t kRecentSeconds = 5;

// Whether only this machine changes what lies on a file system of that type (statfs(2)); of those
// that are not known it is not believed.
bool IsLocal(uint32_t type) {
  switch (type) {
    case 0xEF53:      // ext2, ext3, ext4
    case 0x58465342:  // xfs
    case 0x9123683E:  // btrfs
    case 0x01021994:  // tmpfs
    case 0x858458F6:  // ramfs
    case 0x794C7630:  // overlayfs
    case 0xF2F52010:  // f2fs
    case 0x2FC12FC1:  // zfs
    case 0xCA451A4E:  // bcachefs
    case 0x3153464A:  // jfs
    case 0x4D44:      // vfat
    case 0x2011BAB0:  // exfat
    case 0x7366746E:  // ntfs3
      return true;
    default:
      return false;
  }
}

struct flock FlockOf(const RangeLock& lock) {
  struct flock range = {};
  range.l_type = lock.kind == LockKind::kExclusive ? F_WRLCK : F_RDLCK;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(lock.first);
  range.l_len = static_cast<off_t>(lock.last - lock.first + 1);
  return range;
}

}  // namespace

Result<std::unique_ptr<PosixStore>> PosixStore::Open(const std::string& path) {
  UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return FailErrno(errno, "opening the share " + path);
  struct statfs st;
  if (::fstatfs(root.get(), &st) != 0) return FailErrno(errno, "statfs");
  const bool remote = !IsLocal(static_cast<uint32_t>(st.f_type));
  struct rlimit descriptors;
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return FailErrno(errno, "getrlimit");
  const auto most = static_cast<int>(std::min<rlim_t>(descriptors.rlim_cur, INT_MAX));
  return std::unique_ptr<PosixStore>(new PosixStore(std::move(root), remote, most - most / 4));
}

// Opening is when the client of a network file system asks the server. By time and size it tells
// whether what it keeps is still good; times may be coarse, so of a file that changed a moment ago
// everything is read anew.
Status PosixStore::Revalidate(int fd_or_node) {
  if (!remote_) return {};
  RECRYPT_ASSIGN(struct stat st, Stat(fd_or_node));
  const bool directory = S_ISDIR(st.st_mode);
  UniqueFd again(::open(DescriptorPath(fd_or_node).c_str(),
                        O_RDONLY | O_CLOEXEC | (directory ? O_DIRECTORY : O_NONBLOCK)));
  if (directory) return {};  // to look names up one need not be allowed to list them
  if (!again) return FailErrno(errno, "open");
  RECRYPT_ASSIGN(st, Stat(again.get()));
  struct timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec - st.st_ctim.tv_sec <= kRecentSeconds) {
    (void)::posix_fadvise(again.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
  return {};
}

// The system gives out the lowest number that is free.
Result<UniqueFd> PosixStore::NewlyKnown(int fd, const char* doing) {
  RECRYPT_ASSIGN(UniqueFd owned, DescriptorOf(fd, doing));
  if (owned.get() >= spare_from_) return FailErrno(EMFILE, doing);
  return owned;
}

Result<UniqueFd> PosixStore::OpenNode(int dir, const std::string& name) {
  return NewlyKnown(::openat(dir, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC), "looking up");
}

Result<UniqueFd> PosixStore::NodeOf(int fd) {
  return NewlyKnown(::open(DescriptorPath(fd).c_str(), O_PATH | O_CLOEXEC), "looking up");
}

Result<struct stat> PosixStore::Stat(int fd_or_node) {
  struct stat st;
  if (::fstat(fd_or_node, &st) != 0) return FailErrno(errno, "stat");
  return st;
}

Result<struct stat> PosixStore::StatAt(int dir, const std::string& name) {
  struct stat st;
  if (::fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return FailErrno(errno, "stat");
  return st;
}

Result<std::string> PosixStore::PathOf(int node) {
  RECRYPT_ASSIGN(std::string path, LinkText(DescriptorPath(node).c_str(), "finding a path"));
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) {
    RECRYPT_ASSIGN(struct stat st, Stat(node));
    if (st.st_nlink == 0) path.resize(path.size() - kDeleted.size());
  }
  {
    std::lock_guard lock(root_path_mutex_);
    if (auto below = PathBelow(root_path_, path)) return *below;
  }
  // The root itself may have been moved.
  RECRYPT_ASSIGN(std::string base, LinkText(DescriptorPath(root()).c_str(), "finding a path"));
  auto below = PathBelow(base, path);
  if (!below) return Fail(ErrorCode::kNotFound, "moved out of the share");
  std::lock_guard lock(root_path_mutex_);
  root_path_ = std::move(base);
  return *below;
}

Status PosixStore::CheckAccess(int node, int mask) {
  return StatusOf(::access(DescriptorPath(node).c_str(), mask), "access");
}

Status PosixStore::ChangeMode(int node, mode_t mode) {
  return StatusOf(::chmod(DescriptorPath(node).c_str(), mode), "chmod");
}

Status PosixStore::ChangeOwner(int node, Owner owner) {
  return StatusOf(::fchownat(node, "", owner.uid, owner.gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW),
                  "chown");
}

Status PosixStore::ChangeTimes(int node, const struct timespec times[2]) {
  return StatusOf(::utimensat(AT_FDCWD, DescriptorPath(node).c_str(), times, 0), "utimens");
}

Result<std::string> PosixStore::ReadLink(int node) {
  char text[PATH_MAX];
  ssize_t size = ::readlinkat(node, "", text, sizeof text);
  if (size < 0) return FailErrno(errno, "readlink");
  return std::string(text, static_cast<size_t>(size));
}

Result<struct statvfs> PosixStore::StatFs(int node) {
  struct statvfs st;
  if (::fstatvfs(node, &st) != 0) return FailErrno(errno, "statfs");
  return st;
}

Result<size_t> PosixStore::GetXattr(int node, const std::string& name, void* value, size_t size) {
  ssize_t got = ::getxattr(DescriptorPath(node).c_str(), name.c_str(), value, size);
  if (got < 0) return FailErrno(errno, "getxattr");
  return static_cast<size_t>(got);
}

Result<size_t> PosixStore::ListXattr(int node, char* list, size_t size) {
  ssize_t got = ::listxattr(DescriptorPath(node).c_str(), list, size);
  if (got < 0) return FailErrno(errno, "listxattr");
  return static_cast<size_t>(got);
}

Status PosixStore::SetXattr(int node, const std::string& name, ByteSpan value, int flags) {
  return StatusOf(
      ::setxattr(DescriptorPath(node).c_str(), name.c_str(), value.data(), value.size(), flags),
      "setxattr");
}

Status PosixStore::RemoveXattr(int node, const std::string& name) {
  return StatusOf(::removexattr(DescriptorPath(node).c_str(), name.c_str()), "removexattr");
}

Status PosixStore::MakeDirectory(int dir, const std::string& name, mode_t mode) {
  return StatusOf(::mkdirat(dir, name.c_str(), mode), "mkdir");
}

Status PosixStore::MakeNode(int dir, const std::string& name, mode_t mode, dev_t device) {
  return StatusOf(::mknodat(dir, name.c_str(), mode, device), "mknod");
}

Status PosixStore::MakeSymlink(int dir, const std::string& name, const std::string& target) {
  return StatusOf(::symlinkat(target.c_str(), dir, name.c_str()), "symlink");
}

Status PosixStore::Link(int node, int dir, const std::string& name) {
  return StatusOf(
      ::linkat(AT_FDCWD, DescriptorPath(node).c_str(), dir, name.c_str(), AT_SYMLINK_FOLLOW),
      "link");
}

Status PosixStore::Unlink(int dir, const std::string& name) {
  return StatusOf(::unlinkat(dir, name.c_str(), 0), "unlink");
}

Status PosixStore::RemoveDirectory(int dir, const std::string& name) {
  return StatusOf(::unlinkat(dir, name.c_str(), AT_REMOVEDIR), "rmdir");
}

Status PosixStore::Rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                          unsigned flags) {
  return StatusOf(::renameat2(from_dir, from.c_str(), to_dir, to.c_str(), flags), "rename");
}

Result<UniqueFd> PosixStore::OpenDirectory(int node) {
  return DescriptorOf(::openat(node, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opendir");
}

Result<size_t> PosixStore::ReadEntries(int dir, MutableByteSpan buffer) {
  long got = ::syscall(SYS_getdents64, dir, buffer.data(), buffer.size());
  if (got < 0) return FailErrno(errno, "readdir");
  return static_cast<size_t>(got);
}

Status PosixStore::SeekDirectory(int dir, int64_t position) {
  return StatusOf(::lseek(dir, position, SEEK_SET) < 0 ? -1 : 0, "seekdir");
}

Status PosixStore::SyncDirectory(int dir) { return StatusOf(::fsync(dir), "fsync"); }

Result<UniqueFd> PosixStore::OpenFile(int node, int flags) {
  const int fd = ::open(DescriptorPath(node).c_str(), flags | O_CLOEXEC);
  // What is read first is the end of a document, then its header: asked for together, a small one
  // comes from the disk in one go.
  if (fd >= 0 && (flags & O_ACCMODE) == O_RDONLY) WillRead(fd, 0, kReadWithOpen);
  return DescriptorOf(fd, "open");
}

Result<UniqueFd> PosixStore::CreateFile(int dir, const std::string& name, mode_t mode) {
  int fd = ::openat(dir, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  return DescriptorOf(fd, "create");
}

void PosixStore::WillRead(int fd, uint64_t offset, uint64_t size) {
  (void)::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(size),
                        POSIX_FADV_WILLNEED);
}

Result<size_t> PosixStore::ReadAt(int fd, uint64_t offset, MutableByteSpan out) {
  size_t done = 0;
  while (done < out.size()) {
    ssize_t got =
        ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, "read");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

Status PosixStore::WriteAt(int fd, uint64_t offset, ByteSpan data) {
  size_t done = 0;
  while (done < data.size()) {
    ssize_t got =
        ::pwrite(fd, data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, "write");
    done += static_cast<size_t>(got);
  }
  // So much at once is a part of more, at whose end somebody syncs: it goes to the disk meanwhile.
  // Not its last page, which the next write may go on in.
  if (data.size() >= kOnTheWayFrom) {
    (void)::sync_file_range(fd, static_cast<off_t>(offset), static_cast<off_t>(data.size()) - 4096,
                            SYNC_FILE_RANGE_WRITE);
  }
  return {};
}

Status PosixStore::Truncate(int fd, uint64_t size) {
  return StatusOf(::ftruncate(fd, static_cast<off_t>(size)), "truncate");
}

Status PosixStore::SyncData(int fd) { return StatusOf(::fdatasync(fd), "fdatasync"); }

Status PosixStore::SyncAll(int fd) { return StatusOf(::fsync(fd), "fsync"); }
Status PosixStore::SyncShare() {
  RECRYPT_ASSIGN(const UniqueFd directory, OpenDirectory(root()));
  return StatusOf(::syncfs(directory.get()), "syncfs");
}

Status PosixStore::TryLock(int fd, LockKind kind) { return TryLockDocument(fd, kind); }

void PosixStore::Unlock(int fd) { UnlockDocument(fd); }

Status PosixStore::TryLockRange(int fd, const RangeLock& lock) {
  struct flock wanted = FlockOf(lock);
  if (::fcntl(fd, F_OFD_SETLK, &wanted) == 0) return {};
  if (errno != EAGAIN && errno != EACCES) return FailErrno(errno, "lock");
  return Fail(Error{ErrorCode::kBusy, "somebody else has locked it", EAGAIN});
}

Status PosixStore::UnlockRange(int fd, uint64_t first, uint64_t last) {
  struct flock range = FlockOf({LockKind::kShared, first, last});
  range.l_type = F_UNLCK;
  return StatusOf(::fcntl(fd, F_OFD_SETLK, &range), "unlock");
}

Result<std::optional<RangeLock>> PosixStore::FindLock(int fd, const RangeLock& wanted) {
  struct flock found = FlockOf(wanted);
  if (::fcntl(fd, F_OFD_GETLK, &found) != 0) return FailErrno(errno, "lock");
  if (found.l_type == F_UNLCK) return std::optional<RangeLock>();
  const auto first = static_cast<uint64_t>(found.l_start);
  return std::optional(
      RangeLock{found.l_type == F_WRLCK ? LockKind::kExclusive : LockKind::kShared, first,
                found.l_len == 0 ? UINT64_MAX : first + static_cast<uint64_t>(found.l_len) - 1});
}

}  // namespace recrypt
