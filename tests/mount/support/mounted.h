// TestMount: a share mounted for real, served by a child process, with a FakeAccess for keys. (One
// process cannot be both sides: it would wait for itself with its own memory map locked.)
//
//   TempDir dir;
//   TestMount mount(dir.Make("share"), dir.Make("mnt"), access, {.label = "A#example.com"});
//   WriteFile(mount / "a.txt", "text");
//
// The destructors unmount, whatever a test has left open; tests/mount/support/main.cc cleans up
// behind a test that crashed. What is done to `access` after mounting reaches the child only
// through FakeAccess's switches.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_MOUNTED_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_MOUNTED_H_

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/identity/profile.h"
#include "fs/directory_labels.h"
#include "fs/store.h"
#include "tests/full_run.h"
#include "tests/mount/support/fake_access.h"

namespace recrypt {

namespace stdfs = std::filesystem;

class TempDir {
 public:
  TempDir();
  ~TempDir();
  // Puts a file system in memory on a directory of it, for tests that sync often; without root the
  // directory stays what it is.
  void MountMemory(const std::string& name);
  const stdfs::path& path() const { return path_; }
  std::string Make(const std::string& name);

 private:
  stdfs::path path_;
  std::vector<std::string> memory_;
};

struct MountSettings {
  std::string label = "A#example.com";  // "" for none
  std::optional<SharePolicy> policy = std::nullopt;
  PolicyVerifier verify_policy = {};      // in place of one that believes `policy` alone
  std::vector<std::string> options = {};  // as after -o
  int64_t lock_wait_ms = 5000;
  // What stands between the mount and the share, in the child that serves; see wrapped_store.h.
  std::function<std::unique_ptr<Store>(std::unique_ptr<Store>)> wrap_store = {};
  // Done first in that child: to limit it.
  std::function<void()> before_serving = {};
};

class TestMount {
 public:
  TestMount(const std::string& share, const std::string& mountpoint, Access& access,
            MountSettings settings = {});
  ~TestMount();

  std::string operator/(const std::string& name) const { return mountpoint_ + "/" + name; }
  const std::string& mountpoint() const { return mountpoint_; }
  pid_t pid() const { return pid_; }
  // Everything that was logged so far.
  std::string Log() const;
  // Unmounts, and waits until everything is committed and applied. 0, or the child's exit status.
  int Unmount();
  // The same for a child that ends by itself, or by a signal.
  int Wait();

 private:
  const std::string mountpoint_;
  UniqueFd log_;  // a file in memory
  pid_t pid_ = -1;
};

// One share, one account, one label, one mount, as most tests want it.
class MountTest : public testing::Test {
 protected:
  void SetUp() override;
  TestMount& Mount(MountSettings settings = {});
  std::string operator/(const std::string& name) const { return mountpoint_ + "/" + name; }
  // The path on the share. What was closed just before is asked for its attributes first: by then
  // its stored form is complete (docs/PROMISES.md, Durability).
  std::string Stored(const std::string& name) const {
    struct stat st;
    if (name.ends_with(".jcd"))
      (void)::lstat((*this / name.substr(0, name.size() - 4)).c_str(), &st);
    return share_ + "/" + name;
  }

  TempDir dir_;
  std::string share_ = dir_.Make("share");
  std::string mountpoint_ = dir_.Make("mnt");
  FakeLabels labels_;
  std::unique_ptr<FakeAccess> alice_;
  std::unique_ptr<TestMount> mount_;
};

// Files, by system calls; a failure throws std::system_error with the errno.
std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, std::string_view content);
void AppendFile(const std::string& path, std::string_view content);
int OpenErrno(const std::string& path, int flags);  // 0 when it opens
UniqueFd OpenFd(const std::string& path, int flags, mode_t mode = 0644);
std::string ReadAll(int fd);
std::string Xattr(const std::string& path, const std::string& name);  // "" when there is none
std::vector<std::string> List(const std::string& directory);          // sorted, without . and ..
std::string RandomText(size_t size, uint64_t seed);
// True when any file below `directory` contains `text`.
bool AnyFileContains(const std::string& directory, std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_MOUNTED_H_
