// Names: every byte and every length, and what the share holds for them (docs/FORMAT.md, 11).
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <thread>

#include "core/crypto/symmetric.h"
#include "core/jcd/stored_name.h"
#include "tests/mount/support/mounted.h"
#include "tests/mount/support/wrapped_store.h"

namespace recrypt {
namespace {

using Strings = std::vector<std::string>;

std::string Long(char c, size_t size = 255) { return std::string(size, c); }

// What becomes of one system call: 0, or its errno.
int ErrnoOfCall(int result) { return result == 0 ? 0 : errno; }
int Renamed(const std::string& from, const std::string& to, unsigned flags = 0) {
  return ErrnoOfCall(renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
}

class Names : public MountTest {
 protected:
  std::string Hashed(const std::string& name) const {
    return share_ + "/" + StoredDocumentName(name);
  }
  std::string Sidecar(const std::string& name) const {
    return share_ + "/" + SidecarName(StoredDocumentName(name));
  }
  Strings Listed(const std::string& below = "") const { return List(mountpoint_ + below); }
  bool OnShare(const std::string& path) const {
    struct stat st;
    return lstat(path.c_str(), &st) == 0;
  }
  size_t Sidecars() const {
    const Strings stored = List(share_);
    return static_cast<size_t>(std::count_if(stored.begin(), stored.end(), IsSidecarName));
  }
};

TEST_F(Names, OfEveryLengthAndEveryByteAreListedAsTheyWereMade) {
  Mount();
  Strings names;
  for (size_t length = 240; length <= 255; ++length) names.push_back(Long('n', length));
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/' || byte == '.') continue;
    names.push_back(std::string(1, static_cast<char>(byte)));
    names.push_back(std::string(255, static_cast<char>(byte)));
  }
  names.insert(names.end(),
               {"x (plain)", "a.jcd", ".jcd", "b.jcd.jcd", "\xff\xfe\xc3(", "new\nline"});
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) WriteFile(*this / name, name);
  EXPECT_EQ(OpenErrno(*this / Long('n', 256), O_WRONLY | O_CREAT), ENAMETOOLONG);
  EXPECT_EQ(OpenErrno(*this / Long('n', 256), O_RDONLY), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOfCall(mkdir((*this / Long('n', 256)).c_str(), 0755)), ENAMETOOLONG);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Listed(), names);
    for (const std::string& name : names) EXPECT_EQ(ReadFile(*this / name), name);
    for (const std::string& stored : List(share_)) EXPECT_LE(stored.size(), 255u);
    Mount();
  }
  for (const std::string& name : names) ASSERT_EQ(unlink((*this / name).c_str()), 0) << name;
  EXPECT_TRUE(List(share_).empty());
}

TEST_F(Names, OfWhatIsNoDocumentGoToTheFullLengthToo) {
  Mount();
  const std::string longest = Long('d', 251) + ".jcd";
  ASSERT_EQ(mkdir((*this / Long('d')).c_str(), 0755), 0);
  ASSERT_EQ(mkdir((*this / longest).c_str(), 0755), 0);
  ASSERT_EQ(symlink("target", (*this / Long('s')).c_str()), 0);
  ASSERT_EQ(symlink("target", (*this / "s.jcd").c_str()), 0);
  ASSERT_EQ(mkfifo((*this / Long('f')).c_str(), 0600), 0);
  ASSERT_EQ(mknod((*this / Long('m')).c_str(), S_IFREG | 0600, 0), 0);  // which makes a document
  WriteFile(*this / longest + "/" + Long('x'), "below");
  Mount();
  EXPECT_EQ(Listed(), (Strings{longest, Long('d'), Long('f'), Long('m'), "s.jcd", Long('s')}));
  EXPECT_EQ(ReadFile(*this / longest + "/" + Long('x')), "below");
  EXPECT_EQ(stdfs::read_symlink(*this / "s.jcd"), "target");
  EXPECT_EQ(Renamed(*this / longest, *this / "d.jcd"), 0);
  EXPECT_EQ(Renamed(*this / "d.jcd", *this / longest), 0);
  ASSERT_EQ(unlink((*this / longest + "/" + Long('x')).c_str()), 0);
  ASSERT_EQ(rmdir((*this / longest).c_str()), 0);
  EXPECT_EQ(ReadFile(*this / Long('m')), "");
  ASSERT_EQ(unlink((*this / Long('m')).c_str()), 0);
  EXPECT_EQ(Sidecars(), 0u);
}

