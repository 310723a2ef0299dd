// passthrough: a FUSE file system that only passes through, which is the most that a mount of
// RecryptFS could reach.
//
//   passthrough STORED MOUNTPOINT      # in the foreground, until it is unmounted
//
// What the kernel is told is what RecryptFS tells it (fs/fuse_session.cc, fs/fuse_*_ops.cc,
// daemon/mount/mount.cc): flags, sizes, timeouts, read-ahead, which requests are answered at all,
// pages kept at open, no flush after reading; the threads are those of fs/fuse_loop, and
// fs/fuse_device completes the answer to INIT. Modes are the storage's: nobody asks for
// set-user-ID to be taken away here. An inode is an O_PATH descriptor.
#include <dirent.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fs/fuse_device.h"
#include "fs/fuse_loop.h"

namespace {

using recrypt::FuseDevice;
using recrypt::FuseLoop;

constexpr unsigned kReadAheadKib = 512;
constexpr unsigned kThreads = 16;
constexpr double kTimeout = 1.0;  // seconds, of names and attributes

struct Node {
  int fd = -1;
  std::pair<dev_t, ino_t> number;
  uint64_t lookups = 0;
};

std::mutex nodes_mutex;  // guards nodes, and the look-ups counted in each
std::map<std::pair<dev_t, ino_t>, std::unique_ptr<Node>> nodes;
Node root;

Node& NodeOf(fuse_ino_t ino) { return ino == FUSE_ROOT_ID ? root : *reinterpret_cast<Node*>(ino); }
int FdOf(fuse_ino_t ino) { return NodeOf(ino).fd; }
int FileOf(const struct fuse_file_info* fi) { return static_cast<int>(fi->fh); }
// For calls that take no O_PATH descriptor.
std::string PathOf(fuse_ino_t ino) { return "/proc/self/fd/" + std::to_string(FdOf(ino)); }

void Reply(fuse_req_t req, int result) { fuse_reply_err(req, result == 0 ? 0 : errno); }

void Init(void*, struct fuse_conn_info* conn) { FuseDevice::AskForFeatures(conn); }

// 0, and the entry as the kernel is told of it, counted as looked up; or errno.
int Find(fuse_ino_t parent, const char* name, struct fuse_entry_param& entry) {
  entry = {};
  entry.attr_timeout = entry.entry_timeout = kTimeout;
  const int fd = openat(FdOf(parent), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  if (fstatat(fd, "", &entry.attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) {
    const int error = errno;
    close(fd);
    return error;
  }
  std::lock_guard lock(nodes_mutex);
  std::unique_ptr<Node>& node = nodes[{entry.attr.st_dev, entry.attr.st_ino}];
  if (node == nullptr) {
    node = std::make_unique<Node>(Node{fd, {entry.attr.st_dev, entry.attr.st_ino}, 0});
  } else {
    close(fd);
  }
  ++node->lookups;
  entry.ino = reinterpret_cast<fuse_ino_t>(node.get());
  return 0;
}

void ForgetNode(fuse_ino_t ino, uint64_t count) {
  if (ino == FUSE_ROOT_ID) return;
  std::lock_guard lock(nodes_mutex);
  Node& node = NodeOf(ino);
  node.lookups -= count;
  if (node.lookups != 0) return;
  close(node.fd);
  nodes.erase(std::exchange(node.number, {}));
}

void ReplyEntry(fuse_req_t req, fuse_ino_t parent, const char* name) {
  struct fuse_entry_param entry;
  const int error = Find(parent, name, entry);
  if (error != 0) {
    fuse_reply_err(req, error);
  } else if (fuse_reply_entry(req, &entry) == -ENOENT) {
    ForgetNode(entry.ino, 1);
  }
}

void Forget(fuse_req_t req, fuse_ino_t ino, uint64_t count) {
  ForgetNode(ino, count);
  fuse_reply_none(req);
}

void ForgetMulti(fuse_req_t req, size_t count, struct fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) ForgetNode(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(req);
}

void GetAttr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info*) {
  struct stat st;
  if (fstatat(FdOf(ino), "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) {
    fuse_reply_err(req, errno);
  } else {
    fuse_reply_attr(req, &st, kTimeout);
  }
}

int ChangeOwner(fuse_ino_t ino, const struct stat& attr, int to_set) {
  const uid_t uid = (to_set & FUSE_SET_ATTR_UID) != 0 ? attr.st_uid : static_cast<uid_t>(-1);
  const gid_t gid = (to_set & FUSE_SET_ATTR_GID) != 0 ? attr.st_gid : static_cast<gid_t>(-1);
  return fchownat(FdOf(ino), "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

int ChangeTimes(fuse_ino_t ino, const struct stat& attr, int to_set) {
  struct timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
  if ((to_set & FUSE_SET_ATTR_ATIME) != 0) times[0] = attr.st_atim;
  if ((to_set & FUSE_SET_ATTR_ATIME_NOW) != 0) times[0] = {0, UTIME_NOW};
  if ((to_set & FUSE_SET_ATTR_MTIME) != 0) times[1] = attr.st_mtim;
  if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0) times[1] = {0, UTIME_NOW};
  return utimensat(AT_FDCWD, PathOf(ino).c_str(), times, 0);
}

void SetAttr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set,
             struct fuse_file_info* fi) {
  constexpr int kOwner = FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID;
  constexpr int kTimes =
      FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW;
  int result = 0;
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) result = chmod(PathOf(ino).c_str(), attr->st_mode);
  if (result == 0 && (to_set & kOwner) != 0) result = ChangeOwner(ino, *attr, to_set);
  if (result == 0 && (to_set & FUSE_SET_ATTR_SIZE) != 0) {
    result = fi != nullptr ? ftruncate(FileOf(fi), attr->st_size)
                           : truncate(PathOf(ino).c_str(), attr->st_size);
  }
  if (result == 0 && (to_set & kTimes) != 0) result = ChangeTimes(ino, *attr, to_set);
  if (result != 0) {
    fuse_reply_err(req, errno);
  } else {
    GetAttr(req, ino, fi);
  }
}

void ReadLink(fuse_req_t req, fuse_ino_t ino) {
  char target[PATH_MAX + 1];
  const ssize_t size = readlinkat(FdOf(ino), "", target, sizeof target - 1);
  if (size < 0) return Reply(req, -1);
  target[size] = '\0';
  fuse_reply_readlink(req, target);
}

void CheckAccess(fuse_req_t req, fuse_ino_t ino, int mask) {
  Reply(req, access(PathOf(ino).c_str(), mask));
}

void StatFs(fuse_req_t req, fuse_ino_t ino) {
  struct statvfs st;
  if (fstatvfs(FdOf(ino), &st) != 0) return Reply(req, -1);
  fuse_reply_statfs(req, &st);
}

void MakeDirectory(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  if (mkdirat(FdOf(parent), name, mode & ~fuse_req_ctx(req)->umask) != 0) return Reply(req, -1);
  ReplyEntry(req, parent, name);
}

void MakeSymlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  if (symlinkat(target, FdOf(parent), name) != 0) return Reply(req, -1);
  ReplyEntry(req, parent, name);
}

void Link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char* name) {
  if (linkat(AT_FDCWD, PathOf(ino).c_str(), FdOf(parent), name, AT_SYMLINK_FOLLOW) != 0) {
    return Reply(req, -1);
  }
  ReplyEntry(req, parent, name);
}

void Unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Reply(req, unlinkat(FdOf(parent), name, 0));
}

void RemoveDirectory(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Reply(req, unlinkat(FdOf(parent), name, AT_REMOVEDIR));
}

void Rename(fuse_req_t req, fuse_ino_t from, const char* name, fuse_ino_t to, const char* new_name,
            unsigned flags) {
  Reply(req, renameat2(FdOf(from), name, FdOf(to), new_name, flags));
}

void ReplyXattr(fuse_req_t req, ssize_t got, const std::vector<char>& buffer, size_t asked) {
  if (got < 0) return Reply(req, -1);
  if (asked == 0) {
    fuse_reply_xattr(req, static_cast<size_t>(got));
  } else {
    fuse_reply_buf(req, buffer.data(), static_cast<size_t>(got));
  }
}

void GetXattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t size) {
  // Answered as RecryptFS does, without a look.
  if (std::strcmp(name, "security.capability") == 0) {
    fuse_reply_err(req, ENODATA);
    return;
  }
  std::vector<char> buffer(size);
  ReplyXattr(req, getxattr(PathOf(ino).c_str(), name, buffer.data(), size), buffer, size);
}

void FillOpen(struct fuse_file_info* fi, int fd) {
  fi->fh = static_cast<uint64_t>(fd);
  fi->keep_cache = 1;
  fi->noflush = (fi->flags & O_ACCMODE) == O_RDONLY ? 1 : 0;
}

