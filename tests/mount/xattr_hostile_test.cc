// The `user.*` extended attributes of documents when somebody meddles with them on the share, and
// when the mount is killed while they change.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>

#include "tests/mount/support/wrapped_store.h"
#include "tests/mount/support/xattrs.h"

namespace recrypt {
namespace {

TEST_F(XattrTest, ThatWereChangedOnTheShareAreEioAndTheContentIsNot) {
  Make();
  const std::string name = SealedOf("f.jcd").at(0);
  const std::string blob = Value(Stored("f.jcd"), name);
  for (const size_t at : {size_t{0}, size_t{5}, size_t{10}, size_t{25}, blob.size() - 1}) {
    std::string changed = blob;
    changed[at] ^= 0x10;
    ASSERT_EQ(SetErrno(Stored("f.jcd"), name, changed), 0);
    Mount();
    EXPECT_EQ(GetErrno(F(), "user.comment"), EIO) << at;
    EXPECT_EQ(GetErrno(F(), "user.other"), EIO) << at;
    EXPECT_EQ(ListErrno(F()), EIO) << at;
    EXPECT_EQ(ReadFile(F()), "content");
    EXPECT_NE(mount_->Log().find("sealed attributes were changed"), std::string::npos);
  }
  ASSERT_EQ(SetErrno(Stored("f.jcd"), name, blob.substr(0, blob.size() - 1)), 0);
  EXPECT_EQ(GetErrno(F(), "user.comment"), EIO);
  ASSERT_EQ(SetErrno(Stored("f.jcd"), name, blob), 0);
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
}

TEST_F(XattrTest, ThatWereTakenAwayAreEioAndNobodyIsStuck) {
  Make();
  ASSERT_EQ(RemoveErrno(Stored("f.jcd"), SealedOf("f.jcd").at(0)), 0);
  EXPECT_EQ(GetErrno(F(), "user.comment"), EIO);
  EXPECT_EQ(ListErrno(F()), EIO);
  EXPECT_EQ(ReadFile(F()), "content");
  // Nothing is lost without being told to.
  EXPECT_EQ(SetErrno(F(), "user.new", "1"), EIO);
  EXPECT_EQ(RemoveErrno(F(), "user.comment"), EIO);
  AppendFile(F(), " more");
  EXPECT_EQ(ListErrno(F()), EIO);
  EXPECT_EQ(RemoveErrno(F(), "user.jcd.attributes"), 0);
  EXPECT_TRUE(NamesOf(F()).empty());
  EXPECT_EQ(SetErrno(F(), "user.new", "1"), 0);
  Mount();
  EXPECT_EQ(NamesOf(F()), Names{"user.new"});
  EXPECT_EQ(ReadFile(F()), "content more");
}

TEST_F(XattrTest, WithoutThemATruncatedDocumentIsWrittenAnew) {
  Make();
  ASSERT_EQ(RemoveErrno(Stored("f.jcd"), SealedOf("f.jcd").at(0)), 0);
  WriteFile(F(), "new");
  EXPECT_NE(mount_->Log().find("loses its extended attributes"), std::string::npos);
  EXPECT_TRUE(NamesOf(F()).empty());
  EXPECT_EQ(SetErrno(F(), "user.a", "1"), 0);
}

TEST_F(XattrTest, AnOlderSetThatWasPutBackIsNoticed) {
  Make("first");
  const std::string older = SealedOf("f.jcd").at(0);
  const std::string blob = Value(Stored("f.jcd"), older);
  ASSERT_EQ(SetErrno(F(), "user.comment", "second"), 0);
  const std::string newer = SealedOf("f.jcd").at(0);
  ASSERT_NE(newer, older);
  // Beside the newer one it is only left over, in its place it is refused.
  ASSERT_EQ(SetErrno(Stored("f.jcd"), older, blob), 0);
  EXPECT_EQ(Value(F(), "user.comment"), "second");
  ASSERT_EQ(RemoveErrno(Stored("f.jcd"), newer), 0);
  EXPECT_EQ(GetErrno(F(), "user.comment"), EIO);
  ASSERT_EQ(SetErrno(Stored("f.jcd"), newer, blob), 0);
  EXPECT_EQ(GetErrno(F(), "user.comment"), EIO);
}

TEST_F(XattrTest, OfAnotherDocumentAreRefused) {
  Make();
  WriteFile(*this / "g", "other");
  ASSERT_EQ(SetErrno(*this / "g", "user.comment", "of g"), 0);
  const std::string name = SealedOf("f.jcd").at(0);
  const std::string others = Value(Stored("g.jcd"), SealedOf("g.jcd").at(0));
  ASSERT_EQ(SetErrno(Stored("f.jcd"), name, others), 0);
  EXPECT_EQ(GetErrno(F(), "user.comment"), EIO);
}

// -- Order and crashes.

// Tells of every step that changes the share or makes it durable, before it is done.
class StepStore : public WrappedStore {
 public:
  enum class Step { kSetXattr, kRemoveXattr, kWrite, kWriteZeros, kTruncate, kSyncData, kSyncAll };
  // The errno that the step fails with; 0: it is done.
  using OnStep = std::function<int(Step)>;