TEST_F(Names, ADocumentAndADirectoryCalledLikeItsStoredFormStandSideBySide) {
  Mount();
  WriteFile(*this / "x", "document");
  ASSERT_EQ(mkdir((*this / "x.jcd").c_str(), 0755), 0);
  EXPECT_EQ(ErrnoOfCall(mkdir((*this / "x.jcd").c_str(), 0755)), EEXIST);
  EXPECT_EQ(OpenErrno(*this / "x.jcd", O_WRONLY | O_CREAT | O_EXCL), EEXIST);
  EXPECT_EQ(ErrnoOfCall(symlink("x", (*this / "x").c_str())), EEXIST);
  EXPECT_EQ(Listed(), (Strings{"x", "x.jcd"}));
  WriteFile(*this / "y", "document");
  EXPECT_EQ(Renamed(*this / "x.jcd", *this / "y.jcd"), 0);
  EXPECT_EQ(Renamed(*this / "y", *this / "y.jcd"), EISDIR);
  EXPECT_EQ(Renamed(*this / "y", *this / "y.jcd", RENAME_EXCHANGE), EINVAL);
  EXPECT_EQ(Listed(), (Strings{"x", "y", "y.jcd"}));
  ASSERT_EQ(rmdir((*this / "y.jcd").c_str()), 0);
  EXPECT_EQ(ReadFile(*this / "y"), "document");
}

TEST_F(Names, WhatWasMadeOnTheShareItselfIsShown) {
  ASSERT_EQ(mkdir((share_ + "/made.jcd").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((share_ + "/both.jcd").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((share_ + "/both.jcd.jcd").c_str(), 0755), 0);
  Mount();
  EXPECT_EQ(Listed(), (Strings{"both.jcd", "both.jcd (plain)", "made.jcd"}));
  WriteFile(*this / "made.jcd/f", "x");
  EXPECT_EQ(OpenErrno(*this / "made", O_WRONLY | O_CREAT), EEXIST);  // docs/PROMISES.md
  EXPECT_EQ(Renamed(*this / "made.jcd", *this / "moved.jcd"), 0);
  WriteFile(*this / "made", "free now");
  EXPECT_EQ(ReadFile(*this / "moved.jcd/f"), "x");
  ASSERT_EQ(rmdir((*this / "both.jcd (plain)").c_str()), 0);
  EXPECT_EQ(ErrnoOfCall(rmdir((*this / "both.jcd.jcd").c_str())), ENOENT);
  ASSERT_EQ(rmdir((*this / "both.jcd").c_str()), 0);
}

TEST_F(Names, ThatLookStoredAreNamesLikeAnyOther) {
  Mount();
  const std::string name = Long('n');
  const std::string stored = StoredDocumentName(name);
  const std::string stem = stored.substr(0, stored.size() - 4);
  WriteFile(*this / name, "long");
  WriteFile(*this / stem, "stem");
  WriteFile(*this / stored, "stored");
  ASSERT_EQ(mkdir((*this / SidecarName(stored)).c_str(), 0755), 0);
  Strings names{name, stem, stored, SidecarName(stored)};
  std::sort(names.begin(), names.end());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Listed(), names);
    EXPECT_EQ(ReadFile(*this / name), "long");
    EXPECT_EQ(ReadFile(*this / stem), "stem");
    EXPECT_EQ(ReadFile(*this / stored), "stored");
    Mount();
  }
  ASSERT_EQ(rmdir((*this / SidecarName(stored)).c_str()), 0);
  for (const std::string& each : {stem, stored}) ASSERT_EQ(unlink((*this / each).c_str()), 0);
  EXPECT_EQ(ReadFile(*this / name), "long");
}

