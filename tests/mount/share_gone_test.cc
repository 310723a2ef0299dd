// The file system that a share lies on goes away under a mount: it is unmounted, or its disk fails
// for good. Nothing hangs, nothing crashes, nothing is written to what then stands at the share's
// place, and when it is back, everything that was acknowledged is there.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <set>
#include <system_error>
#include <thread>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// ext4's and xfs's: from now on every call is EIO, and nothing more reaches the disk.
constexpr unsigned long kShutDown = _IOR('X', 125, uint32_t);
constexpr uint32_t kAtOnce = 2;

constexpr auto kPromptly = std::chrono::seconds(5);

enum class Disk { kMemory, kExt4 };

class ShareGone : public MountTest, public testing::WithParamInterface<Disk> {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount file systems";
    if (GetParam() == Disk::kMemory) {
      dir_.Make("disk");
      dir_.MountMemory("disk");
    } else if (!MakeImage()) {
      GTEST_SKIP() << "an ext4 in a file (mkfs.ext4, loop devices) is not to be had";
    }
    PlugIn();
  }
  void TearDown() override {
    mount_.reset();
    if (plugged_in_) Unplug();
  }

  bool MakeImage() {
    const std::string image = dir_.path() / "disk";
    UniqueFd(open(image.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    return truncate(image.c_str(), off_t{64} << 20) == 0 && Run("mkfs.ext4 -q -F " + image) &&
           Run("mount -o loop " + image + " " + share_) && umount2(share_.c_str(), 0) == 0;
  }
  static bool Run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  }
  void PlugIn() {
    const std::string disk = dir_.path() / "disk";
    if (GetParam() == Disk::kMemory) {
      ASSERT_EQ(::mount(disk.c_str(), share_.c_str(), nullptr, MS_BIND, nullptr), 0);
    } else {
      ASSERT_TRUE(Run("mount -o loop " + disk + " " + share_));
    }
    plugged_in_ = true;
  }
  void Unplug() {
    ASSERT_EQ(umount2(share_.c_str(), MNT_DETACH), 0);
    plugged_in_ = false;
  }
  void ShutDown() {
    UniqueFd root = OpenFd(share_, O_RDONLY | O_DIRECTORY);
    uint32_t how = kAtOnce;
    ASSERT_EQ(ioctl(root.get(), kShutDown, &how), 0) << strerror(errno);
  }
  // Whatever else is open: what is not closed by then is said to have been cut off.
  void UnmountPromptly() {
    const auto start = steady_clock::now();
    EXPECT_EQ(mount_->Unmount(), 0);
    EXPECT_LT(steady_clock::now() - start, kPromptly);
  }

  bool plugged_in_ = false;
};

INSTANTIATE_TEST_SUITE_P(Of, ShareGone, testing::Values(Disk::kMemory, Disk::kExt4),
                         [](const auto& info) {
                           return info.param == Disk::kMemory ? "Memory" : "Ext4";
                         });

// Programs at work in a mount, each in a thread. They go on whatever errors they get, and take
// note of them, of what they were told is durable, and of the time that the slowest call took.
class Programs {
 public:
  explicit Programs(std::string mountpoint)
      : mountpoint_(std::move(mountpoint)), large_(RandomText(kLargeSize, 5)) {
    WriteFile(mountpoint_ + "/large", large_);
    WriteFile(mountpoint_ + "/log", "");
    sync();
    log_ = OpenFd(mountpoint_ + "/log", O_RDWR);
    for (auto work : {&Programs::Read, &Programs::WriteLog, &Programs::MakeFiles, &Programs::List,
                      &Programs::Replace}) {
      threads_.emplace_back([this, work] {
        for (int round = 0; !stop_; ++round) Do([&] { (this->*work)(round); });
      });
    }
  }
  ~Programs() { Stop(); }