  StepStore(std::unique_ptr<Store> inner, OnStep on_step)
      : WrappedStore(std::move(inner)), on_step_(std::move(on_step)) {}
  Status SetXattr(int node, const std::string& name, ByteSpan value, int flags) override {
    if (int failed = on_step_(Step::kSetXattr)) return FailErrno(failed, "step");
    return WrappedStore::SetXattr(node, name, value, flags);
  }
  Status RemoveXattr(int node, const std::string& name) override {
    if (int failed = on_step_(Step::kRemoveXattr)) return FailErrno(failed, "step");
    return WrappedStore::RemoveXattr(node, name);
  }
  Status WriteAt(int fd, uint64_t offset, ByteSpan data) override {
    const bool zeros =
        std::all_of(data.begin(), data.end(), [](uint8_t byte) { return byte == 0; });
    if (int failed = on_step_(zeros ? Step::kWriteZeros : Step::kWrite))
      return FailErrno(failed, "step");
    return WrappedStore::WriteAt(fd, offset, data);
  }
  Status Truncate(int fd, uint64_t size) override {
    if (int failed = on_step_(Step::kTruncate)) return FailErrno(failed, "step");
    return WrappedStore::Truncate(fd, size);
  }
  Status SyncData(int fd) override {
    if (int failed = on_step_(Step::kSyncData)) return FailErrno(failed, "step");
    return WrappedStore::SyncData(fd);
  }
  Status SyncAll(int fd) override {
    if (int failed = on_step_(Step::kSyncAll)) return FailErrno(failed, "step");
    return WrappedStore::SyncAll(fd);
  }

