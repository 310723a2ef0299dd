// What the kernel believes for long of a local share, and how it is taken back.
#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "core/base/clock.h"
#include "fs/directory_watch.h"
#include "fs/file_system.h"
#include "fs/posix_store.h"
#include "tests/mount/support/two_mounts.h"
#include "tests/mount/support/wrapped_store.h"

namespace recrypt {
namespace {

struct stat StatOf(const std::string& path) {
  struct stat st = {};
  if (lstat(path.c_str(), &st) != 0) st.st_size = -1;
  return st;
}
bool IsThere(const std::string& path) { return StatOf(path).st_size >= 0; }

class Watch : public TwoMountsTest {
 protected:
  // What bob's kernel has been told of, and goes on believing.
  void Believe(const std::string& name) { ASSERT_TRUE(IsThere(Other(name))); }
};

TEST_P(Watch, WhatNobodyChangesIsAnsweredByTheKernelAlone) {
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  WriteFile(*this / "d/f", "text");
  Believe("d/f");
  // Over one second, for which anything is believed, and the second telling of what was done above.
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  Believe("d/f");
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  ASSERT_EQ(kill(other_->pid(), SIGSTOP), 0);
  auto size = std::async(std::launch::async, [&] { return StatOf(Other("d/f")).st_size; });
  const auto answered = size.wait_for(std::chrono::seconds(2));
  ASSERT_EQ(kill(other_->pid(), SIGCONT), 0);
  EXPECT_EQ(answered, std::future_status::ready);
  EXPECT_EQ(size.get(), 4);
}

TEST_P(Watch, AttributesThatAnotherMountChangesAreTakenBack) {
  WriteFile(*this / "f", "0123456789");
  Believe("f");
  AppendFile(*this / "f", "abc");
  EXPECT_TRUE(Soon([&] { return StatOf(Other("f")).st_size == 13; }));
  ASSERT_EQ(chmod((*this / "f").c_str(), 0600), 0);
  EXPECT_TRUE(Soon([&] { return (StatOf(Other("f")).st_mode & 0777) == 0600; }));
}

TEST_P(Watch, NamesThatAnotherMountChangesAreTakenBack) {
  for (const char* name : {"gone", "moved", "replaced", "by"}) WriteFile(*this / name, name);
  for (const char* name : {"gone", "moved", "replaced", "by"}) Believe(name);
  ASSERT_EQ(unlink((*this / "gone").c_str()), 0);
  ASSERT_EQ(rename((*this / "moved").c_str(), (*this / "here").c_str()), 0);
  ASSERT_EQ(rename((*this / "by").c_str(), (*this / "replaced").c_str()), 0);
  WriteFile(*this / "moved", "another file");
  EXPECT_TRUE(Soon([&] { return !IsThere(Other("gone")) && !IsThere(Other("by")); }));
  EXPECT_TRUE(Soon([&] { return StatOf(Other("moved")).st_size == 12; }));
  EXPECT_TRUE(Soon([&] { return StatOf(Other("here")).st_size == 5; }));
  EXPECT_TRUE(Soon([&] { return StatOf(Other("replaced")).st_size == 2; }));
}

TEST_P(Watch, ADirectoryInPlaceOfAnotherIsSeen) {
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  WriteFile(*this / "d/f", "old");
  Believe("d/f");
  ASSERT_EQ(rename((*this / "d").c_str(), (*this / "aside").c_str()), 0);
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  WriteFile(*this / "d/f", "newer");
  EXPECT_TRUE(Soon([&] { return StatOf(Other("d/f")).st_size == 5; }));
  EXPECT_TRUE(Soon([&] { return StatOf(Other("aside/f")).st_size == 3; }));
}

TEST_P(Watch, WhatIsDonePastTheMountsIsSeen) {
  WriteFile(*this / "f", "document");
  Believe("f");
  ASSERT_EQ(chmod(Stored("f.jcd").c_str(), 0640), 0);
  EXPECT_TRUE(Soon([&] { return (StatOf(Other("f")).st_mode & 0777) == 0640; }));
  ASSERT_EQ(rename(Stored("f.jcd").c_str(), Stored("g.jcd").c_str()), 0);
  EXPECT_TRUE(Soon([&] { return !IsThere(Other("f")) && IsThere(Other("g")); }));
  // A plain file, which a document then takes the name of.
  WriteFile(share_ + "/p", "plain");
  EXPECT_TRUE(Soon([&] { return StatOf(Other("p")).st_size == 5; }));
  ASSERT_EQ(rename(Stored("g.jcd").c_str(), Stored("p.jcd").c_str()), 0);
  EXPECT_TRUE(Soon([&] { return StatOf(Other("p")).st_size == 8; }));
}

// The other name is in a directory that bob's mount does not know.
TEST_P(Watch, AFileThatGetsAnotherNameElsewhereIsSeenToChange) {
  ASSERT_EQ(mkdir((*this / "elsewhere").c_str(), 0755), 0);
  WriteFile(*this / "f", "0123456789");
  Believe("f");
  ASSERT_EQ(link((*this / "f").c_str(), (*this / "elsewhere/g").c_str()), 0);
  EXPECT_TRUE(Soon([&] { return StatOf(Other("f")).st_nlink == 2; }));
  AppendFile(*this / "elsewhere/g", "abc");
  EXPECT_TRUE(Soon([&] { return StatOf(Other("f")).st_size == 13; }));
  ASSERT_EQ(unlink((*this / "elsewhere/g").c_str()), 0);
  EXPECT_TRUE(Soon([&] { return StatOf(Other("f")).st_nlink == 1; }));
}

// By a mount that renames itself, the name goes on leading to the file; and somebody else's change
// is told by the directory in which it is now.
TEST_P(Watch, AFileThatWasRenamedIsWatchedWhereItIsNow) {
  ASSERT_EQ(mkdir(Other("d").c_str(), 0755), 0);
  WriteFile(Other("f"), "text");
  Believe("f");
  ASSERT_EQ(rename(Other("f").c_str(), Other("d/g").c_str()), 0);
  Believe("d/g");
  EXPECT_FALSE(IsThere(Other("f")));
  EXPECT_EQ(ReadFile(*this / "d/g"), "text");
  AppendFile(*this / "d/g", "more");
  EXPECT_TRUE(Soon([&] { return StatOf(Other("d/g")).st_size == 8; }));
  ASSERT_EQ(rename((*this / "d/g").c_str(), (*this / "d/h").c_str()), 0);
  EXPECT_TRUE(Soon([&] { return !IsThere(Other("d/g")); }));
}

TEST_P(Watch, AListingIsThatOfNow) {
  WriteFile(*this / "a", "1");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(List(other_->mountpoint()), (std::vector<std::string>{"a"}));
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
  }
  WriteFile(*this / "b", "2");
  EXPECT_EQ(List(other_->mountpoint()), (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(unlink((*this / "a").c_str()), 0);
  EXPECT_EQ(List(other_->mountpoint()), (std::vector<std::string>{"b"}));
}

INSTANTIATE_TEST_SUITE_P(Over, Watch, testing::Values(StoreIs::kLocal),
                         [](const auto& store) { return NameOf(store.param); });

// The directories of a share, and what was told of them.
class DirectoryWatchTest : public ::testing::Test {
 protected:
  using Change = DirectoryWatch::Change;

  std::shared_ptr<Inode> Directory(const std::string& name) {
    if (name != "") (void)dir_.Make("share/" + name);
    UniqueFd node(open((share_ + "/" + name).c_str(), O_PATH | O_DIRECTORY));
    struct stat st;
    EXPECT_EQ(fstat(node.get(), &st), 0);
    return std::make_shared<Inode>(std::move(node), Inode::Key{st.st_dev, st.st_ino, false},
                                   InodeKind::kDirectory);
  }
  DirectoryWatch::Tell Noting() {
    return [this](Inode& directory, const Change& change) {
      std::lock_guard lock(mutex_);
      for (const std::string& name : change.names) ++told_[name];
      extents_.emplace(&directory, change.extent);
    };
  }
  int Told(const std::string& name) {
    std::lock_guard lock(mutex_);
    return told_[name];
  }
  bool WasTold(const Inode& directory, Change::Extent extent) {
    std::lock_guard lock(mutex_);
    return extents_.contains({&directory, extent});
  }

  TempDir dir_;
  const std::string share_ = dir_.Make("share");
  std::mutex mutex_;  // guards what follows
  std::map<std::string, int> told_;
  std::set<std::pair<const Inode*, Change::Extent>> extents_;
};

TEST_F(DirectoryWatchTest, TellsOfEachNameTwice) {
  auto store = *PosixStore::Open(share_);
  const auto directory = Directory("");
  DirectoryWatch watch(
      *store, 10, [](LogLevel, const std::string&) {}, Noting());
  ASSERT_TRUE(watch.Watch(*directory));
  EXPECT_TRUE(directory->is_watched());
  WriteFile(share_ + "/x", "1");
  EXPECT_TRUE(Soon([&] { return Told("x") >= 2; }));
}

TEST_F(DirectoryWatchTest, WatchesTheLatestAndSaysWhichItWatchesNoMore) {
  auto store = *PosixStore::Open(share_);
  const auto first = Directory("first"), second = Directory("second"), third = Directory("third");
  DirectoryWatch watch(
      *store, 2, [](LogLevel, const std::string&) {}, Noting());
  for (const auto& directory : {first, second, third}) ASSERT_TRUE(watch.Watch(*directory));
  EXPECT_FALSE(first->is_watched());
  EXPECT_TRUE(second->is_watched() && third->is_watched());
  EXPECT_TRUE(Soon([&] { return WasTold(*first, Change::Extent::kIsWatchedNoMore); }));
  WriteFile(share_ + "/first/unseen", "1");
  WriteFile(share_ + "/third/seen", "1");
  EXPECT_TRUE(Soon([&] { return Told("seen") >= 2; }));
  EXPECT_EQ(Told("unseen"), 0);
  ASSERT_TRUE(watch.Watch(*first));
  WriteFile(share_ + "/first/seen-now", "1");
  EXPECT_TRUE(Soon([&] { return Told("seen-now") >= 2; }));
}

// As the kernel says when more happens than it keeps.
class OverflowingStore : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  Result<size_t> ReadChanges(int watcher, MutableByteSpan buffer) override {
    auto size = WrappedStore::ReadChanges(watcher, buffer);
    if (!size || *size == 0) return size;
    struct inotify_event event = {.wd = -1, .mask = IN_Q_OVERFLOW, .cookie = 0, .len = 0};
    std::memcpy(buffer.data(), &event, sizeof event);
    return sizeof event;
  }
};

TEST_F(DirectoryWatchTest, AnythingMayHaveHappenedWhereMoreDidThanIsTold) {
  OverflowingStore store(*PosixStore::Open(share_));
  const auto first = Directory("first"), second = Directory("second");
  DirectoryWatch watch(
      store, 10, [](LogLevel, const std::string&) {}, Noting());
  ASSERT_TRUE(watch.Watch(*first) && watch.Watch(*second));
  WriteFile(share_ + "/first/x", "1");
  EXPECT_TRUE(Soon([&] {
    return WasTold(*first, Change::Extent::kAnything) &&
           WasTold(*second, Change::Extent::kAnything);
  }));
}

// What it takes back from the kernel when it watches a directory no more.
class NotedKernel : public KernelCache {
 public:
  void DropPages(uint64_t) override {}
  void DropAttributes(uint64_t) override {}
  void DropName(uint64_t, const std::string&) override {}
  void ExpireName(uint64_t, const std::string& name) override {
    std::lock_guard lock(mutex_);
    expired_.insert(name);
  }
  bool HasExpired(const std::string& name) {
    std::lock_guard lock(mutex_);
    return expired_.contains(name);
  }

