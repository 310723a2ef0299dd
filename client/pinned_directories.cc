#include "client/pinned_directories.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "client/durable_file.h"

namespace recrypt {
namespace {

UniqueFd OpenDirectory(const std::string& path) {
  struct open_how how {};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  // Where the system does not know the call, or a filter of it.
  if (!fd && (errno == ENOSYS || errno == EPERM)) {
    fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  return fd;
}

}  // namespace

Result<std::string> PinnedDirectories::Pin(const std::string& path) {
  const std::string parent = ParentOf(path);
  auto found = directories_.find(parent);
  if (found == directories_.end()) {
    UniqueFd fd = OpenDirectory(parent);
    if (!fd) return FailErrno(errno, "opening " + parent);
    found = directories_.emplace(parent, std::move(fd)).first;
  }
  return "/proc/self/fd/" + std::to_string(found->second.get()) + "/" +
         path.substr(path.rfind('/') + 1);
}

}  // namespace recrypt
