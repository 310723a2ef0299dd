// The table of mounts, as the kernel shows it in /proc/self/mountinfo (proc(5)).
//
//   RECRYPT_ASSIGN(std::vector<MountEntry> mounts, OwnMounts());
//   for (const MountEntry& mount : mounts) ... mount.mountpoint ...
//
// Thread safe.
#ifndef RECRYPT_CLI_MOUNT_TABLE_H_
#define RECRYPT_CLI_MOUNT_TABLE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

struct MountEntry {
  std::string mountpoint;
  std::string type;     // "fuse.recryptfs"
  std::string source;   // the share
  std::string device;   // "0:44", the same wherever the mount is seen
  std::string options;  // of the mount and of the file system, "rw,nosuid,…,user_id=1000"
};

// Lines that are not as they should be are passed over.
std::vector<MountEntry> ParseMountInfo(std::string_view text);

// The mounts of RecryptFS that this user made, all users' for root.
Result<std::vector<MountEntry>> OwnMounts();

// `path` without symbolic links, its last component untouched: also for a mountpoint whose daemon
// no longer answers.
Result<std::string> ResolveMountpoint(const std::string& path);

// Where `path` lies on the share when it lies in an own mount; else itself. Absolute, without
// symbolic links.
Result<std::string> PathOnShare(const std::string& path);

// The same, of a file in an own mount where its document is stored, if it has one.
Result<std::string> StoredOnShare(const std::string& path);

// Whether a path, as PathOnShare has it, lies in a mount of RecryptFS, whoever made that.
Result<bool> LiesInAMount(const std::string& path);

// What a mount says about a path in it (fs/xattr.cc); errors are the system's.
Result<std::string> MountAttribute(const std::string& path, const char* name);

// The mount of RecryptFS at `path`, the topmost if several; kNotFound when there is none.
Result<MountEntry> MountAt(const std::string& path);

// Who still sees the file system of that device: under another name, or in another namespace.
struct MountCopy {
  std::string mountpoint;  // as that process sees it
  std::string pid;
  std::string program;
};
std::optional<MountCopy> FindCopy(const std::string& device);

}  // namespace recrypt

#endif  // RECRYPT_CLI_MOUNT_TABLE_H_
