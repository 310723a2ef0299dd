#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "core/base/unique_fd.h"
#include "daemon/mount/mount.h"

namespace recrypt {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

bool SameInode(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Result<UniqueFd> OpenDirectoryAt(const std::string& path, const char* what) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) return fd;
  const std::string name = std::string(what) + " " + path;
  switch (errno) {
    case ENOENT:
      return Fail(ErrorCode::kNotFound, name + " does not exist");
    case ENOTDIR:
      return Fail(ErrorCode::kInvalid, name + " is not a directory");
    case ENOTCONN:
    case EIO:
      return Fail(ErrorCode::kExists, name +
                                          " is a mount whose process has ended: unmount it with "
                                          "`fusermount3 -u " +
                                          path + "` first");
    default:
      return FailErrno(errno, name);
  }
}

Status CheckEmpty(int directory, const std::string& path) {
  std::unique_ptr<DIR, CloseDir> dir(fdopendir(dup(directory)));
  if (dir == nullptr) return FailErrno(errno, "the mountpoint " + path);
  while (const struct dirent* entry = readdir(dir.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    return Fail(ErrorCode::kInvalid, "the mountpoint " + path + " is not empty (it has \"" +
                                         entry->d_name + "\"): choose an empty directory");
  }
  return {};
}

Status CheckNotMounted(int directory, const std::string& path) {
  struct stat here, above;
  if (fstat(directory, &here) != 0 || fstatat(directory, "..", &above, 0) != 0) {
    return FailErrno(errno, "the mountpoint " + path);
  }
  if (here.st_dev == above.st_dev && !SameInode(here, above)) return {};
  return Fail(ErrorCode::kExists, "something is mounted on " + path +
                                      " already: unmount it with "
                                      "`recryptfs umount " +
                                      path + "`, or choose another directory");
}

// True when `directory` is `ancestor` or lies somewhere below it.
Result<bool> LiesIn(int directory, int ancestor) {
  struct stat wanted, at;
  if (fstat(ancestor, &wanted) != 0) return FailErrno(errno, "stat");
  UniqueFd fd(fcntl(directory, F_DUPFD_CLOEXEC, 0));
  if (!fd || fstat(fd.get(), &at) != 0) return FailErrno(errno, "stat");
  for (;;) {
    if (SameInode(at, wanted)) return true;
    UniqueFd parent(openat(fd.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat above;
    if (!parent || fstat(parent.get(), &above) != 0) return FailErrno(errno, "opening ..");
    if (SameInode(at, above)) return false;
    fd = std::move(parent);
    at = above;
  }
}

}  // namespace

Status CheckMount(const std::string& share, const std::string& mountpoint) {
  RECRYPT_ASSIGN(UniqueFd share_fd, OpenDirectoryAt(share, "the share"));
  RECRYPT_ASSIGN(UniqueFd point_fd, OpenDirectoryAt(mountpoint, "the mountpoint"));
  RECRYPT_TRY(CheckNotMounted(point_fd.get(), mountpoint));
  RECRYPT_ASSIGN(bool point_in_share, LiesIn(point_fd.get(), share_fd.get()));
  if (point_in_share) {
    return Fail(ErrorCode::kInvalid,
                "the mountpoint " + mountpoint + " lies in the share " + share);
  }
  RECRYPT_ASSIGN(bool share_in_point, LiesIn(share_fd.get(), point_fd.get()));
  if (share_in_point) {
    return Fail(ErrorCode::kInvalid,
                "the share " + share + " lies in the mountpoint " + mountpoint);
  }
  return CheckEmpty(point_fd.get(), mountpoint);
}

}  // namespace recrypt
