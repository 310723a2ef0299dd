// Names: every byte and every length, and what the share holds for them (docs/FORMAT.md, 11).
#include "tests/mount/support/names_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>

#include "tests/mount/support/wrapped_store.h"

namespace recrypt {
namespace {

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

}  // namespace
}  // namespace recrypt
