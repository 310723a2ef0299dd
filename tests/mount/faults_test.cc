// Damage, full disks, read-only shares: a clear error, and what was stored before is intact.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <system_error>

#include "daemon/mount/mount.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

class Faults : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (!IsSkipped() && geteuid() != 0) GTEST_SKIP() << "needs root, to mount file systems";
  }
  void TearDown() override {
    mount_.reset();
    for (const std::string& point : mounted_) umount2(point.c_str(), MNT_DETACH);
  }
  // A share on a file system of its own, of `kib` KiB.
  void SmallShare(int kib) {
    const std::string options = "mode=0755,size=" + std::to_string(kib) + "k";
    ASSERT_EQ(::mount("tmpfs", share_.c_str(), "tmpfs", 0, options.c_str()), 0);
    mounted_.push_back(share_);
  }
  void Flip(const std::string& stored, uint64_t at) {
    std::fstream file(Stored(stored), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x20);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  static int ErrnoOfWriting(const std::string& path, std::string_view content) {
    try {
      WriteFile(path, content);
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }
  static int ErrnoOfReading(const std::string& path) {
    try {
      ReadFile(path);
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }

  std::vector<std::string> mounted_;
};

TEST_F(Faults, ADamagedBlockIsEioAndTheOthersAreNot) {
  Mount();
  WriteFile(*this / "f", std::string(40'000, 'x'));
  Mount();
  Flip("f.jcd", 2304 + 3 * 4096 + 17);
  UniqueFd fd = OpenFd(*this / "f", O_RDONLY | O_DIRECT);
  alignas(4096) char block[4096];
  EXPECT_EQ(pread(fd.get(), block, sizeof block, 0), 4096);
  EXPECT_EQ(pread(fd.get(), block, sizeof block, 3 * 4096), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(pread(fd.get(), block, sizeof block, 4 * 4096), 4096);
  EXPECT_NE(mount_->Log().find("damaged"), std::string::npos);
  EXPECT_NE(Xattr(*this / "f", "user.jcd.why"), "");
}

TEST_F(Faults, ADamagedHeaderOrTrailerIsEioAtOpen) {
  Mount();
  for (const char* name : {"header", "trailer", "cut", "garbage"}) {
    WriteFile(*this / name, std::string(10'000, 'x'));
  }
  mount_.reset();
  const uint64_t length = stdfs::file_size(Stored("cut.jcd"));
  Flip("header.jcd", 40);
  Flip("trailer.jcd", length - 300);
  stdfs::resize_file(Stored("cut.jcd"), length - 41);
  std::ofstream(Stored("garbage.jcd")) << RandomText(5'000, 3);
  Mount();
  for (const char* name : {"header", "trailer", "cut", "garbage"}) {
    EXPECT_EQ(OpenErrno(*this / name, O_RDONLY), EIO) << name;
    EXPECT_EQ(unlink((*this / name).c_str()), 0);
  }
}

TEST_F(Faults, AnotherDocumentsTrailerIsEio) {
  Mount();
  WriteFile(*this / "a", std::string(10'000, 'a'));
  WriteFile(*this / "b", std::string(10'000, 'b'));
  mount_.reset();
  const auto length = static_cast<std::streamoff>(stdfs::file_size(Stored("a.jcd")));
  std::string trailer(640, '\0');
  std::ifstream from(Stored("a.jcd"), std::ios::binary);
  from.seekg(length - 640);
  from.read(trailer.data(), 640);
  std::fstream to(Stored("b.jcd"), std::ios::in | std::ios::out | std::ios::binary);
  to.seekp(length - 640);
  to.write(trailer.data(), 640);
  to.close();
  Mount();
  EXPECT_EQ(OpenErrno(*this / "b", O_RDONLY), EIO);
  EXPECT_EQ(ReadFile(*this / "a"), std::string(10'000, 'a'));
}

// Each of these opens neither for reading nor for writing, says why, and is left as it is.
TEST_F(Faults, WhatIsRefusedSaysWhyAndStaysAsItIs) {
  const size_t header = 2304, trailer = 656;
  using Change = std::function<std::string(std::string stored, const std::string& other)>;
  const std::map<std::string, Change> changes = {
      {"cut", [](auto stored, auto&) { return stored.substr(0, stored.size() - 1); }},
      {"cut-to-a-size", [](auto stored, auto&) { return stored.substr(0, 7100); }},
      {"garbage-header",
       [=](auto stored, auto&) { return RandomText(header, 1) + stored.substr(header); }},
      {"no-json-header",
       [=](auto stored, auto&) { return "[{\"jcd\":1,\"jwe\":{}}" + stored.substr(21); }},
      {"anothers-header",
       [=](auto stored, auto& other) { return other.substr(0, header) + stored.substr(header); }},
      {"anothers-trailer",
       [=](auto stored, auto& other) {
         return stored.substr(0, stored.size() - trailer) + other.substr(other.size() - trailer);
       }},
      {"anothers-body",
       [=](auto stored, auto& other) { return stored.substr(0, header) + other.substr(header); }},
      {"flipped-trailer",
       [=](auto stored, auto&) {
         stored[stored.size() - 100] ^= 1;
         return stored;
       }},
  };
  Mount();
  WriteFile(*this / "other", std::string(20'000, 'o'));
  for (const auto& [name, change] : changes) WriteFile(*this / name, std::string(20'000, 'x'));
  mount_.reset();
  const std::string other = ReadFile(Stored("other.jcd"));
  std::map<std::string, std::string> damaged;
  for (const auto& [name, change] : changes) {
    damaged[name] = change(ReadFile(Stored(name + ".jcd")), other);
    WriteFile(Stored(name + ".jcd"), damaged[name]);
  }
  Mount();
  for (const auto& [name, bytes] : damaged) {
    SCOPED_TRACE(name);
    EXPECT_EQ(OpenErrno(*this / name, O_RDONLY), EIO);
    EXPECT_NE(Xattr(*this / name, "user.jcd.why"), "");
    EXPECT_EQ(OpenErrno(*this / name, O_RDWR), EIO);
    EXPECT_EQ(OpenErrno(*this / name, O_WRONLY | O_APPEND), EIO);
    EXPECT_EQ(truncate((*this / name).c_str(), 100), -1);
    EXPECT_EQ(errno, EIO);
  }
  EXPECT_EQ(ReadFile(*this / "other"), std::string(20'000, 'o'));
  mount_.reset();
  for (const auto& [name, bytes] : damaged) {
    EXPECT_TRUE(ReadFile(Stored(name + ".jcd")) == bytes) << name;
  }
}

// Part of a damaged block cannot be replaced: the rest of it would become good.
TEST_F(Faults, AWriteDoesNotMakeADamagedBlockGood) {
  Mount();
  WriteFile(*this / "flipped", std::string(40'000, 'x'));
  WriteFile(*this / "swapped", std::string(20'000, 'y') + std::string(20'000, 'z'));
  mount_.reset();
  Flip("flipped.jcd", 2304 + 3 * 4096 + 17);
  std::string stored = ReadFile(Stored("swapped.jcd"));
  std::swap_ranges(stored.begin() + 2304 + 3 * 4096, stored.begin() + 2304 + 4 * 4096,
                   stored.begin() + 2304 + 7 * 4096);
  WriteFile(Stored("swapped.jcd"), stored);
  Mount();
  for (const char* name : {"flipped", "swapped"}) {
    SCOPED_TRACE(name);
    const std::string before = ReadFile(Stored(std::string(name) + ".jcd"));
    UniqueFd fd = OpenFd(*this / name, O_RDWR);
    const bool failed = pwrite(fd.get(), "new", 3, 3 * 4096 + 10) == -1 || fsync(fd.get()) == -1;
    EXPECT_TRUE(failed);
    EXPECT_EQ(errno, EIO);
    char byte;
    EXPECT_EQ(pread(fd.get(), &byte, 1, 3 * 4096), -1);
    EXPECT_EQ(pread(fd.get(), &byte, 1, 4 * 4096), 1);
    fd.Reset();
    EXPECT_TRUE(ReadFile(Stored(std::string(name) + ".jcd")) == before);
  }
}

TEST_F(Faults, AStoredFileOfLengthZeroIsEmptyAndLogged) {
  Mount();
  WriteFile(*this / "f", "content");
  mount_.reset();
  stdfs::resize_file(Stored("f.jcd"), 0);
  Mount();
  EXPECT_EQ(ReadFile(*this / "f"), "");
  EXPECT_NE(mount_->Log().find("\"f.jcd\""), std::string::npos);
  AppendFile(*this / "f", "written again");
  EXPECT_EQ(ReadFile(*this / "f"), "written again");
  EXPECT_EQ(Xattr(*this / "f", "user.jcd.label"), "A#example.com");
}

TEST_F(Faults, AFullDiskIsReportedAndLosesNothing) {
  SmallShare(2048);
  Mount();
  WriteFile(*this / "before", std::string(100'000, 'b'));
  UniqueFd grown = OpenFd(*this / "grown", O_RDWR | O_CREAT);
  ASSERT_EQ(write(grown.get(), "small", 5), 5);
  ASSERT_EQ(fsync(grown.get()), 0);
  EXPECT_EQ(ErrnoOfWriting(*this / "large", std::string(4'000'000, 'l')), ENOSPC);
  // Small enough to be held in memory: then it is closing that says so.
  std::string filler(static_cast<size_t>(1'800'000), 'f');
  while (ErrnoOfWriting(*this / "filler", filler) == ENOSPC) filler.resize(filler.size() - 100'000);
  EXPECT_EQ(ErrnoOfWriting(*this / "late", std::string(400'000, 'l')), ENOSPC);
  ASSERT_EQ(pwrite(grown.get(), filler.data(), 400'000, 0), 400'000);
  EXPECT_EQ(fsync(grown.get()), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(close(grown.Release()), -1);
  EXPECT_EQ(ReadFile(*this / "before"), std::string(100'000, 'b'));
  ASSERT_EQ(unlink((*this / "filler").c_str()), 0);
  Mount();
  EXPECT_EQ(ReadFile(*this / "before"), std::string(100'000, 'b'));
  EXPECT_EQ(ReadFile(*this / "grown"), "small");
  EXPECT_EQ(ErrnoOfWriting(*this / "after", std::string(400'000, 'l')), 0);
}

TEST_F(Faults, ClosingASmallNewFileSaysThatTheDiskIsFull) {
  SmallShare(2048);
  Mount();
  const std::string content = RandomText(4096, 8);
  int made = 0;
  while (ErrnoOfWriting(*this / std::to_string(made), content) == 0) ++made;
  EXPECT_GT(made, 200);
  EXPECT_EQ(ErrnoOfWriting(*this / "another", content), ENOSPC);
  Mount();
  for (int i = 0; i < made; ++i) {
    EXPECT_TRUE(ReadFile(*this / std::to_string(i)) == content) << i;
  }
}

TEST_F(Faults, SpaceThatComesBackLetsTheWriteSucceed) {
  SmallShare(2048);
  Mount();
  WriteFile(*this / "filler", std::string(1'800'000, 'f'));
  UniqueFd fd = OpenFd(*this / "f", O_RDWR | O_CREAT);
  const std::string content(450'000, 'c');
  ASSERT_EQ(write(fd.get(), content.data(), content.size()), 450'000);
  EXPECT_EQ(fsync(fd.get()), -1);
  EXPECT_EQ(errno, ENOSPC);
  ASSERT_EQ(unlink((*this / "filler").c_str()), 0);
  // The kernel lets go of an unlinked file a moment later.
  int result = -1;
  for (int i = 0; i < 100 && (result = fsync(fd.get())) != 0; ++i) usleep(20'000);
  EXPECT_EQ(result, 0) << errno;
  fd.Reset();
  EXPECT_TRUE(ReadFile(*this / "f") == content);
}

TEST_F(Faults, AReadOnlyShareIsReadable) {
  Mount();
  WriteFile(*this / "f", "readable");
  mount_.reset();
  ASSERT_EQ(::mount(share_.c_str(), share_.c_str(), nullptr, MS_BIND, nullptr), 0);
  mounted_.push_back(share_);
  ASSERT_EQ(::mount(nullptr, share_.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr),
            0);
  Mount();
  EXPECT_EQ(ReadFile(*this / "f"), "readable");
  EXPECT_EQ(OpenErrno(*this / "f", O_RDWR), EROFS);
  EXPECT_EQ(OpenErrno(*this / "f", O_WRONLY | O_TRUNC), EROFS);
  EXPECT_EQ(OpenErrno(*this / "new", O_WRONLY | O_CREAT), EROFS);
  EXPECT_EQ(unlink((*this / "f").c_str()), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(ReadFile(*this / "f"), "readable");
}

TEST_F(Faults, ASymbolicLinkInPlaceOfADocumentLeadsNowhere) {
  WriteFile(dir_.path() / "outside", "not in the share");
  ASSERT_EQ(symlink((dir_.path() / "outside").c_str(), Stored("f.jcd").c_str()), 0);
  Mount();
  EXPECT_EQ(OpenErrno(*this / "f", O_RDONLY), ENOENT);
  EXPECT_EQ(stdfs::read_symlink(*this / "f.jcd"), dir_.path() / "outside");
}

using Process = Faults;

TEST_F(Process, ASignalEndsItWithEverythingCommitted) {
  Mount();
  WriteFile(*this / "f", std::string(300'000, 'a'));
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  UniqueFd created = OpenFd(*this / "created", O_RDWR | O_CREAT);
  ASSERT_EQ(pwrite(fd.get(), "dirty", 5, 100'000), 5);
  ASSERT_EQ(write(created.get(), "too", 3), 3);
  ASSERT_EQ(kill(mount_->pid(), SIGTERM), 0);
  EXPECT_EQ(mount_->Wait(), 0);
  EXPECT_EQ(stdfs::file_size(Stored("f.jcd")), StoredLengthFromSize(300'000));  // applied, too
  fd.Reset();
  created.Reset();
  Mount();
  EXPECT_EQ(ReadFile(*this / "f").substr(99'999, 7), "adirtya");
  EXPECT_EQ(ReadFile(*this / "created"), "too");
}

TEST_F(Process, WritesBackByItself) {
  Mount();
  UniqueFd fd = OpenFd(*this / "f", O_RDWR | O_CREAT);
  ASSERT_EQ(write(fd.get(), "dirty", 5), 5);
  for (int i = 0; i < 80 && stdfs::file_size(Stored("f.jcd")) == 0; ++i) usleep(100'000);
  kill(mount_->pid(), SIGKILL);
  mount_->Wait();
  umount2(mountpoint_.c_str(), MNT_DETACH);
  fd.Reset();
  Mount();
  EXPECT_EQ(ReadFile(*this / "f"), "dirty");
}

TEST_F(Process, WhatWasSyncedSurvivesBeingKilled) {
  Mount();
  std::string model(1'000'000, 'a');
  WriteFile(*this / "f", model);
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  for (int i = 0; i < 20; ++i) {
    const size_t at = static_cast<size_t>(i) * 47'111;
    ASSERT_EQ(pwrite(fd.get(), "synced", 6, static_cast<off_t>(at)), 6);
    model.replace(at, 6, "synced");
    ASSERT_EQ(fsync(fd.get()), 0);
  }
  kill(mount_->pid(), SIGKILL);
  mount_->Wait();
  umount2(mountpoint_.c_str(), MNT_DETACH);
  fd.Reset();
  Mount();
  EXPECT_TRUE(ReadFile(*this / "f") == model);
}

TEST_F(Process, AFileClosedJustBeforeItIsKilledIsWholeOrEmpty) {
  Mount();
  const auto write_files = [&](const std::string& prefix) {
    for (int i = 0; i < 40; ++i) {
      WriteFile(*this / (prefix + std::to_string(i)), prefix + std::to_string(i));
    }
  };
  write_files("early");
  usleep(200'000);
  write_files("late");
  kill(mount_->pid(), SIGKILL);
  mount_->Wait();
  umount2(mountpoint_.c_str(), MNT_DETACH);
  Mount();
  for (int i = 0; i < 40; ++i) {
    const std::string early = "early" + std::to_string(i);
    EXPECT_EQ(ReadFile(*this / early), early);
    const std::string late = "late" + std::to_string(i);
    const std::string found = ReadFile(*this / late);
    EXPECT_TRUE(found.empty() || found == late) << late << ": " << found;
  }
}

TEST_F(Process, RefusesWhatCannotBeMounted) {
  auto why = [](const std::string& share, const std::string& point) {
    Status checked = CheckMount(share, point);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_EQ(why(share_, mountpoint_), "");
  std::ofstream(mountpoint_ + "/file") << "x";
  EXPECT_NE(why(share_, mountpoint_).find("is not empty"), std::string::npos);
  stdfs::remove(mountpoint_ + "/file");
  EXPECT_NE(why(share_ + "/nothing", mountpoint_).find("does not exist"), std::string::npos);
  EXPECT_NE(why(share_, mountpoint_ + "/nothing").find("does not exist"), std::string::npos);
  EXPECT_NE(why("/proc/self/status", mountpoint_).find("not a directory"), std::string::npos);
  stdfs::create_directory(share_ + "/inside");
  EXPECT_NE(why(share_, share_ + "/inside").find("lies in the share"), std::string::npos);
  EXPECT_NE(why(share_ + "/inside", share_).find("lies in the mountpoint"), std::string::npos);
  EXPECT_NE(why(share_, share_).find("lies in"), std::string::npos);
  Mount();
  EXPECT_NE(why(share_, mountpoint_).find("is mounted on"), std::string::npos);
  kill(mount_->pid(), SIGKILL);
  mount_->Wait();
  EXPECT_NE(why(share_, mountpoint_).find("fusermount3 -u"), std::string::npos);
  umount2(mountpoint_.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace recrypt
