#include "tests/mount/support/kernel_mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace recrypt {
namespace {

Status StatusOf(int result, const char* doing) {
  if (result == 0) return {};
  return FailErrno(errno, doing);
}

}  // namespace

Status KernelMount::File::Write(uint64_t offset, std::string_view data) {
  while (!data.empty()) {
    const ssize_t put = pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (put < 0) return FailErrno(errno, "write");
    offset += static_cast<uint64_t>(put);
    data.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

Status KernelMount::File::Append(std::string_view data) {
  struct stat st;
  if (fstat(fd_.get(), &st) != 0) return FailErrno(errno, "stat");
  return Write(static_cast<uint64_t>(st.st_size), data);
}

Status KernelMount::File::Truncate(uint64_t size) {
  return StatusOf(ftruncate(fd_.get(), static_cast<off_t>(size)), "truncate");
}

Status KernelMount::File::Sync() { return StatusOf(fsync(fd_.get()), "fsync"); }

Status KernelMount::File::Close() { return StatusOf(close(fd_.Release()), "close"); }

Result<KernelMount::File> KernelMount::Open(const std::string& path, int flags) {
  UniqueFd fd(open(At(path).c_str(), flags | O_CLOEXEC, 0644));
  if (!fd) return FailErrno(errno, "open");
  return File(std::move(fd));
}

Result<struct stat> KernelMount::Stat(const std::string& path) {
  struct stat st;
  if (lstat(At(path).c_str(), &st) != 0) return FailErrno(errno, "stat");
  return st;
}

Result<std::string> KernelMount::Read(const std::string& path) {
  UniqueFd fd(open(At(path).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return FailErrno(errno, "open");
  std::string content, buffer(128 << 10, '\0');
  for (;;) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0) return FailErrno(errno, "read");
    if (got == 0) return content;
    content.append(buffer, 0, static_cast<size_t>(got));
  }
}

Status KernelMount::MakeDirectory(const std::string& path) {
  return StatusOf(mkdir(At(path).c_str(), 0755), "mkdir");
}

Status KernelMount::MakeSymlink(const std::string& path, const std::string& target) {
  return StatusOf(symlink(target.c_str(), At(path).c_str()), "symlink");
}

Status KernelMount::Link(const std::string& path, const std::string& to) {
  return StatusOf(link(At(path).c_str(), At(to).c_str()), "link");
}

Status KernelMount::Unlink(const std::string& path) {
  return StatusOf(unlink(At(path).c_str()), "unlink");
}

Status KernelMount::RemoveDirectory(const std::string& path) {
  return StatusOf(rmdir(At(path).c_str()), "rmdir");
}

Status KernelMount::Rename(const std::string& from, const std::string& to) {
  return StatusOf(rename(At(from).c_str(), At(to).c_str()), "rename");
}

Result<std::vector<std::string>> KernelMount::List(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(At(path).c_str()), closedir);
  if (dir == nullptr) return FailErrno(errno, "opendir");
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const struct dirent* entry = readdir(dir.get());
    if (entry == nullptr && errno != 0) return FailErrno(errno, "readdir");
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status KernelMount::SetXattr(const std::string& path, const std::string& name,
                             std::string_view value) {
  return StatusOf(lsetxattr(At(path).c_str(), name.c_str(), value.data(), value.size(), 0),
                  "setxattr");
}

Result<std::string> KernelMount::GetXattr(const std::string& path, const std::string& name) {
  char value[256];
  const ssize_t size = lgetxattr(At(path).c_str(), name.c_str(), value, sizeof value);
  if (size < 0) return FailErrno(errno, "getxattr");
  return std::string(value, static_cast<size_t>(size));
}

Status KernelMount::ListXattr(const std::string& path) {
  char list[256];
  if (llistxattr(At(path).c_str(), list, sizeof list) < 0) return FailErrno(errno, "listxattr");
  return {};
}

Result<struct stat> KernelMount::ChangeModeAndTime(const std::string& path, mode_t mode,
                                                   time_t modified) {
  RECRYPT_TRY(StatusOf(chmod(At(path).c_str(), mode), "chmod"));
  const struct timespec times[2] = {{0, UTIME_OMIT}, {modified, 0}};
  RECRYPT_TRY(StatusOf(utimensat(AT_FDCWD, At(path).c_str(), times, 0), "utimens"));
  return Stat(path);
}

Status KernelMount::StatFs(const std::string& path) {
  struct statvfs st;
  return StatusOf(statvfs(At(path).c_str(), &st), "statfs");
}

Status KernelMount::CheckAccess(const std::string& path, int mask) {
  return StatusOf(access(At(path).c_str(), mask), "access");
}

}  // namespace recrypt