void Open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info* fi) {
  const int fd = open(PathOf(ino).c_str(), (fi->flags & ~O_NOFOLLOW) | O_CLOEXEC);
  if (fd < 0) return Reply(req, -1);
  FillOpen(fi, fd);
  if (fuse_reply_open(req, fi) == -ENOENT) close(fd);
}

void Create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
            struct fuse_file_info* fi) {
  const int fd =
      openat(FdOf(parent), name, fi->flags | O_CREAT | O_CLOEXEC, mode & ~fuse_req_ctx(req)->umask);
  if (fd < 0) return Reply(req, -1);
  struct fuse_entry_param entry;
  const int error = Find(parent, name, entry);
  if (error != 0) {
    close(fd);
    fuse_reply_err(req, error);
    return;
  }
  FillOpen(fi, fd);
  if (fuse_reply_create(req, &entry, fi) != -ENOENT) return;
  close(fd);
  ForgetNode(entry.ino, 1);
}

void Release(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi) {
  Reply(req, close(FileOf(fi)));
}

void Read(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, struct fuse_file_info* fi) {
  struct fuse_bufvec from = FUSE_BUFVEC_INIT(size);
  from.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
  from.buf[0].fd = FileOf(fi);
  from.buf[0].pos = offset;
  fuse_reply_data(req, &from, FUSE_BUF_SPLICE_MOVE);
}

void Write(fuse_req_t req, fuse_ino_t, const char* data, size_t size, off_t offset,
           struct fuse_file_info* fi) {
  const ssize_t wrote = pwrite(FileOf(fi), data, size, offset);
  if (wrote < 0) return Reply(req, -1);
  fuse_reply_write(req, static_cast<size_t>(wrote));
}

void Flush(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi) {
  Reply(req, close(dup(FileOf(fi))));
}

void Fsync(fuse_req_t req, fuse_ino_t, int data_only, struct fuse_file_info* fi) {
  Reply(req, data_only != 0 ? fdatasync(FileOf(fi)) : fsync(FileOf(fi)));
}

void Allocate(fuse_req_t req, fuse_ino_t, int mode, off_t offset, off_t length,
              struct fuse_file_info* fi) {
  Reply(req, fallocate(FileOf(fi), mode, offset, length));
}

struct Listing {
  ~Listing() { closedir(directory); }
  DIR* directory = nullptr;
  const struct dirent* held = nullptr;  // was read, and did not fit into the answer
  off_t position = 0;
};
Listing& ListingOf(struct fuse_file_info* fi) { return *reinterpret_cast<Listing*>(fi->fh); }

void OpenDir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info* fi) {
  const int fd = openat(FdOf(ino), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Reply(req, -1);
  auto listing = std::make_unique<Listing>();
  listing->directory = fdopendir(fd);
  fi->fh = reinterpret_cast<uint64_t>(listing.release());
  if (fuse_reply_open(req, fi) == -ENOENT) delete &ListingOf(fi);
}

void ReleaseDir(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi) {
  delete &ListingOf(fi);
  fuse_reply_err(req, 0);
}

// 0 when there is no room for the entry, else the room that it took.
size_t AddEntry(fuse_req_t req, fuse_ino_t ino, const struct dirent& shown, char* at, size_t room,
                bool with_attributes) {
  struct fuse_entry_param entry = {};
  entry.attr.st_ino = shown.d_ino;
  entry.attr.st_mode = DTTOIF(shown.d_type);
  if (!with_attributes) {
    const size_t size = fuse_add_direntry(req, at, room, shown.d_name, &entry.attr, shown.d_off);
    return size > room ? 0 : size;
  }
  if (fuse_add_direntry_plus(req, nullptr, 0, shown.d_name, nullptr, 0) > room) return 0;
  const bool is_dots = std::strcmp(shown.d_name, ".") == 0 || std::strcmp(shown.d_name, "..") == 0;
  if (!is_dots && Find(ino, shown.d_name, entry) != 0) entry = {};
  return fuse_add_direntry_plus(req, at, room, shown.d_name, &entry, shown.d_off);
}

void List(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info* fi,
          bool with_attributes) {
  Listing& listing = ListingOf(fi);
  if (offset != listing.position) {
    seekdir(listing.directory, offset);
    listing.held = nullptr;
    listing.position = offset;
  }
  std::vector<char> buffer(size);
  size_t used = 0;
  for (;;) {
    if (listing.held == nullptr) listing.held = readdir(listing.directory);
    if (listing.held == nullptr) break;
    const size_t took =
        AddEntry(req, ino, *listing.held, buffer.data() + used, size - used, with_attributes);
    if (took == 0) break;
    used += took;
    listing.position = listing.held->d_off;
    listing.held = nullptr;
  }
  fuse_reply_buf(req, buffer.data(), used);
}

void ReadDir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info* fi) {
  List(req, ino, size, offset, fi, false);
}

