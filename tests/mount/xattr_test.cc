// The `user.*` extended attributes of documents: what programs do with them, and what of them lies
// on the share.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <thread>

#include "tests/mount/support/xattrs.h"

namespace recrypt {
namespace {

int Shell(const std::string& command) {
  const int status = std::system(("(" + command + ") > /dev/null 2>&1").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
bool Has(const char* program) { return Shell(std::string("command -v ") + program) == 0; }

TEST_F(XattrTest, AreThereAfterANewMount) {
  Make();
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
  EXPECT_EQ(NamesOf(F()), Names{"user.comment"});
  EXPECT_EQ(ReadFile(F()), "content");
  EXPECT_EQ(Xattr(F(), "user.jcd.signer"), "alice@example.com");
}

TEST_F(XattrTest, NeitherNamesNorValuesAreOnTheShare) {
  Mount();
  WriteFile(F(), "content");
  const std::string name = "user.merger-with-initech", value = "signed by the chairwoman";
  ASSERT_EQ(SetErrno(F(), name, value), 0);
  ASSERT_EQ(SetErrno(F(), "user.more", value), 0);
  mount_->Unmount();
  const Names stored = NamesOf(share_ + "/f.jcd");
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_TRUE(stored[0].starts_with(kSealed)) << stored[0];
  const std::string blob = Value(share_ + "/f.jcd", stored[0]);
  for (const std::string& secret : {name.substr(5), value}) {
    EXPECT_EQ(blob.find(secret), std::string::npos);
    EXPECT_FALSE(AnyFileContains(share_, secret));
  }
}

TEST_F(XattrTest, FollowTheRulesOfSettingAndRemoving) {
  Mount();
  WriteFile(F(), "content");
  EXPECT_EQ(GetErrno(F(), "user.a"), ENODATA);
  EXPECT_EQ(RemoveErrno(F(), "user.a"), ENODATA);
  EXPECT_EQ(SetErrno(F(), "user.a", "1", XATTR_REPLACE), ENODATA);
  EXPECT_EQ(SetErrno(F(), "user.a", "1", XATTR_CREATE), 0);
  EXPECT_EQ(SetErrno(F(), "user.a", "2", XATTR_CREATE), EEXIST);
  EXPECT_EQ(Value(F(), "user.a"), "1");
  EXPECT_EQ(SetErrno(F(), "user.a", "22", XATTR_REPLACE), 0);
  EXPECT_EQ(SetErrno(F(), "user.empty", ""), 0);
  EXPECT_EQ(SetErrno(F(), "user.", "x"), EINVAL);
  EXPECT_EQ(NamesOf(F()), (Names{"user.a", "user.empty"}));
  EXPECT_EQ(Value(F(), "user.empty"), "");
  char value[1], list[5];
  EXPECT_EQ(lgetxattr(F().c_str(), "user.a", value, sizeof value), -1);
  EXPECT_EQ(errno, ERANGE);
  EXPECT_EQ(llistxattr(F().c_str(), list, sizeof list), -1);
  EXPECT_EQ(errno, ERANGE);
  EXPECT_EQ(llistxattr(F().c_str(), nullptr, 0), 18);
  EXPECT_EQ(RemoveErrno(F(), "user.a"), 0);
  EXPECT_EQ(RemoveErrno(F(), "user.a"), ENODATA);
  EXPECT_EQ(RemoveErrno(F(), "user.empty"), 0);
  EXPECT_TRUE(NamesOf(F()).empty());
  EXPECT_TRUE(SealedOf("f.jcd").empty());
}

TEST_F(XattrTest, TheMountsOwnAreNeitherListedNorSet) {
  Make();
  EXPECT_EQ(SetErrno(F(), "user.jcd.label", "B#example.com"), EPERM);
  EXPECT_EQ(RemoveErrno(F(), "user.jcd.label"), EPERM);
  const std::string sealed = SealedOf("f.jcd").at(0);
  EXPECT_EQ(GetErrno(F(), sealed), ENODATA);
  EXPECT_EQ(SetErrno(F(), sealed, "x"), EPERM);
  EXPECT_EQ(RemoveErrno(F(), sealed), EPERM);
  // What the storage adds is none of the document's.
  ASSERT_EQ(SetErrno(Stored("f.jcd"), "user.planted", "by the storage"), 0);
  EXPECT_EQ(NamesOf(F()), Names{"user.comment"});
  EXPECT_EQ(GetErrno(F(), "user.planted"), ENODATA);
}

TEST_F(XattrTest, ThoseOfDirectoriesAreTheShares) {
  Mount();
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  ASSERT_EQ(SetErrno(*this / "d", "user.colour", "blue"), 0);
  EXPECT_EQ(Value(Stored("d"), "user.colour"), "blue");
  EXPECT_EQ(Value(*this / "d", "user.colour"), "blue");
  EXPECT_EQ(NamesOf(*this / "d"), Names{"user.colour"});
  EXPECT_EQ(RemoveErrno(*this / "d", "user.colour"), 0);
}

TEST_F(XattrTest, AHundredOfThemAreKept) {
  Mount();
  WriteFile(F(), "content");
  std::map<std::string, std::string> model;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "user." + std::to_string(i * 7919 % 100);
    model[name] = std::string(static_cast<size_t>(i % 5), static_cast<char>('a' + i % 26));
    ASSERT_EQ(SetErrno(F(), name, model[name]), 0) << i;
  }
  Mount();
  Names names;
  for (const auto& [name, value] : model) {
    names.push_back(name);
    EXPECT_EQ(Value(F(), name), value);
  }
  EXPECT_EQ(NamesOf(F()), names);
  EXPECT_EQ(SealedOf("f.jcd").size(), 1u);
  for (const auto& [name, value] : model) ASSERT_EQ(RemoveErrno(F(), name), 0);
  EXPECT_TRUE(NamesOf(F()).empty());
  EXPECT_EQ(ReadFile(F()), "content");
}

TEST_F(XattrTest, WhatIsTooLargeIsRefusedAndChangesNothing) {
  Make();
  EXPECT_EQ(SetErrno(F(), "user.large", std::string(65536, 'x')), E2BIG);
  const int refused = SetErrno(F(), "user.large", std::string(65450, 'x'));
  EXPECT_TRUE(refused == ENOSPC || refused == E2BIG) << refused;
  EXPECT_EQ(NamesOf(F()), Names{"user.comment"});
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
  EXPECT_EQ(SealedOf("f.jcd").size(), 1u);
}

TEST_F(XattrTest, TakeUpTo64KiBWhereTheShareHasRoom) {
  if (!ShareOn("tmpfs")) GTEST_SKIP() << "needs root, to mount file systems";
  if (SetErrno(share_, "user.probe", "1") != 0) GTEST_SKIP() << "tmpfs keeps no user attributes";
  Mount();
  WriteFile(F(), "content");
  const std::string large = RandomText(60'000, 1);
  ASSERT_EQ(SetErrno(F(), "user.large", large), 0);
  EXPECT_EQ(SetErrno(F(), "user.more", std::string(6'000, 'x')), ENOSPC);
  EXPECT_EQ(SetErrno(F(), "user.more", std::string(65'500, 'x')), E2BIG);
  ASSERT_EQ(SetErrno(F(), "user.more", std::string(5'000, 'x')), 0);
  WriteFile(F(), "other");
  Mount();
  EXPECT_TRUE(Value(F(), "user.large") == large);
  EXPECT_EQ(Value(F(), "user.more"), std::string(5'000, 'x'));
}

TEST_F(XattrTest, AShareThatKeepsNoneSaysSo) {
  if (!ShareOn("ramfs")) GTEST_SKIP() << "needs root, to mount file systems";
  Mount();
  WriteFile(F(), "content");
  const int answer = GetErrno(share_ + "/f.jcd", "user.a");
  EXPECT_EQ(answer, EOPNOTSUPP);
  EXPECT_EQ(GetErrno(F(), "user.a"), answer);
  EXPECT_EQ(SetErrno(F(), "user.a", "1"), EOPNOTSUPP);
  EXPECT_EQ(ListErrno(F()), ListErrno(share_ + "/f.jcd"));
  EXPECT_TRUE(NamesOf(F()).empty());
  WriteFile(F(), "other");
  Mount();
  EXPECT_EQ(ReadFile(F()), "other");
}

TEST_F(XattrTest, SettingOneLeavesTimeAndContentAsTheyAre) {
  Mount();
  WriteFile(F(), "content");
  const struct timespec times[2] = {{1'000'000'000, 5}, {1'000'000'001, 7}};
  ASSERT_EQ(utimensat(AT_FDCWD, F().c_str(), times, 0), 0);
  ASSERT_EQ(SetErrno(F(), "user.comment", "new"), 0);
  struct stat st;
  for (int look = 0; look < 2; ++look) {
    ASSERT_EQ(stat(F().c_str(), &st), 0);
    EXPECT_EQ(st.st_mtim.tv_sec, 1'000'000'001);
    EXPECT_EQ(st.st_mtim.tv_nsec, 7);
    EXPECT_EQ(ReadFile(F()), "content");
    Mount();  // the commit record is brought into place
  }
}

TEST_F(XattrTest, AnOpenDocumentThatIsBeingWrittenTakesThem) {
  Mount();
  UniqueFd fd = OpenFd(F(), O_RDWR | O_CREAT);
  ASSERT_EQ(write(fd.get(), "new", 3), 3);
  ASSERT_EQ(fsetxattr(fd.get(), "user.a", "1", 1, 0), 0);  // not committed yet
  ASSERT_EQ(fsetxattr(fd.get(), "user.b", "2", 1, 0), 0);
  EXPECT_EQ(Value(F(), "user.a"), "1");
  EXPECT_EQ(NamesOf(F()), (Names{"user.a", "user.b"}));
  ASSERT_EQ(fsync(fd.get()), 0);
  EXPECT_EQ(SealedOf("f.jcd").size(), 1u);
  ASSERT_EQ(pwrite(fd.get(), "old", 3, 3), 3);
  ASSERT_EQ(fremovexattr(fd.get(), "user.a"), 0);
  ASSERT_EQ(fsetxattr(fd.get(), "user.c", "3", 1, 0), 0);
  EXPECT_EQ(NamesOf(F()), (Names{"user.b", "user.c"}));
  fd.Reset();
  Mount();
  EXPECT_EQ(NamesOf(F()), (Names{"user.b", "user.c"}));
  EXPECT_EQ(Value(F(), "user.c"), "3");
  EXPECT_EQ(ReadFile(F()), "newold");
  EXPECT_EQ(SealedOf("f.jcd").size(), 1u);
}

TEST_F(XattrTest, ADocumentClosedAMomentAgoTakesThem) {
  Mount();
  for (int i = 0; i < 50; ++i) {
    const std::string path = *this / std::to_string(i);
    WriteFile(path, "content");
    ASSERT_EQ(SetErrno(path, "user.number", std::to_string(i)), 0);
  }
  Mount();
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Value(*this / std::to_string(i), "user.number"), std::to_string(i));
    EXPECT_EQ(ReadFile(*this / std::to_string(i)), "content");
  }
}

TEST_F(XattrTest, AnEmptyFileThatWasNeverWrittenBecomesADocument) {
  std::ofstream(share_ + "/f.jcd");
  Mount();
  EXPECT_TRUE(NamesOf(F()).empty());
  EXPECT_EQ(RemoveErrno(F(), "user.a"), ENODATA);
  EXPECT_EQ(stdfs::file_size(share_ + "/f.jcd"), 0u);
  ASSERT_EQ(SetErrno(F(), "user.a", "1"), 0);
  EXPECT_EQ(stdfs::file_size(Stored("f.jcd")), StoredLengthFromSize(0));
  Mount();
  EXPECT_EQ(Value(F(), "user.a"), "1");
  EXPECT_EQ(ReadFile(F()), "");
}

TEST_F(XattrTest, SurviveATruncationToNothing) {
  Make();
  WriteFile(F(), "other");  // O_TRUNC: another document in the same file
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
  ASSERT_EQ(truncate(F().c_str(), 0), 0);
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
  UniqueFd fd = OpenFd(F(), O_RDWR);
  ASSERT_EQ(write(fd.get(), "third", 5), 5);
  ASSERT_EQ(fsetxattr(fd.get(), "user.more", "2", 1, 0), 0);
  ASSERT_EQ(ftruncate(fd.get(), 0), 0);
  ASSERT_EQ(write(fd.get(), "fourth", 6), 6);
  fd.Reset();
  Mount();
  EXPECT_EQ(NamesOf(F()), (Names{"user.comment", "user.more"}));
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
  EXPECT_EQ(SealedOf("f.jcd").size(), 1u);
}

TEST_F(XattrTest, AsManyAsTheShareHasRoomForSurviveATruncation) {
  Mount();
  WriteFile(F(), "content");
  size_t size = 60'000;
  while (size > 100 && SetErrno(F(), "user.large", std::string(size, 'x')) != 0) size -= 97;
  EXPECT_GT(size, 1000u);
  WriteFile(F(), "other");
  EXPECT_EQ(Value(F(), "user.large"), std::string(size, 'x'));
  EXPECT_EQ(ReadFile(F()), "other");
}

TEST_F(XattrTest, WhoMayNotReadThemTruncatesThemAwayAndSaysSo) {
  Make();
  alice_->deny = true;
  WriteFile(F(), "from a drop box");
  EXPECT_NE(mount_->Log().find("loses its extended attributes"), std::string::npos);
  alice_->deny = false;
  Mount();
  EXPECT_EQ(ReadFile(F()), "from a drop box");
  EXPECT_TRUE(NamesOf(F()).empty());
  EXPECT_TRUE(SealedOf("f.jcd").empty());
}

TEST_F(XattrTest, AreThoseOfEveryNameOfADocument) {
  Make();
  ASSERT_EQ(link(F().c_str(), (*this / "g").c_str()), 0);
  EXPECT_EQ(Value(*this / "g", "user.comment"), "for the board");
  ASSERT_EQ(SetErrno(*this / "g", "user.comment", "changed"), 0);
  EXPECT_EQ(Value(F(), "user.comment"), "changed");
  ASSERT_EQ(rename(F().c_str(), (*this / "h").c_str()), 0);
  EXPECT_EQ(Value(*this / "h", "user.comment"), "changed");
}

TEST_F(XattrTest, NobodyIsAskedForAGrantWhereThereAreNone) {
  Mount();
  WriteFile(F(), "content");
  WriteFile(*this / "with records", std::string(100'000, 'x'));
  UniqueFd fd = OpenFd(*this / "with records", O_RDWR);
  ASSERT_EQ(pwrite(fd.get(), "y", 1, 0), 1);
  ASSERT_EQ(fsync(fd.get()), 0);
  kill(mount_->pid(), SIGKILL);  // or it would bring the record into place
  fd.Reset();
  mount_->Unmount();
  alice_->deny = true;
  Mount();
  EXPECT_FALSE(SizeFromStoredLength(stdfs::file_size(share_ + "/with records.jcd")));
  const int before = alice_->opens;
  for (const char* name : {"f", "with records"}) {
    EXPECT_EQ(GetErrno(*this / name, "user.DOSATTRIB"), ENODATA);
    EXPECT_EQ(ListErrno(*this / name), 0);
    EXPECT_TRUE(NamesOf(*this / name).empty());
  }
  EXPECT_EQ(alice_->opens, before);
}

TEST_F(XattrTest, WithoutAGrantTheyAreDenied) {
  Make();
  alice_->deny = true;
  EXPECT_EQ(GetErrno(F(), "user.comment"), EACCES);
  EXPECT_EQ(ListErrno(F()), EACCES);
  EXPECT_EQ(SetErrno(F(), "user.comment", "x"), EACCES);
  EXPECT_NE(Xattr(F(), "user.jcd.why"), "");
  alice_->deny = false;
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
}

TEST_F(XattrTest, ADropBoxSetsThemWhileItHasTheDocumentOpen) {
  Mount();
  alice_->deny = true;
  UniqueFd fd = OpenFd(F(), O_WRONLY | O_CREAT);
  ASSERT_EQ(write(fd.get(), "content", 7), 7);
  ASSERT_EQ(fsetxattr(fd.get(), "user.comment", "sealed", 6, 0), 0);
  fd.Reset();
  usleep(100'000);  // the kernel tells of it after close has returned
  EXPECT_EQ(GetErrno(F(), "user.comment"), EACCES);
  EXPECT_EQ(SetErrno(F(), "user.comment", "x"), EACCES);
  alice_->deny = false;
  EXPECT_EQ(Value(F(), "user.comment"), "sealed");
}

TEST_F(XattrTest, AreChangedUnderTheNextLease) {
  alice_->lease_ms = 300;
  Make();
  UniqueFd fd = OpenFd(F(), O_RDWR);
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
  usleep(700'000);
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
  usleep(700'000);
  EXPECT_EQ(SetErrno(F(), "user.comment", "again"), 0);
  alice_->deny = true;
  usleep(700'000);
  EXPECT_EQ(GetErrno(F(), "user.comment"), EACCES);
}

TEST_F(XattrTest, WhoMayNotWriteSetsNone) {
  Make();
  alice_->may_write = false;
  EXPECT_EQ(SetErrno(F(), "user.comment", "x"), EACCES);
  EXPECT_EQ(SetErrno(F(), "user.new", "x"), EACCES);
  EXPECT_EQ(RemoveErrno(F(), "user.comment"), EACCES);
  EXPECT_EQ(RemoveErrno(F(), "user.jcd.attributes"), EACCES);
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
}

TEST_F(XattrTest, AreSeenInAnotherMountAtTheNextAccess) {
  Make();
  FakeAccess bob(labels_, "bob@example.net");
  TestMount other(share_, dir_.Make("other"), bob);
  for (int round = 0; round < 5; ++round) {
    const std::string text = std::to_string(round);
    ASSERT_EQ(SetErrno(F(), "user.mine", text), 0);
    EXPECT_EQ(Value(other / "f", "user.mine"), text);
    ASSERT_EQ(SetErrno(other / "f", "user.theirs", text), 0);
    EXPECT_EQ(Value(F(), "user.theirs"), text);
    EXPECT_EQ(NamesOf(F()), (Names{"user.comment", "user.mine", "user.theirs"}));
  }
  EXPECT_EQ(Xattr(F(), "user.jcd.signer"), "bob@example.net");
  EXPECT_EQ(SealedOf("f.jcd").size(), 1u);
}

// Asking for attributes is no opening: what another mount wrote in between is still seen by it.
TEST_F(XattrTest, AskingForThemDoesNotHideAnothersChange) {
  Make();
  FakeAccess bob(labels_, "bob@example.net");
  TestMount other(share_, dir_.Make("other"), bob);
  const struct timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, F().c_str(), times, 0), 0);
  for (const char* name : {"user.comment", "user.jcd.signer"}) {
    for (const char* content : {"changed", "content"}) {  // of the same length
      ReadFile(other / "f");
      UniqueFd fd = OpenFd(F(), O_RDWR);
      ASSERT_EQ(pwrite(fd.get(), content, 7, 0), 7);
      fd.Reset();
      ASSERT_EQ(utimensat(AT_FDCWD, F().c_str(), times, 0), 0);
      ASSERT_EQ(GetErrno(other / "f", name), 0);
      EXPECT_EQ(ReadFile(other / "f"), content) << name;
    }
  }
}

TEST_F(XattrTest, NoneIsLostUnderManyHands) {
  Make();
  FakeAccess bob(labels_, "bob@example.net");
  TestMount other(share_, dir_.Make("other"), bob);
  constexpr int kRounds = 12;
  const auto hand = [](const std::string& path, const std::string& name) {
    for (int round = 0; round < kRounds; ++round) {
      ASSERT_EQ(SetErrno(path, name, std::to_string(round)), 0) << name;
      ASSERT_EQ(Value(path, name), std::to_string(round)) << name;
      ASSERT_EQ(Value(path, "user.comment"), "for the board");
    }
  };
  std::vector<std::thread> hands;
  for (const char* name : {"user.a", "user.b"}) {
    hands.emplace_back(hand, F(), name);
    hands.emplace_back(hand, other / "f", std::string(name) + ".other");
  }
  hands.emplace_back([this] {
    for (int round = 0; round < kRounds; ++round) AppendFile(F(), "!");
  });
  hands.emplace_back([&other] {
    for (int round = 0; round < kRounds; ++round) WriteFile(other / "f", "anew");
  });
  for (std::thread& thread : hands) thread.join();
  const std::string last = std::to_string(kRounds - 1);
  for (const char* name : {"user.a", "user.b", "user.a.other", "user.b.other"}) {
    EXPECT_EQ(Value(F(), name), last);
  }
  EXPECT_EQ(NamesOf(F()).size(), 5u);
  EXPECT_EQ(ReadFile(F()).substr(0, 4), "anew");
  EXPECT_EQ(SealedOf("f.jcd").size(), 1u);
  if (HasFailure()) ADD_FAILURE() << mount_->Log() << other.Log();
}

TEST_F(XattrTest, SavingByRenameUnderAnotherLabelTakesThemAlong) {
  MountSettings under_b;
  under_b.label = "B#example.com";
  Mount(std::move(under_b));
  WriteFile(F(), "old");
  Mount();
  WriteFile(*this / "new", "new");
  ASSERT_EQ(SetErrno(*this / "new", "user.comment", "for the board"), 0);
  ASSERT_EQ(rename((*this / "new").c_str(), F().c_str()), 0);
  Mount();
  EXPECT_EQ(ReadFile(F()), "new");
  EXPECT_EQ(Xattr(F(), "user.jcd.label"), "B#example.com");
  EXPECT_EQ(Value(F(), "user.comment"), "for the board");
}

// A copier that found the mount's own among them would try to set it, and fail.
TEST_F(XattrTest, ProgramsThatCopyAllOfThemDoNotMeetTheMountsOwn) {
  for (const char* program : {"cp", "tar", "rsync"}) {
    if (!Has(program)) GTEST_SKIP() << "no " << program;
  }
  Mount();
  ASSERT_EQ(mkdir((*this / "from").c_str(), 0755), 0);
  WriteFile(*this / "from/f", "content");
  ASSERT_EQ(Xattr(*this / "from", "user.jcd.label"), "A#example.com");
  ASSERT_EQ(Xattr(*this / "from/f", "user.jcd.label"), "A#example.com");
  const std::string from = *this / "from", to = dir_.Make("outside");
  ASSERT_EQ(Shell("cp -a --preserve=all,xattr " + from + " " + to + "/cp"), 0);
  ASSERT_EQ(Shell("rsync -aX " + from + "/ " + to + "/rsync"), 0);
  ASSERT_EQ(Shell("mkdir " + to + "/tar && tar -C " + from + " --xattrs -cf - . | tar -C " + to +
                  "/tar --xattrs --xattrs-include='*' -xf -"),
            0);
  for (const char* copy : {"/cp", "/cp/f", "/rsync", "/rsync/f", "/tar", "/tar/f"}) {
    EXPECT_EQ(NamesOf(to + copy), Names{}) << copy;
    EXPECT_EQ(GetErrno(to + copy, "user.jcd.label"), ENODATA) << copy;
  }
}

TEST_F(XattrTest, ProgramsCopyThem) {
  for (const char* program : {"cp", "tar", "rsync", "setfattr", "getfattr"}) {
    if (!Has(program)) GTEST_SKIP() << "no " << program;
  }
  Mount();
  ASSERT_EQ(mkdir((*this / "from").c_str(), 0755), 0);
  const std::string file = *this / "from/f";
  WriteFile(file, "content");
  ASSERT_EQ(Shell("setfattr -n user.comment -v 'for the board' " + file), 0);
  ASSERT_EQ(Shell("setfattr -n user.binary -v 0x00ff0a " + file), 0);
  const struct timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  const std::string root = mountpoint_;
  ASSERT_EQ(Shell("cp -a --preserve=all,xattr " + root + "/from " + root + "/cp"), 0);
  ASSERT_EQ(Shell("rsync -aX " + root + "/from/ " + root + "/rsync"), 0);
  ASSERT_EQ(Shell("mkdir " + root + "/tar && tar -C " + root + "/from --xattrs -cf - . | tar -C " +
                  root + "/tar --xattrs --xattrs-include='user.*' -xf -"),
            0);
  Mount();
  for (const char* copy : {"cp/f", "rsync/f", "tar/f"}) {
    const std::string path = *this / copy;
    EXPECT_EQ(ReadFile(path), "content") << copy;
    EXPECT_EQ(NamesOf(path), (Names{"user.binary", "user.comment"})) << copy;
    EXPECT_EQ(Value(path, "user.comment"), "for the board") << copy;
    EXPECT_EQ(Value(path, "user.binary"), std::string("\0\xff\n", 3)) << copy;
    struct stat st;
    ASSERT_EQ(stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mtim.tv_sec, 1'000'000'000) << copy;
    EXPECT_EQ(Shell("getfattr -d " + path + " | grep -q 'user.comment=\"for the board\"'"), 0);
  }
}

}  // namespace
}  // namespace recrypt
