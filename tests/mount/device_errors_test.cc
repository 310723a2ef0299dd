// A disk that gives errors under a real mount: programs are told, the mount goes on, and when the
// disk is good again so is everything that was acknowledged.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "tests/mount/support/faults_program.h"
#include "tests/mount/support/faulty_store.h"
#include "tests/mount/support/kernel_mount.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

const Faults::Fault kNoReads = {
    .at = 1, .error = EIO, .lasts = true, .calls = {StoreCall::kReadAt}};
const Faults::Fault kNoWrites = {.at = 1,
                                 .error = EIO,
                                 .lasts = true,
                                 .calls = {StoreCall::kWriteAt, StoreCall::kSyncData,
                                           StoreCall::kTruncate, StoreCall::kCreateFile}};

class DeviceErrors : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (!IsSkipped()) dir_.MountMemory("share");
  }
  TestMount& MountFaulty() { return Mount(Faulty(faults_)); }
  static MountSettings Faulty(Faults& faults) {
    return {.wrap_store = [&faults](auto inner) {
      return std::make_unique<FaultyStore>(std::move(inner), faults);
    }};
  }
  bool IsAlive() const {
    return kill(mount_->pid(), 0) == 0 && access(mountpoint_.c_str(), F_OK) == 0;
  }
  void KillAndMountAgain() {
    kill(mount_->pid(), SIGKILL);
    mount_->Wait();
    umount2(mountpoint_.c_str(), MNT_DETACH);
    Mount();
  }
  // Reads a block past the kernel's pages.
  static int ErrnoOfReading(int direct_fd, off_t at, char expected) {
    alignas(4096) char block[4096];
    if (pread(direct_fd, block, sizeof block, at) < 0) return errno;
    EXPECT_EQ(std::string(block, sizeof block), std::string(sizeof block, expected));
    return 0;
  }

  Faults faults_;
};

TEST_F(DeviceErrors, ReadsThatFailAreEioUntilTheDiskIsGoodAgain) {
  const std::string content(2'000'000, 'x');
  Mount();
  for (const char* name : {"open", "closed"}) WriteFile(*this / name, content);
  MountFaulty();
  UniqueFd fd = OpenFd(*this / "open", O_RDONLY | O_DIRECT);
  EXPECT_EQ(ErrnoOfReading(fd.get(), 0, 'x'), 0);
  faults_.Arm(kNoReads);
  EXPECT_EQ(ErrnoOfReading(fd.get(), 1'638'400, 'x'), EIO);
  EXPECT_EQ(OpenErrno(*this / "closed", O_RDONLY), EIO);
  EXPECT_EQ(OpenErrno(*this / "closed", O_RDWR), EIO);
  EXPECT_EQ(List(mountpoint_).size(), 2u);
  faults_.Disarm();
  EXPECT_TRUE(IsAlive());
  EXPECT_EQ(ErrnoOfReading(fd.get(), 1'638'400, 'x'), 0);
  EXPECT_TRUE(ReadFile(*this / "closed") == content);
  EXPECT_TRUE(ReadFile(*this / "open") == content);
}