TEST_F(Names, AreRenamedLinkedAndRemovedInAllCombinations) {
  const Strings kinds{"short", Long('a'), "dir.jcd", Long('b', 252)};
  for (const std::string& from : kinds) {
    for (const std::string& to : kinds) {
      if (from == to) continue;
      SCOPED_TRACE(from.substr(0, 8) + std::to_string(from.size()) + " to " + to.substr(0, 8));
      Mount();
      WriteFile(*this / from, "one");
      ASSERT_EQ(Renamed(*this / from, *this / to), 0);
      EXPECT_EQ(Listed(), Strings{to});
      EXPECT_EQ(ReadFile(*this / to), "one");
      ASSERT_EQ(link((*this / to).c_str(), (*this / from).c_str()), 0);
      EXPECT_EQ(ReadFile(*this / from), "one");
      ASSERT_EQ(unlink((*this / from).c_str()), 0);
      WriteFile(*this / from, "two");
      EXPECT_EQ(Renamed(*this / from, *this / to, RENAME_NOREPLACE), EEXIST);
      ASSERT_EQ(Renamed(*this / from, *this / to, RENAME_EXCHANGE), 0);
      EXPECT_EQ(ReadFile(*this / from) + ReadFile(*this / to), "onetwo");
      ASSERT_EQ(Renamed(*this / from, *this / to), 0);
      Mount();
      EXPECT_EQ(Listed(), Strings{to});
      EXPECT_EQ(ReadFile(*this / to), "one");
      ASSERT_EQ(unlink((*this / to).c_str()), 0);
      EXPECT_TRUE(List(share_).empty());
    }
  }
}

TEST_F(Names, ADocumentReplacesASymbolicLinkAndTheOtherWayRound) {
  Mount();
  for (const std::string& name : Strings{"name", Long('n'), "n.jcd"}) {
    WriteFile(*this / "new", "document");
    ASSERT_EQ(symlink("nowhere", (*this / name).c_str()), 0);
    ASSERT_EQ(Renamed(*this / "new", *this / name), 0);
    EXPECT_EQ(ReadFile(*this / name), "document");
    EXPECT_EQ(Listed(), Strings{name});
    ASSERT_EQ(symlink("nowhere", (*this / "new").c_str()), 0);
    ASSERT_EQ(Renamed(*this / "new", *this / name), 0);
    EXPECT_EQ(stdfs::read_symlink(*this / name), "nowhere");
    EXPECT_EQ(Listed(), Strings{name});
    ASSERT_EQ(unlink((*this / name).c_str()), 0);
    EXPECT_TRUE(List(share_).empty());
  }
}

TEST_F(Names, AreListedInPiecesAndFromAnywhere) {
  Mount();
  for (int i = 0; i < 300; ++i) WriteFile(*this / (Long('n', 248) + std::to_string(1000 + i)), "");
  std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(mountpoint_.c_str()), closedir);
  std::vector<std::pair<long, std::string>> seen;
  for (long at = telldir(dir.get()); const dirent* entry = readdir(dir.get());
       at = telldir(dir.get())) {
    seen.emplace_back(at, entry->d_name);
  }
  ASSERT_EQ(seen.size(), 302u);
  for (size_t i = 0; i < seen.size(); i += 37) {
    seekdir(dir.get(), seen[i].first);
    EXPECT_EQ(readdir(dir.get())->d_name, seen[i].second);
  }
}

TEST_F(Names, StayWithTheDocumentThatIsReplacedAsAWhole) {
  Mount();
  const std::string name = Long('n');
  WriteFile(*this / name, "first");
  WriteFile(*this / name, "second");  // truncated: a new document
  EXPECT_EQ(ReadFile(*this / name), "second");
  WriteFile(*this / "new", "third");
  ASSERT_EQ(Renamed(*this / "new", *this / name), 0);
  EXPECT_EQ(Listed(), Strings{name});
  EXPECT_EQ(ReadFile(*this / name), "third");
}

