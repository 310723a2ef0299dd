// The steps that a change of a name takes on the share: what two mounts do between each other's,
// and what a kill between any two leaves.
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <thread>

#include "tests/full_run.h"
#include "tests/mount/support/names_test.h"
#include "tests/mount/support/wrapped_store.h"

namespace recrypt {
namespace {

// Takes its time where names and sidecars could be parted.
class LateStore : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  Result<UniqueFd> CreateFile(int dir, const std::string& name, mode_t mode) override {
    if (IsHashedName(name)) usleep(300);
    return WrappedStore::CreateFile(dir, name, mode);
  }
  Status Unlink(int dir, const std::string& name) override {
    if (IsSidecarName(name)) usleep(600);
    return WrappedStore::Unlink(dir, name);
  }
};

MountSettings Late() {
  return {.wrap_store = [](std::unique_ptr<Store> inner) {
    return std::make_unique<LateStore>(std::move(inner));
  }};
}

// Two mounts that make, rename and remove the same names: afterwards both show the same, and
// whatever has a long name has it in full.
TEST_F(Names, TwoMountsThatRaceForNamesAgree) {
  Mount(Late());
  FakeAccess bob(labels_, "bob@example.net");
  TestMount other(share_, dir_.Make("other"), bob, Late());
  const Strings names{Long('a'), Long('b'), "short", "x.jcd"};
  std::atomic<int> made{0}, exclusive{0};
  auto run = [&](const TestMount& mount, unsigned seed) {
    const int rounds = IsFullRun() ? 3'000 : 300;
    for (int i = 0; i < rounds; ++i) {
      const std::string a = mount / names[seed++ * 7 % names.size()];
      const std::string b = mount / names[seed * 5 % names.size()];
      switch (seed * 2654435761u >> 16 & 3) {
        case 0: {
          UniqueFd fd(open(a.c_str(), O_RDWR | O_CREAT | O_EXCL, 0644));
          if (fd) made += 1;
          if (!fd && errno != EEXIST) ADD_FAILURE() << strerror(errno);
          break;
        }
        case 1:
          if (int error = Renamed(a, b); error != 0 && error != ENOENT && error != ESTALE) {
            ADD_FAILURE() << strerror(error);
          }
          break;
        case 2:
          if (Renamed(a, b, RENAME_NOREPLACE) == 0) exclusive += 1;
          break;
        default:
          (void)unlink(a.c_str());
      }
    }
  };
  std::thread theirs([&] { run(other, 11); });
  run(*mount_, 4711);
  theirs.join();
  EXPECT_GT(made, 10);
  EXPECT_GT(exclusive, 0);
  other.Unmount();
  Mount();
  for (const std::string& name : Listed()) {
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
    EXPECT_EQ(ReadFile(*this / name), "");
  }
  EXPECT_EQ(mount_->Log().find("long name"), std::string::npos) << mount_->Log();
}

TEST_F(Names, ASidecarIsNotRemovedUnderWhoeverTakesTheNameAgain) {
  Mount(Late());
  FakeAccess bob(labels_, "bob@example.net");
  TestMount other(share_, dir_.Make("other"), bob, Late());
  const std::string name = Long('n');
  for (int round = 0; round < 40; ++round) {
    WriteFile(*this / name, "");
    std::thread theirs([&] {
      while (OpenErrno(other / name, O_WRONLY | O_CREAT | O_EXCL) == EEXIST) continue;
    });
    EXPECT_EQ(unlink((*this / name).c_str()), 0);
    theirs.join();
    ASSERT_EQ(Listed(), Strings{name});
    ASSERT_TRUE(OnShare(Sidecar(name)));
  }
}

// -- What another mount does between two steps of one.

// Before the first call of some kind, gives the name that it is about to take to what is stored as
// "theirs.jcd".
class QuickerStore : public WrappedStore {
 public:
  QuickerStore(std::unique_ptr<Store> inner, std::string record)
      : WrappedStore(std::move(inner)), record_(std::move(record)) {}

  Result<UniqueFd> CreateFile(int dir, const std::string& name, mode_t mode) override {
    Take(dir, name);
    return WrappedStore::CreateFile(dir, name, mode);
  }
  Status Link(int node, int dir, const std::string& name) override {
    Take(dir, name);
    return WrappedStore::Link(node, dir, name);
  }
  Status Rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                unsigned flags) override {
    Take(to_dir, to);
    Note("rename");
    return WrappedStore::Rename(from_dir, from, to_dir, to, flags);
  }
  Status SyncData(int fd) override {
    Note("syncdata");
    return WrappedStore::SyncData(fd);
  }