TEST_F(DeviceErrors, WritesThatFailAreToldAtSyncAndKeptForTheNextOne) {
  MountFaulty();
  std::string content(300'000, 'a');
  WriteFile(*this / "f", content);
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  UniqueFd fresh = OpenFd(*this / "fresh", O_RDWR | O_CREAT);
  ASSERT_EQ(fsync(fd.get()), 0);
  faults_.Arm(kNoWrites);
  ASSERT_EQ(pwrite(fd.get(), "changed", 7, 123'456), 7);
  ASSERT_EQ(pwrite(fresh.get(), "fresh", 5, 0), 5);
  for (const UniqueFd* one : {&fd, &fresh}) {
    EXPECT_EQ(fsync(one->get()), -1);
    EXPECT_EQ(errno, EIO);
  }
  EXPECT_EQ(OpenErrno(*this / "another", O_RDWR | O_CREAT), EIO);
  EXPECT_GT(faults_.struck(), 2u);
  content.replace(123'456, 7, "changed");
  EXPECT_TRUE(ReadFile(*this / "f") == content) << "what was written is to be seen";
  faults_.Disarm();
  EXPECT_EQ(fsync(fd.get()), 0) << strerror(errno);
  EXPECT_EQ(fsync(fresh.get()), 0) << strerror(errno);
  KillAndMountAgain();
  EXPECT_TRUE(ReadFile(*this / "f") == content);
  EXPECT_EQ(ReadFile(*this / "fresh"), "fresh");
}

TEST_F(DeviceErrors, ClosingSaysWhatCouldNotBeWritten) {
  MountFaulty();
  const std::string content(300'000, 'a');
  WriteFile(*this / "f", content);
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(fsync(fd.get()), 0);
  faults_.Arm(kNoWrites);
  ASSERT_EQ(pwrite(fd.get(), "changed", 7, 123'456), 7);
  EXPECT_EQ(close(fd.Release()), -1);
  EXPECT_EQ(errno, EIO);
  // The kernel gives the file back a moment after that, which is the last try.
  for (int i = 0; i < 500 && mount_->Log().find("\"f.jcd\"") == std::string::npos; ++i) {
    usleep(10'000);
  }
  EXPECT_NE(mount_->Log().find("\"f.jcd\""), std::string::npos) << mount_->Log();
  faults_.Disarm();
  AppendFile(*this / "g", "works");
  EXPECT_EQ(mount_->Unmount(), 0);
  Mount();
  EXPECT_TRUE(ReadFile(*this / "f") == content);
  EXPECT_EQ(ReadFile(*this / "g"), "works");
}

// A page that is changed in memory and written back by msync(2).
TEST_F(DeviceErrors, MsyncSaysWhatCouldNotBeWritten) {
  MountFaulty();
  WriteFile(*this / "f", std::string(100'000, 'a'));
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(fsync(fd.get()), 0);
  void* mapped = mmap(nullptr, 100'000, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  static_cast<char*>(mapped)[50'000] = 'b';
  faults_.Arm(kNoWrites);
  EXPECT_EQ(msync(mapped, 100'000, MS_SYNC), -1);
  EXPECT_EQ(errno, EIO);
  faults_.Disarm();
  static_cast<char*>(mapped)[50'000] = 'c';
  EXPECT_EQ(msync(mapped, 100'000, MS_SYNC), 0) << strerror(errno);
  munmap(mapped, 100'000);
  KillAndMountAgain();
  EXPECT_EQ(ReadFile(*this / "f").substr(49'999, 3), "aca");
}

// The program of `mount/store_faults`, with the kernel in between. False when it made no more calls
// than the fault waited for.
class ProgramOnABadDisk : public DeviceErrors {
 protected:
  bool RunOnce(const Faults::Fault& fault) {
    TempDir dir;
    const std::string share = dir.Make("share"), mountpoint = dir.Make("mnt");
    dir.MountMemory("share");
    KernelMount kernel(mountpoint);
    FaultsProgram program(kernel, fault.error);
    {
      TestMount mount(share, mountpoint, *alice_, Faulty(faults_));
      faults_.Arm(fault);
      program.Run();
      const bool struck = faults_.struck() != 0;
      faults_.Disarm();
      EXPECT_EQ(mount.Unmount(), 0);
      if (HasFailure()) std::printf("the mount's log:\n%s", mount.Log().c_str());
      if (!struck) return false;
    }
    FakeAccess bob(labels_, "bob@example.com");
    TestMount other(share, mountpoint, bob);
    program.Check();
    return true;
  }
  void RunForEachCall(const Faults::Fault& fault, uint64_t step) {
    ForEachCall(fault, step, [&](const Faults::Fault& each) { return RunOnce(each); });
  }
};

TEST_F(ProgramOnABadDisk, IsToldOfEioOfAnyCallOnceAndLosesNothing) {
  RunForEachCall({.error = EIO}, 29);
}

TEST_F(ProgramOnABadDisk, IsToldOfEioFromAnyCallOnAndLosesNothing) {
  RunForEachCall({.error = EIO, .lasts = true}, 31);
}

}  // namespace
}  // namespace recrypt