TEST_F(Names, ASidecarThatIsNoneLeavesADocumentThatOpensAndMayBeRenamed) {
  const std::string name = Long('n');
  const std::string stem = StoredDocumentName(name).substr(0, 73);
  const std::vector<std::function<void()>> harm = {
      [&] { stdfs::remove(Sidecar(name)); },
      [&] { std::ofstream(Sidecar(name)) << Long('m'); },
      [&] { std::ofstream(Sidecar(name)) << Long('n', 254); },
      [&] { std::ofstream(Sidecar(name)) << Long('n', 5'000'000); },
      [&] { std::ofstream(Sidecar(name)) << "../" << Long('n', 252); },
      [&] { stdfs::resize_file(Sidecar(name), 0); },
      [&] {
        stdfs::rename(Sidecar(name), dir_.path() / "kept");
        stdfs::create_symlink(dir_.path() / "kept", Sidecar(name));
      },
      [&] {
        stdfs::remove(Sidecar(name));
        stdfs::create_directory(Sidecar(name));
      },
      [&] {
        stdfs::remove(Sidecar(name));
        ASSERT_EQ(mkfifo(Sidecar(name).c_str(), 0666), 0);
      }};
  for (size_t i = 0; i < harm.size(); ++i) {
    SCOPED_TRACE(i);
    Mount();
    WriteFile(*this / name, "content");
    Mount();
    harm[i]();
    Strings listed = Listed();
    EXPECT_EQ(std::count(listed.begin(), listed.end(), stem), 1);
    EXPECT_EQ(std::count(listed.begin(), listed.end(), name), 0);
    EXPECT_EQ(ReadFile(*this / stem), "content");
    EXPECT_EQ(ReadFile(*this / name), "content");  // who knows it may say it
    (void)Listed();
    const std::string log = mount_->Log();
    const size_t said = log.find("long name");
    EXPECT_NE(said, std::string::npos);
    EXPECT_EQ(log.find("long name", said + 1), std::string::npos) << log;
    ASSERT_EQ(Renamed(*this / stem, *this / "found"), 0);
    EXPECT_EQ(ReadFile(*this / "found"), "content");
    // The name is as good as before.
    ASSERT_EQ(Renamed(*this / "found", *this / name), 0);
    listed = Listed();
    EXPECT_EQ(std::count(listed.begin(), listed.end(), name), 1);
    EXPECT_EQ(std::count(listed.begin(), listed.end(), stem), 0);
    EXPECT_EQ(ReadFile(*this / name), "content");
    mount_.reset();
    stdfs::remove_all(share_);
    stdfs::create_directories(share_);
  }
}

TEST_F(Names, SidecarsAreNotShownAndKeepNoDirectory) {
  Mount();
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  const std::string lost = StoredDocumentName(Long('l'));
  std::ofstream(share_ + "/d/" + SidecarName(lost)) << Long('l');
  std::ofstream(share_ + "/d/" + SidecarName(StoredDocumentName(Long('k')))) << "half of";
  EXPECT_TRUE(Listed("/d").empty());
  EXPECT_EQ(OpenErrno(*this / "d/" + SidecarName(lost), O_RDONLY), ENOENT);
  WriteFile(*this / "d/f", "x");
  EXPECT_EQ(ErrnoOfCall(rmdir((*this / "d").c_str())), ENOTEMPTY);
  EXPECT_EQ(List(share_ + "/d").size(), 3u);
  ASSERT_EQ(unlink((*this / "d/f").c_str()), 0);
  ASSERT_EQ(rmdir((*this / "d").c_str()), 0);
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((*this / "new").c_str(), 0755), 0);
  std::ofstream(share_ + "/d/" + SidecarName(lost)) << Long('l');
  EXPECT_EQ(Renamed(*this / "new", *this / "d"), 0);
  EXPECT_EQ(List(share_), Strings{"d"});
  EXPECT_TRUE(List(share_ + "/d").empty());
}

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
    const int rounds = std::getenv("RECRYPT_FULL") != nullptr ? 3'000 : 300;
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

// Counts what is asked of the share.
class CountingStore : public WrappedStore {
 public:
  CountingStore(std::unique_ptr<Store> inner, std::atomic<int>* calls)
      : WrappedStore(std::move(inner)), calls_(calls) {}

  Result<UniqueFd> OpenNode(int dir, const std::string& name) override {
    ++*calls_;
    return WrappedStore::OpenNode(dir, name);
  }
  Result<struct stat> StatAt(int dir, const std::string& name) override {
    ++*calls_;
    return WrappedStore::StatAt(dir, name);
  }
  Result<UniqueFd> OpenFile(int node, int flags) override {
    ++*calls_;
    return WrappedStore::OpenFile(node, flags);
  }

 private:
  std::atomic<int>* const calls_;
};

TEST_F(Names, ThatFitAreFoundInOneLook) {
  Mount();
  for (int i = 0; i < 100; ++i) WriteFile(*this / std::to_string(i), "");
  auto* calls = new (mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int>(0);
  Mount({.wrap_store = [calls](std::unique_ptr<Store> inner) {
    return std::make_unique<CountingStore>(std::move(inner), calls);
  }});
  const int before = *calls;
  struct stat st;
  for (int i = 0; i < 100; ++i) ASSERT_EQ(stat((*this / std::to_string(i)).c_str(), &st), 0);
  EXPECT_EQ(*calls - before, 100);
  EXPECT_EQ(stat((*this / "none").c_str(), &st), -1);
  EXPECT_EQ(*calls - before, 102);
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