 private:
  void Take(int dir, const std::string& name) {
    auto theirs = WrappedStore::OpenNode(dir, name.ends_with(".jcd") ? "theirs.jcd" : "theirs");
    if (theirs && !std::exchange(taken_, true)) (void)WrappedStore::Link(theirs->get(), dir, name);
  }
  void Note(const std::string& what) { std::ofstream(record_, std::ios::app) << what << "\n"; }

  const std::string record_;
  bool taken_ = false;
};

class NamesTaken : public Names {
 protected:
  // "mine", and what the other mount has.
  void MountQuicker() {
    Mount();
    WriteFile(*this / "mine", "mine");
    WriteFile(*this / "theirs", "theirs");
    mount_.reset();
    stdfs::remove(record_);
    Mount({.wrap_store = [this](std::unique_ptr<Store> inner) {
      return std::make_unique<QuickerStore>(std::move(inner), record_);
    }});
  }
  const std::string record_ = dir_.path() / "record";
};

TEST_F(NamesTaken, InTheMeantimeAreOpenedByWhoeverDoesNotAskToBeTheFirst) {
  for (const std::string& name : {std::string("name"), Long('n')}) {
    MountQuicker();
    UniqueFd fd = OpenFd(*this / name, O_RDWR | O_CREAT | O_APPEND);
    EXPECT_EQ(ReadAll(fd.get()), "theirs");
    fd.Reset();
    MountQuicker();
    ASSERT_EQ(unlink((*this / name).c_str()), 0);
    EXPECT_EQ(OpenErrno(*this / name, O_RDWR | O_CREAT | O_EXCL), EEXIST);
    EXPECT_EQ(ReadFile(*this / name), "theirs");
    ASSERT_EQ(unlink((*this / name).c_str()), 0);
  }
}