 private:
  const OnStep on_step_;
};
using Step = StepStore::Step;

class XattrCrashTest : public XattrTest {
 protected:
  static MountSettings With(const StepStore::OnStep& on_step) {
    MountSettings settings;
    settings.wrap_store = [on_step](std::unique_ptr<Store> inner) {
      return std::make_unique<StepStore>(std::move(inner), on_step);
    };
    return settings;
  }
  // A change by a mount that is killed before its nth step, for every n that there is, and what a
  // new mount may show then.
  void KillAtEveryStep(const std::function<void()>& prepare, const std::function<void()>& change,
                       const std::function<bool()>& may_show) {
    int n = 0;
    for (bool killed = true; killed;) {
      ++n;
      stdfs::remove(share_ + "/f.jcd");
      Mount();
      prepare();
      auto left = std::make_shared<std::atomic<int>>(n);  // the child's own
      TestMount& mount = Mount(With([left](Step) {
        if (--*left == 0) kill(getpid(), SIGKILL);
        return 0;
      }));
      change();
      killed = WIFSIGNALED(mount.Unmount());
      Mount();
      EXPECT_TRUE(may_show()) << "killed before step " << n << ", the content is " << ReadFile(F())
                              << ", user.a is " << Value(F(), "user.a");
      // What was left over is in nobody's way, and goes.
      EXPECT_EQ(SetErrno(F(), "user.a", "at last"), 0) << n;
      EXPECT_EQ(Value(F(), "user.a"), "at last") << n;
      EXPECT_EQ(SealedOf("f.jcd").size(), 1u) << n;
    }
    EXPECT_GT(n, 4);
  }
  void Prepare() {
    WriteFile(F(), "content");
    ASSERT_EQ(SetErrno(F(), "user.a", "old"), 0);
  }
};

TEST_F(XattrCrashTest, ALaterSetIsTheOldOneOrTheNew) {
  KillAtEveryStep([this] { Prepare(); }, [this] { (void)SetErrno(F(), "user.a", "new"); },
                  [this] {
                    const std::string value = Value(F(), "user.a");
                    return (value == "old" || value == "new") && ReadFile(F()) == "content";
                  });
}

TEST_F(XattrCrashTest, TheFirstOneIsThereOrNot) {
  KillAtEveryStep([this] { WriteFile(F(), "content"); },
                  [this] { (void)SetErrno(F(), "user.a", "new"); },
                  [this] {
                    const Names names = NamesOf(F());
                    const bool there = names == Names{"user.a"} && Value(F(), "user.a") == "new";
                    const bool none = names.empty() && ListErrno(F()) == 0;
                    return (there || none) && ReadFile(F()) == "content";
                  });
}

TEST_F(XattrCrashTest, TheLastOneIsThereOrNot) {
  KillAtEveryStep([this] { Prepare(); }, [this] { (void)RemoveErrno(F(), "user.a"); },
                  [this] {
                    const std::string value = Value(F(), "user.a");
                    const bool none = value == "errno " + std::to_string(ENODATA);
                    return (value == "old" || none) && ReadFile(F()) == "content";
                  });
}

TEST_F(XattrCrashTest, ATruncatedDocumentHasThemOrIsEmpty) {
  const auto change = [this] {
    UniqueFd fd(open(F().c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (fd) (void)!write(fd.get(), "new", 3);
  };
  KillAtEveryStep([this] { Prepare(); }, change,
                  [this] {
                    const std::string content = ReadFile(F()), value = Value(F(), "user.a");
                    const bool none = value == "errno " + std::to_string(ENODATA);
                    if (content.empty()) return none || value == "old";
                    return (content == "content" || content == "new") && value == "old";
                  });
}

// As a kill, but the mount goes on: who is told that it failed finds what was there before.
TEST_F(XattrCrashTest, AStepThatFailsIsReportedAndChangesNothing) {
  for (const int error : {EIO, ENOSPC}) {
    int failed = 0;
    for (int n = 1; n - failed < 4; ++n) {  // what is removed at last may stay
      stdfs::remove(share_ + "/f.jcd");
      Mount();
      Prepare();
      auto left = std::make_shared<std::atomic<int>>(n);
      Mount(With([left, error](Step) { return --*left == 0 ? error : 0; }));
      const int set = SetErrno(F(), "user.a", "new");
      if (set != 0) ++failed;
      EXPECT_TRUE(set == 0 || set == error) << n;
      for (int mount = 0; mount < 2; ++mount) {
        EXPECT_EQ(Value(F(), "user.a"), set == 0 ? "new" : "old") << n;
        EXPECT_EQ(ReadFile(F()), "content");
        Mount();
      }
    }
    EXPECT_GE(failed, 3);  // the set, its sync, the record
  }
}

// What a power cut may leave: what was not synced may be lost, what was removed may be gone.
TEST_F(XattrCrashTest, NothingIsNamedBeforeItIsDurableNorRemovedWhileItIsNamed) {
  Mount();
  Prepare();
  const std::string wrong = dir_.path() / "wrong";
  struct Unsynced {
    bool attributes = false, contents = false;
    int steps = 0;
  };
  auto unsynced = std::make_shared<Unsynced>();
  Mount(With([=](Step step) {
    ++unsynced->steps;
    const bool early = step == Step::kWrite && unsynced->attributes;
    const bool late = step == Step::kRemoveXattr && unsynced->contents;
    if (early) std::ofstream(wrong, std::ios::app) << "named early\n";
    if (late) std::ofstream(wrong, std::ios::app) << "removed early\n";
    if (step == Step::kSetXattr) unsynced->attributes = true;
    if (step == Step::kWrite || step == Step::kTruncate) unsynced->contents = true;
    if (step == Step::kSyncData || step == Step::kSyncAll) unsynced->contents = false;
    if (step == Step::kSyncAll) unsynced->attributes = false;
    return 0;
  }));
  ASSERT_EQ(SetErrno(F(), "user.a", "new"), 0);
  ASSERT_EQ(SetErrno(F(), "user.b", "2"), 0);
  ASSERT_EQ(RemoveErrno(F(), "user.b"), 0);
  WriteFile(F(), "shorter");
  AppendFile(F(), ", and longer");
  ASSERT_EQ(RemoveErrno(F(), "user.a"), 0);
  ASSERT_EQ(SetErrno(F(), "user.c", "3"), 0);
  UniqueFd fd = OpenFd(F(), O_RDWR);
  ASSERT_EQ(write(fd.get(), "SHORT", 5), 5);
  ASSERT_EQ(fsetxattr(fd.get(), "user.d", "4", 1, 0), 0);
  fd.Reset();
  mount_->Unmount();
  EXPECT_FALSE(stdfs::exists(wrong)) << ReadFile(wrong);
  Mount();
  EXPECT_EQ(NamesOf(F()), (Names{"user.c", "user.d"}));
}

}  // namespace
}  // namespace recrypt
