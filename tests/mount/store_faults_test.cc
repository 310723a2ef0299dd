// Each call of the store fails in turn, under a program that does a bit of everything: no crash, no
// hang, an error that says what happened; what was acknowledged is there afterwards, everything
// opens, nothing stays locked or open.
#include <cerrno>

#include "fs/posix_store.h"
#include "tests/mount/support/direct.h"
#include "tests/mount/support/faults_program.h"
#include "tests/mount/support/faulty_store.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

class StoreFaults : public testing::Test {
 protected:
  void SetUp() override {
    umask(0022);
    labels_.Add("A#example.com");
  }
  static std::unique_ptr<Store> OpenShare(const std::string& share) {
    auto store = PosixStore::Open(share);
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
  }
  static size_t OpenDescriptors() {
    return static_cast<size_t>(std::distance(stdfs::directory_iterator("/proc/self/fd"), {}));
  }

  // One run; false when the program made no more calls than the fault waited for.
  bool RunOnce(const Faults::Fault& fault) {
    TempDir dir;
    const std::string share = dir.Make("share");
    dir.MountMemory("share");
    const size_t descriptors = OpenDescriptors();
    Faults faults;
    bool struck = false;
    {
      FakeAccess alice(labels_, "alice@example.com"), bob(labels_, "bob@example.com");
      DirectMount mount(std::make_unique<FaultyStore>(OpenShare(share), faults), alice);
      FaultsProgram program(mount, fault.error);
      faults.Arm(fault);
      program.Run();
      struck = faults.struck() != 0;
      faults.Disarm();
      mount.fs().Lock();  // commits, and lets go of everything
      DirectMount other(OpenShare(share), bob, {.lock_wait_ms = 500});
      program.UseMount(other);
      program.Check();
      if (HasFailure()) std::printf("the mount's log:\n%s", mount.log().c_str());
    }
    EXPECT_EQ(OpenDescriptors(), descriptors) << "descriptors were left open";
    return struck;
  }

  void RunForEachCall(const Faults::Fault& fault, uint64_t step) {
    ForEachCall(fault, step, [&](const Faults::Fault& each) { return RunOnce(each); });
  }

  FakeLabels labels_;
};

// (Nothing is cut for want of room.)
const std::initializer_list<StoreCall> kWriting = {
    StoreCall::kWriteAt,   StoreCall::kSyncData,    StoreCall::kCreateFile,
    StoreCall::kRename,    StoreCall::kLink,        StoreCall::kMakeDirectory,
    StoreCall::kSetXattr,  StoreCall::kMakeSymlink, StoreCall::kSyncDirectory,
    StoreCall::kChangeMode};

TEST_F(StoreFaults, WithoutAnyTheProgramGoesThrough) { EXPECT_FALSE(RunOnce({})); }

TEST_F(StoreFaults, EioOfAnyCallOnceIsSaidAndDamagesNothing) { RunForEachCall({.error = EIO}, 13); }

TEST_F(StoreFaults, EioFromAnyCallOnIsSaidAndDamagesNothing) {
  RunForEachCall({.error = EIO, .lasts = true}, 17);
}

TEST_F(StoreFaults, EioOfReadsOnlyIsSaidAndDamagesNothing) {
  RunForEachCall({.error = EIO, .calls = {StoreCall::kReadAt}}, 5);
}

TEST_F(StoreFaults, ATornWriteIsSaidAndDamagesNothing) {
  RunForEachCall({.error = EIO, .torn = true, .calls = {StoreCall::kWriteAt}}, 1);
}

TEST_F(StoreFaults, AFullDiskOfAnyCallIsSaidAndDamagesNothing) {
  RunForEachCall({.error = ENOSPC, .torn = true, .calls = kWriting}, 2);
  RunForEachCall({.error = ENOSPC, .lasts = true, .torn = true, .calls = kWriting}, 2);
}

TEST_F(StoreFaults, AUsedUpQuotaOfAnyCallIsSaidAndDamagesNothing) {
  RunForEachCall({.error = EDQUOT, .torn = true, .calls = kWriting}, 2);
  RunForEachCall({.error = EDQUOT, .lasts = true, .calls = kWriting}, 2);
}

}  // namespace
}  // namespace recrypt