 private:
  std::mutex mutex_;  // guards expired_
  std::set<std::string> expired_;
};

TEST_F(DirectoryWatchTest, NamesInADirectoryThatIsWatchedNoMoreAreTakenBack) {
  (void)dir_.Make("share/a/x");
  (void)dir_.Make("share/b/y");
  auto store = *PosixStore::Open(share_);
  FakeLabels labels;
  FakeAccess access(labels, "alice@example.com");
  const SystemClock clock;
  NotedKernel kernel;
  FileSystemOptions options;
  options.max_watched = 1;
  auto fs = *FileSystem::Create(options, *store, access, clock, kernel,
                                [](LogLevel, const std::string&) {});
  const Entry a = *fs->Lookup(fs->root(), "a"), b = *fs->Lookup(fs->root(), "b");
  EXPECT_TRUE(b.believed.name);
  EXPECT_FALSE(b.believed.attributes);  // nothing has been looked up in it yet
  const Entry x = *fs->Lookup(*a.inode, "x");
  EXPECT_TRUE(x.believed.name);
  EXPECT_TRUE(Soon([&] { return kernel.HasExpired("a") && kernel.HasExpired("b"); }));
  EXPECT_FALSE(kernel.HasExpired("x"));
  const Entry y = *fs->Lookup(*b.inode, "y");
  EXPECT_TRUE(Soon([&] { return kernel.HasExpired("x"); }));
  EXPECT_FALSE(kernel.HasExpired("y"));
  fs->Shutdown();
  for (const Entry& entry : {x, y, a, b}) fs->Forget(*entry.inode, 1);
}

}  // namespace
}  // namespace recrypt