void ReadDirPlus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                 struct fuse_file_info* fi) {
  List(req, ino, size, offset, fi, true);
}

void SyncDir(fuse_req_t req, fuse_ino_t, int, struct fuse_file_info* fi) {
  Reply(req, fsync(dirfd(ListingOf(fi).directory)));
}

void GetLock(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi, struct flock* lock) {
  lock->l_pid = 0;
  if (fcntl(FileOf(fi), F_OFD_GETLK, lock) != 0) return Reply(req, -1);
  fuse_reply_lock(req, lock);
}

void SetLock(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi, struct flock* lock, int sleep) {
  lock->l_pid = 0;
  Reply(req, fcntl(FileOf(fi), sleep != 0 ? F_OFD_SETLKW : F_OFD_SETLK, lock));
}

void LockWhole(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi, int operation) {
  Reply(req, flock(FileOf(fi), operation));
}

struct fuse_lowlevel_ops Operations() {
  struct fuse_lowlevel_ops ops = {};
  ops.init = Init;
  ops.lookup = [](fuse_req_t req, fuse_ino_t parent, const char* name) {
    ReplyEntry(req, parent, name);
  };
  ops.forget = Forget;
  ops.forget_multi = ForgetMulti;
  ops.getattr = GetAttr;
  ops.setattr = SetAttr;
  ops.readlink = ReadLink;
  ops.access = CheckAccess;
  ops.statfs = StatFs;
  ops.mkdir = MakeDirectory;
  ops.symlink = MakeSymlink;
  ops.link = Link;
  ops.unlink = Unlink;
  ops.rmdir = RemoveDirectory;
  ops.rename = Rename;
  ops.getxattr = GetXattr;
  ops.open = Open;
  ops.create = Create;
  ops.release = Release;
  ops.read = Read;
  ops.write = Write;
  ops.flush = Flush;
  ops.fsync = Fsync;
  ops.fallocate = Allocate;
  ops.opendir = OpenDir;
  ops.releasedir = ReleaseDir;
  ops.readdir = ReadDir;
  ops.readdirplus = ReadDirPlus;
  ops.fsyncdir = SyncDir;
  ops.getlk = GetLock;
  ops.setlk = SetLock;
  ops.flock = LockWhole;
  return ops;
}

void RaiseLimits() {
  struct rlimit limit = {1u << 20, 1u << 20};
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// The mount answers by now: the stat crosses.
void RaiseReadAhead(const std::string& mountpoint) {
  struct stat st;
  if (stat(mountpoint.c_str(), &st) != 0) return;
  std::ofstream("/sys/class/bdi/" + std::to_string(major(st.st_dev)) + ":" +
                std::to_string(minor(st.st_dev)) + "/read_ahead_kb")
      << kReadAheadKib;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: passthrough STORED MOUNTPOINT\n");
    return 2;
  }
  RaiseLimits();
  umask(0);  // the kernel leaves it to us, with the caller's in each request
  root.fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root.fd < 0) {
    std::perror(argv[1]);
    return 1;
  }
  std::string program = "passthrough", flag = "-o", text = "subtype=passthrough,fsname=passthrough";
  char* arguments[] = {program.data(), flag.data(), text.data(), nullptr};
  struct fuse_args args = FUSE_ARGS_INIT(3, arguments);
  const struct fuse_lowlevel_ops operations = Operations();
  FuseDevice device;
  struct fuse_session* session = fuse_session_new(&args, &operations, sizeof operations, &device);
  fuse_opt_free_args(&args);
  if (session == nullptr || fuse_session_mount(session, argv[2]) != 0) return 1;
  const recrypt::Status attached =
      FuseDevice::Attach(session, [](int fd, struct iovec* parts, int count, void* user) {
        return static_cast<FuseDevice*>(user)->Send(fd, parts, count);
      });
  if (!attached) return 1;
  std::thread after_start([mountpoint = std::string(argv[2])] { RaiseReadAhead(mountpoint); });
  FuseLoop loop(session, device, kThreads);
  const int result = loop.Run();
  after_start.join();
  fuse_session_unmount(session);
  fuse_session_destroy(session);
  return result == 0 ? 0 : 1;
}
