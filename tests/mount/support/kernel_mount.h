// KernelMount: what DirectMount offers, by system calls below a real mountpoint.
//
//   KernelMount mount(test_mount.mountpoint());
//   RECRYPT_ASSIGN(auto file, mount.Open("d/a", O_RDWR | O_CREAT));
//
// Thread safe.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_KERNEL_MOUNT_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_KERNEL_MOUNT_H_

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace recrypt {

class KernelMount {
 public:
  explicit KernelMount(std::string mountpoint) : mountpoint_(std::move(mountpoint)) {}

  class File {
   public:
    explicit File(UniqueFd fd) : fd_(std::move(fd)) {}
    Status Write(uint64_t offset, std::string_view data);
    Status Append(std::string_view data);
    Status Truncate(uint64_t size);
    Status Sync();
    Status Close();

   private:
    UniqueFd fd_;
  };

  Result<File> Open(const std::string& path, int flags);
  Result<struct stat> Stat(const std::string& path);
  Result<std::string> Read(const std::string& path);
  Status MakeDirectory(const std::string& path);
  Status MakeSymlink(const std::string& path, const std::string& target);
  Status Link(const std::string& path, const std::string& to);
  Status Unlink(const std::string& path);
  Status RemoveDirectory(const std::string& path);
  Status Rename(const std::string& from, const std::string& to);
  Result<std::vector<std::string>> List(const std::string& path);  // sorted, without . and ..
  Status SetXattr(const std::string& path, const std::string& name, std::string_view value);
  Result<std::string> GetXattr(const std::string& path, const std::string& name);
  Status ListXattr(const std::string& path);
  Result<struct stat> ChangeModeAndTime(const std::string& path, mode_t mode, time_t modified);
  Status StatFs(const std::string& path);
  Status CheckAccess(const std::string& path, int mask);

 private:
  std::string At(const std::string& path) const { return mountpoint_ + "/" + path; }

  const std::string mountpoint_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_KERNEL_MOUNT_H_