TEST_F(NamesTaken, InTheMeantimeAreNotMadeOverThem) {
  MountQuicker();
  EXPECT_EQ(ErrnoOfCall(link((*this / "mine").c_str(), (*this / "name").c_str())), EEXIST);
  EXPECT_EQ(ReadFile(*this / "name"), "theirs");
  MountQuicker();
  ASSERT_EQ(unlink((*this / "name").c_str()), 0);
  EXPECT_EQ(Renamed(*this / "mine", *this / "name", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(ReadFile(*this / "name") + ReadFile(*this / "mine"), "theirsmine");
}

TEST_F(NamesTaken, InTheMeantimeAreReplacedAsIfTheyHadBeenThere) {
  MountQuicker();
  ASSERT_EQ(Renamed(*this / "mine", *this / "name"), 0);
  EXPECT_EQ(ReadFile(*this / "name"), "mine");
  std::ifstream record(record_);
  std::string steps, step;
  while (std::getline(record, step)) steps += step + " ";
  EXPECT_EQ(steps, "rename syncdata rename ");  // durable before it replaces something
}

// -- In what order things come to the share, and what a kill in between leaves.

// Counts what changes the share; the `last` one is not made any more.
class EndingStore : public WrappedStore {
 public:
  EndingStore(std::unique_ptr<Store> inner, std::atomic<int>* left, std::string record)
      : WrappedStore(std::move(inner)), left_(left), record_(std::move(record)) {}

  Result<UniqueFd> CreateFile(int dir, const std::string& name, mode_t mode) override {
    Count("create " + name);
    return WrappedStore::CreateFile(dir, name, mode);
  }
  Status Rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                unsigned flags) override {
    Count("rename " + from + " " + to);
    return WrappedStore::Rename(from_dir, from, to_dir, to, flags);
  }
  Status Link(int node, int dir, const std::string& name) override {
    Count("link " + name);
    return WrappedStore::Link(node, dir, name);
  }
  Status Unlink(int dir, const std::string& name) override {
    Count("unlink " + name);
    return WrappedStore::Unlink(dir, name);
  }
  Status WriteAt(int fd, uint64_t offset, ByteSpan data) override {
    Count("write");
    return WrappedStore::WriteAt(fd, offset, data);
  }
  Status SyncData(int fd) override {
    Count("syncdata");
    return WrappedStore::SyncData(fd);
  }
  Status SyncDirectory(int dir) override {
    Count("syncdir");
    return WrappedStore::SyncDirectory(dir);
  }

 private:
  void Count(const std::string& what) {
    std::ofstream(record_, std::ios::app) << what << "\n";
    if (left_->fetch_sub(1) == 1) kill(getpid(), SIGKILL);
  }

  std::atomic<int>* const left_;
  const std::string record_;
};

class NamesInSteps : public Names {
 protected:
  MountSettings Ending(int left) {
    *left_ = left;
    stdfs::remove(record_);
    return {.wrap_store = [this](std::unique_ptr<Store> inner) {
      return std::make_unique<EndingStore>(std::move(inner), left_, record_);
    }};
  }
  Strings Steps() const {
    Strings lines;
    std::ifstream from(record_);
    for (std::string line; std::getline(from, line);) lines.push_back(line);
    return lines;
  }
  static size_t At(const Strings& steps, const std::string& what, size_t from = 0) {
    const auto found =
        std::find(steps.begin() + static_cast<std::ptrdiff_t>(from), steps.end(), what);
    EXPECT_NE(found, steps.end()) << what;
    return static_cast<size_t>(found - steps.begin());
  }
  // Shared with the process that serves.
  std::atomic<int>* left_ = new (mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int>(0);
  const std::string record_ = dir_.path() / "record";
};

TEST_F(NamesInSteps, ASidecarIsDurableBeforeTheNameAndGoesAfterIt) {
  const std::string one = Long('1'), two = Long('2');
  Mount(Ending(1'000'000));
  WriteFile(*this / one, "x");
  ASSERT_EQ(Renamed(*this / one, *this / two), 0);
  ASSERT_EQ(unlink((*this / two).c_str()), 0);
  mount_.reset();
  const Strings steps = Steps();
  auto sidecar_is_durable = [&](const std::string& name, const std::string& then, size_t from) {
    const size_t synced = At(steps, "syncdata", from);
    auto named = std::find_if(steps.begin() + static_cast<std::ptrdiff_t>(synced), steps.end(),
                              [&](const auto& step) {
                                return step.starts_with("rename ") &&
                                       step.ends_with(SidecarName(StoredDocumentName(name)));
                              });
    const size_t listed = At(steps, "syncdir", static_cast<size_t>(named - steps.begin()));
    const size_t made = At(steps, then, from);
    EXPECT_LT(listed, made);
    return made;
  };
  const std::string stored_one = StoredDocumentName(one), stored_two = StoredDocumentName(two);
  size_t at = sidecar_is_durable(one, "create " + stored_one, 0);
  at = sidecar_is_durable(two, "rename " + stored_one + " " + stored_two, at);
  size_t synced = At(steps, "syncdir", at);
  EXPECT_LT(synced, At(steps, "unlink " + SidecarName(stored_one)));
  at = At(steps, "unlink " + stored_two);
  synced = At(steps, "syncdir", at);
  EXPECT_LT(synced, At(steps, "unlink " + SidecarName(stored_two)));
}

TEST_F(NamesInSteps, AKillBetweenAnyTwoLosesNoNameAndNoContent) {
  const std::string one = Long('1'), two = Long('2');
  // Each changes `one`, which holds "old", in some way; what is listed afterwards, at any point.
  struct Change {
    const char* what;
    std::function<void()> run;
    Strings before, after;
  };
  auto quiet = [](auto act) {
    return [act] {
      try {
        act();
      } catch (const std::system_error&) {  // the mount has ended
      }
    };
  };
  const std::vector<Change> changes = {
      {"create", quiet([&] { OpenFd(*this / two, O_RDWR | O_CREAT); }), {one}, {one, two}},
      {"rename", quiet([&] { (void)Renamed(*this / one, *this / two); }), {one}, {two}},
      {"shorten", quiet([&] { (void)Renamed(*this / one, *this / "short"); }), {one}, {"short"}},
      {"link",
       quiet([&] { (void)!link((*this / one).c_str(), (*this / two).c_str()); }),
       {one},
       {one, two}},
      {"unlink", quiet([&] { (void)unlink((*this / one).c_str()); }), {one}, {}},
      {"replace",
       quiet([&] {
         WriteFile(*this / "new", "new");
         (void)Renamed(*this / "new", *this / one);
       }),
       {one},
       {one}},
  };
  for (const Change& change : changes) {
    bool completed = false;
    for (int last = 1; !completed; ++last) {
      SCOPED_TRACE(change.what + std::string(" at ") + std::to_string(last));
      ASSERT_LT(last, 100);
      stdfs::remove_all(share_);
      stdfs::create_directories(share_);
      Mount();
      WriteFile(*this / one, "old");
      Mount(Ending(1'000'000));
      (void)Listed();
      *left_ = last;
      change.run();
      mount_->Unmount();
      umount2(mountpoint_.c_str(), MNT_DETACH);
      completed = left_->load() > 0;
      Mount();
      Strings listed = Listed();
      listed.erase(std::remove(listed.begin(), listed.end(), "new"), listed.end());
      EXPECT_TRUE(listed == change.before || listed == change.after)
          << testing::PrintToString(listed);
      for (const std::string& name : listed) {
        const std::string content = ReadFile(*this / name);
        EXPECT_TRUE(content == "old" || (content.empty() && name == two) ||
                    (content == "new" && name == one))
            << content;
      }
      EXPECT_EQ(mount_->Log().find("long name"), std::string::npos);
      for (const std::string& name : listed) ASSERT_EQ(unlink((*this / name).c_str()), 0);
      mount_.reset();
    }
  }
}

}  // namespace
}  // namespace recrypt