  // Until each has got something acknowledged, which takes a while on a busy machine.
  void WaitUntilAllHaveWorked() const {
    const auto end = steady_clock::now() + std::chrono::seconds(30);
    while (made_ == 0 || logged_ == 0 || replaced_ < 0) {
      ASSERT_LT(steady_clock::now(), end);
      std::this_thread::sleep_for(milliseconds(5));
    }
  }

  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    log_.Reset();
  }
  std::set<int> errors() const { return errors_; }
  steady_clock::duration slowest() const { return slowest_; }
  int made() const { return made_; }
  int logged() const { return logged_; }

  struct Acknowledged {
    int logged, made, replaced;
  };
  Acknowledged acknowledged() const { return {logged_, made_, replaced_}; }

  // In another mount, later.
  void CheckWhatWasAcknowledged() const { CheckIsThere(acknowledged()); }
  void CheckIsThere(const Acknowledged& what) const {
    EXPECT_TRUE(ReadFile(mountpoint_ + "/large") == large_);
    const std::string log = ReadFile(mountpoint_ + "/log");
    ASSERT_GE(log.size(), static_cast<size_t>(what.logged));
    for (int i = 0; i < what.logged; ++i) ASSERT_EQ(log[static_cast<size_t>(i)], ByteOf(i)) << i;
    for (int i = 0; i < what.made; ++i) {
      ASSERT_EQ(ReadFile(NameOf(i)), std::to_string(i)) << i;
    }
    if (what.replaced < 0) return;
    EXPECT_GE(std::stoi(ReadFile(mountpoint_ + "/replaced")), what.replaced);
  }

 private:
  static constexpr size_t kLargeSize = 3'000'000;

  static char ByteOf(int i) { return static_cast<char>('a' + i % 26); }
  std::string NameOf(int i) const { return mountpoint_ + "/new" + std::to_string(i); }

  void Do(const std::function<void()>& work) {
    const auto start = steady_clock::now();
    int error = 0;
    try {
      work();
    } catch (const std::system_error& failed) {
      error = failed.code().value();
    }
    std::lock_guard lock(mutex_);
    slowest_ = std::max(slowest_, steady_clock::now() - start);
    if (error != 0) errors_.insert(error);
    if (error != 0) std::this_thread::sleep_for(milliseconds(2));
  }
  [[noreturn]] static void Throw() { throw std::system_error(errno, std::generic_category()); }

  // From the share: the kernel's pages are passed by.
  void Read(int round) {
    UniqueFd fd = OpenFd(mountpoint_ + "/large", O_RDONLY | O_DIRECT);
    alignas(4096) char block[4096];
    const auto at = static_cast<size_t>(round) % 700 * 4096;
    if (pread(fd.get(), block, sizeof block, static_cast<off_t>(at)) < 0) Throw();
    EXPECT_EQ(large_.compare(at, sizeof block, block, sizeof block), 0) << at;
  }
  // Through a descriptor that was open before, a byte and a sync at a time.
  void WriteLog(int) {
    const char byte = ByteOf(logged_);
    if (pwrite(log_.get(), &byte, 1, logged_) != 1) Throw();
    if (fsync(log_.get()) != 0) Throw();
    ++logged_;
  }
  void MakeFiles(int) {
    UniqueFd fd = OpenFd(NameOf(made_), O_WRONLY | O_CREAT | O_TRUNC);
    const std::string text = std::to_string(made_);
    if (write(fd.get(), text.data(), text.size()) < 0 || fsync(fd.get()) != 0) Throw();
    ++made_;
  }
  void List(int) {
    std::error_code error;
    for (stdfs::directory_iterator entry(mountpoint_, error), end; !error && entry != end;
         entry.increment(error)) {
    }
    if (error) throw std::system_error(error);
  }
  void Replace(int round) {
    const std::string fresh = mountpoint_ + "/fresh", old = mountpoint_ + "/replaced";
    {
      UniqueFd fd = OpenFd(fresh, O_WRONLY | O_CREAT | O_TRUNC);
      const std::string text = std::to_string(round);
      if (write(fd.get(), text.data(), text.size()) < 0 || fsync(fd.get()) != 0) Throw();
    }
    if (rename(fresh.c_str(), old.c_str()) != 0) Throw();
    UniqueFd directory = OpenFd(mountpoint_, O_RDONLY | O_DIRECTORY);
    if (fsync(directory.get()) != 0) Throw();
    replaced_ = round;
  }

  const std::string mountpoint_;
  const std::string large_;
  UniqueFd log_;
  std::atomic<bool> stop_{false};
  std::atomic<int> logged_{0}, made_{0}, replaced_{-1};
  mutable std::mutex mutex_;  // guards what follows
  std::set<int> errors_;
  steady_clock::duration slowest_{0};
  std::vector<std::thread> threads_;  // last: they end first
};

// `umount -l`: who has something open keeps the file system, and so does the mount.
TEST_P(ShareGone, WhatAMountHasOpenOutlivesTheUnmountOfItsShare) {
  Mount();
  Programs programs(mountpoint_);
  ASSERT_NO_FATAL_FAILURE(programs.WaitUntilAllHaveWorked());
  std::this_thread::sleep_for(milliseconds(300));
  Unplug();
  const int made = programs.made(), logged = programs.logged();
  std::this_thread::sleep_for(milliseconds(IsFullRun() ? 20'000 : 1'000));
  EXPECT_GT(programs.made(), made);
  EXPECT_GT(programs.logged(), logged);
  programs.Stop();
  EXPECT_EQ(programs.errors(), std::set<int>());
  EXPECT_LT(programs.slowest(), kPromptly);
  WriteFile(*this / "after", "not synced");
  UnmountPromptly();
  EXPECT_EQ(List(share_), std::vector<std::string>()) << "beneath the share";
  PlugIn();
  Mount();
  programs.CheckWhatWasAcknowledged();
  EXPECT_EQ(ReadFile(*this / "after"), "not synced");
}

// The mount is not told that the share has come back; both see one file system.
TEST_P(ShareGone, AShareThatIsBackIsTheOneThatTheMountWentOnWith) {
  Mount();
  WriteFile(*this / "f", "before");
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  Unplug();
  ASSERT_EQ(pwrite(fd.get(), "during", 6, 0), 6);
  ASSERT_EQ(fsync(fd.get()), 0);
  PlugIn();
  const std::string second = dir_.Make("second");
  FakeAccess bob(labels_, "bob@example.com");
  TestMount other(share_, second, bob);
  EXPECT_EQ(ReadFile(other / "f"), "during");
  AppendFile(other / "f", ", after");
  EXPECT_EQ(ReadFile(*this / "f"), "during, after");
  fd.Reset();
  UnmountPromptly();
}

// What stands at the share's place after that has nothing to do with it.
TEST_P(ShareGone, AnotherFileSystemAtItsPlaceIsLeftAlone) {
  Mount();
  WriteFile(*this / "f", "content");
  Unplug();
  ASSERT_EQ(::mount("tmpfs", share_.c_str(), "tmpfs", 0, "mode=0755"), 0);
  WriteFile(share_ + "/f.jcd", "of somebody else");
  WriteFile(*this / "g", "content");
  EXPECT_EQ(ReadFile(*this / "f"), "content");
  ASSERT_EQ(unlink((*this / "f").c_str()), 0);
  UnmountPromptly();
  EXPECT_EQ(List(share_), std::vector<std::string>{"f.jcd"});
  EXPECT_EQ(ReadFile(share_ + "/f.jcd"), "of somebody else");
  ASSERT_EQ(umount2(share_.c_str(), MNT_DETACH), 0);
  PlugIn();
  Mount();
  EXPECT_EQ(OpenErrno(*this / "f", O_RDONLY), ENOENT);
  EXPECT_EQ(ReadFile(*this / "g"), "content");
}

class DiskGone : public ShareGone {};
INSTANTIATE_TEST_SUITE_P(Of, DiskGone, testing::Values(Disk::kExt4),
                         [](const auto&) { return "Ext4"; });

// The disk is pulled out: every call of the store is an error from one moment on.
TEST_P(DiskGone, IsSaidAndTheMountEndsAndWhatWasSyncedIsThereWhenItIsBack) {
  Mount();
  Programs programs(mountpoint_);
  ASSERT_NO_FATAL_FAILURE(programs.WaitUntilAllHaveWorked());
  std::this_thread::sleep_for(milliseconds(500));
  // The kernel itself acknowledges a sync that the shutdown finds on its way, on a plain ext4 too.
  const auto acknowledged = programs.acknowledged();
  ShutDown();
  std::this_thread::sleep_for(milliseconds(100));
  const int made = programs.made(), logged = programs.logged();
  EXPECT_GT(made, 0);
  EXPECT_GT(logged, 0);
  std::this_thread::sleep_for(milliseconds(IsFullRun() ? 20'000 : 1'000));
  EXPECT_EQ(programs.made(), made) << "synced to a disk that is gone";
  EXPECT_EQ(programs.logged(), logged) << "synced to a disk that is gone";
  programs.Stop();
  // ext4 may make itself read-only upon that.
  std::set<int> errors = programs.errors();
  EXPECT_EQ(errors.erase(EIO), 1u);
  errors.erase(EROFS);
  EXPECT_EQ(errors, std::set<int>());
  EXPECT_LT(programs.slowest(), kPromptly);
  UnmountPromptly();
  Unplug();
  EXPECT_EQ(List(share_), std::vector<std::string>()) << "beneath the share";
  PlugIn();
  Mount();
  programs.CheckIsThere(acknowledged);
  WriteFile(*this / "again", "works");
  EXPECT_EQ(ReadFile(*this / "again"), "works");
}

TEST_P(DiskGone, ADescriptorThatWasWrittenToSaysSoAtSyncAndTheLogAtTheEnd) {
  Mount();
  WriteFile(*this / "f", std::string(100'000, 'a'));
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(fsync(fd.get()), 0);
  ASSERT_EQ(pwrite(fd.get(), "changed", 7, 50'000), 7);
  ShutDown();
  EXPECT_EQ(fsync(fd.get()), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(pwrite(fd.get(), "changed", 7, 60'000) == 7 && fsync(fd.get()) == 0, false);
  fd.Reset();
  UnmountPromptly();
  EXPECT_NE(mount_->Log().find("f.jcd"), std::string::npos) << mount_->Log();
  Unplug();
  PlugIn();
  Mount();
  EXPECT_TRUE(ReadFile(*this / "f") == std::string(100'000, 'a'));
}

}  // namespace
}  // namespace recrypt
