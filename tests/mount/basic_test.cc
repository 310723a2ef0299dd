// What programs do with files, and what of it lies on the share.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

using Basic = MountTest;

TEST_F(Basic, ReadsWhatWasWrittenAndStoresOnlyDocuments) {
  Mount();
  const std::string secret = "the quarterly figures are not for everybody";
  WriteFile(*this / "report.txt", secret);
  EXPECT_EQ(ReadFile(*this / "report.txt"), secret);
  EXPECT_EQ(List(mountpoint_), std::vector<std::string>{"report.txt"});
  EXPECT_EQ(List(share_), std::vector<std::string>{"report.txt.jcd"});
  EXPECT_FALSE(AnyFileContains(share_, "quarterly"));
  EXPECT_EQ(stdfs::file_size(*this / "report.txt"), secret.size());
  EXPECT_EQ(stdfs::file_size(Stored("report.txt.jcd")), StoredLengthFromSize(secret.size()));
}

TEST_F(Basic, AnotherMountReadsIt) {
  const std::string content = RandomText(3'000'000, 1);
  Mount();
  WriteFile(*this / "big", content);
  Mount();
  EXPECT_EQ(stdfs::file_size(*this / "big"), content.size());
  EXPECT_TRUE(ReadFile(*this / "big") == content);
}

TEST_F(Basic, SizesAroundBlocksAndGroups) {
  Mount();
  const std::vector<size_t> sizes = {0, 1, 4095, 4096, 4097, 524287, 524288, 524289, 1048577};
  for (size_t size : sizes) WriteFile(*this / std::to_string(size), RandomText(size, size));
  Mount();
  for (size_t size : sizes) {
    const std::string name = *this / std::to_string(size);
    EXPECT_EQ(stdfs::file_size(name), size);
    EXPECT_TRUE(ReadFile(name) == RandomText(size, size)) << size;
  }
}

TEST_F(Basic, AnEmptyFileIsASignedDocument) {
  Mount();
  WriteFile(*this / "empty", "");
  EXPECT_EQ(stdfs::file_size(Stored("empty.jcd")), StoredLengthFromSize(0));
  Mount();
  EXPECT_EQ(ReadFile(*this / "empty"), "");
  EXPECT_EQ(Xattr(*this / "empty", "user.jcd.signer"), "alice@example.com");
}

TEST_F(Basic, OverwritesAppendsAndTruncates) {
  Mount();
  const std::string path = *this / "f";
  WriteFile(path, "hello world");
  AppendFile(path, ", again");
  EXPECT_EQ(ReadFile(path), "hello world, again");
  {
    UniqueFd fd = OpenFd(path, O_RDWR);
    EXPECT_EQ(pwrite(fd.get(), "HELLO", 5, 0), 5);
    EXPECT_EQ(ftruncate(fd.get(), 11), 0);
  }
  EXPECT_EQ(ReadFile(path), "HELLO world");
  EXPECT_EQ(truncate(path.c_str(), 5), 0);
  EXPECT_EQ(ReadFile(path), "HELLO");
  EXPECT_EQ(truncate(path.c_str(), 8), 0);
  EXPECT_EQ(ReadFile(path), std::string("HELLO\0\0\0", 8));
  WriteFile(path, "new");
  EXPECT_EQ(ReadFile(path), "new");
  EXPECT_EQ(truncate(path.c_str(), 0), 0);
  EXPECT_EQ(ReadFile(path), "");
  Mount();
  EXPECT_EQ(ReadFile(path), "");
}

TEST_F(Basic, ReadsItsOwnUncommittedWrites) {
  Mount();
  UniqueFd writer = OpenFd(*this / "f", O_RDWR | O_CREAT);
  ASSERT_EQ(write(writer.get(), "abc", 3), 3);
  struct stat st;
  ASSERT_EQ(stat((*this / "f").c_str(), &st), 0);
  EXPECT_EQ(st.st_size, 3);
  EXPECT_EQ(ReadFile(*this / "f"), "abc");
}

TEST_F(Basic, RenamesReplacesAndExchanges) {
  Mount();
  WriteFile(*this / "a", "aaa");
  WriteFile(*this / "b", "bbb");
  ASSERT_EQ(rename((*this / "a").c_str(), (*this / "c").c_str()), 0);
  EXPECT_EQ(OpenErrno(*this / "a", O_RDONLY), ENOENT);
  EXPECT_EQ(ReadFile(*this / "c"), "aaa");
  ASSERT_EQ(rename((*this / "c").c_str(), (*this / "b").c_str()), 0);
  EXPECT_EQ(ReadFile(*this / "b"), "aaa");
  WriteFile(*this / "d", "ddd");
  EXPECT_EQ(renameat2(AT_FDCWD, (*this / "d").c_str(), AT_FDCWD, (*this / "b").c_str(), 1), -1);
  EXPECT_EQ(errno, EEXIST);  // RENAME_NOREPLACE
  ASSERT_EQ(renameat2(AT_FDCWD, (*this / "d").c_str(), AT_FDCWD, (*this / "b").c_str(), 2), 0);
  EXPECT_EQ(ReadFile(*this / "d"), "aaa");  // RENAME_EXCHANGE
  EXPECT_EQ(ReadFile(*this / "b"), "ddd");
  EXPECT_EQ(List(share_), (std::vector<std::string>{"b.jcd", "d.jcd"}));
}

TEST_F(Basic, ARenameOverAnotherKindLeavesOneName) {
  Mount();
  WriteFile(*this / "document", "text");
  ASSERT_EQ(symlink("document", (*this / "link").c_str()), 0);
  ASSERT_EQ(mkdir((*this / "dir").c_str(), 0755), 0);
  EXPECT_EQ(rename((*this / "document").c_str(), (*this / "dir").c_str()), -1);
  EXPECT_EQ(errno, EISDIR);
  EXPECT_EQ(rename((*this / "dir").c_str(), (*this / "document").c_str()), -1);
  EXPECT_EQ(errno, ENOTDIR);
  ASSERT_EQ(rename((*this / "document").c_str(), (*this / "link").c_str()), 0);
  EXPECT_EQ(List(mountpoint_), (std::vector<std::string>{"dir", "link"}));
  EXPECT_EQ(ReadFile(*this / "link"), "text");
  ASSERT_EQ(symlink("nowhere", (*this / "other").c_str()), 0);
  ASSERT_EQ(rename((*this / "other").c_str(), (*this / "link").c_str()), 0);
  EXPECT_EQ(stdfs::read_symlink(*this / "link"), "nowhere");
  EXPECT_EQ(List(share_), (std::vector<std::string>{"dir", "link"}));
}

TEST_F(Basic, SavesByRenameWhileTheOldIsOpen) {
  Mount();
  WriteFile(*this / "f", "old");
  UniqueFd old = OpenFd(*this / "f", O_RDONLY);
  UniqueFd fresh = OpenFd(*this / "f.tmp", O_RDWR | O_CREAT | O_EXCL);
  ASSERT_EQ(write(fresh.get(), "new", 3), 3);
  ASSERT_EQ(fsync(fresh.get()), 0);
  ASSERT_EQ(rename((*this / "f.tmp").c_str(), (*this / "f").c_str()), 0);
  EXPECT_EQ(ReadFile(*this / "f"), "new");
  EXPECT_EQ(ReadAll(old.get()), "old");
  ASSERT_EQ(pwrite(fresh.get(), "NEW", 3, 0), 3);
  ASSERT_EQ(fsync(fresh.get()), 0);
  EXPECT_EQ(ReadFile(*this / "f"), "NEW");
}

TEST_F(Basic, AnUnlinkedFileStaysUsableWhileOpen) {
  Mount();
  UniqueFd fd = OpenFd(*this / "f", O_RDWR | O_CREAT);
  ASSERT_EQ(unlink((*this / "f").c_str()), 0);
  ASSERT_EQ(write(fd.get(), "still here", 10), 10);
  ASSERT_EQ(fsync(fd.get()), 0);
  struct stat st;
  ASSERT_EQ(fstat(fd.get(), &st), 0);
  EXPECT_EQ(st.st_nlink, 0u);
  EXPECT_EQ(st.st_size, 10);
  ASSERT_EQ(lseek(fd.get(), 0, SEEK_SET), 0);
  EXPECT_EQ(ReadAll(fd.get()), "still here");
  EXPECT_TRUE(List(share_).empty());
}

TEST_F(Basic, HardLinksAreOneDocument) {
  Mount();
  WriteFile(*this / "a", "one");
  ASSERT_EQ(link((*this / "a").c_str(), (*this / "b").c_str()), 0);
  AppendFile(*this / "b", " two");
  EXPECT_EQ(ReadFile(*this / "a"), "one two");
  struct stat a, b;
  ASSERT_EQ(stat((*this / "a").c_str(), &a), 0);
  ASSERT_EQ(stat((*this / "b").c_str(), &b), 0);
  EXPECT_EQ(a.st_ino, b.st_ino);
  EXPECT_EQ(a.st_nlink, 2u);
  EXPECT_EQ(List(share_), (std::vector<std::string>{"a.jcd", "b.jcd"}));
}

TEST_F(Basic, LinksDirectoriesAndFifosKeepTheirNames) {
  Mount();
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0750), 0);
  ASSERT_EQ(mkdir((*this / "d/x.jcd").c_str(), 0700), 0);
  ASSERT_EQ(symlink("d/f", (*this / "s").c_str()), 0);
  ASSERT_EQ(mkfifo((*this / "p").c_str(), 0600), 0);
  WriteFile(*this / "d/f", "through the link");
  EXPECT_EQ(ReadFile(*this / "s"), "through the link");
  EXPECT_EQ(List(share_), (std::vector<std::string>{"d", "p", "s"}));
  EXPECT_EQ(List(Stored("d")), (std::vector<std::string>{"f.jcd", "x.jcd.jcd"}));
  EXPECT_EQ(List(*this / "d"), (std::vector<std::string>{"f", "x.jcd"}));
  EXPECT_EQ(mkdir((*this / "d/f").c_str(), 0700), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(rmdir((*this / "d").c_str()), -1);
  EXPECT_EQ(errno, ENOTEMPTY);
  ASSERT_EQ(rmdir((*this / "d/x.jcd").c_str()), 0);
  ASSERT_EQ(unlink((*this / "d/f").c_str()), 0);
  ASSERT_EQ(rmdir((*this / "d").c_str()), 0);
}

TEST_F(Basic, ADocumentMayBeCalledLikeAStoredOne) {
  Mount();
  WriteFile(*this / "x.jcd", "nested");
  EXPECT_EQ(List(share_), std::vector<std::string>{"x.jcd.jcd"});
  EXPECT_EQ(List(mountpoint_), std::vector<std::string>{"x.jcd"});
  EXPECT_EQ(ReadFile(*this / "x.jcd"), "nested");
}

TEST_F(Basic, MapsFilesSharedAndPrivate) {
  Mount();
  WriteFile(*this / "m", std::string(10'000, 'x'));
  {
    UniqueFd fd = OpenFd(*this / "m", O_RDWR);
    void* memory = mmap(nullptr, 10'000, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto* bytes = static_cast<char*>(memory);
    EXPECT_EQ(bytes[9'999], 'x');
    bytes[5'000] = 'y';
    ASSERT_EQ(msync(memory, 10'000, MS_SYNC), 0);
    bytes[5'001] = 'z';
    fd.Reset();  // the mapping outlives the descriptor
    munmap(memory, 10'000);
  }
  Mount();
  const std::string content = ReadFile(*this / "m");
  EXPECT_EQ(content.substr(4'999, 4), "xyzx");
}

TEST_F(Basic, HolesAreHoles) {
  Mount();
  UniqueFd fd = OpenFd(*this / "sparse", O_RDWR | O_CREAT);
  const off_t far = off_t{1} << 40;
  ASSERT_EQ(pwrite(fd.get(), "end", 3, far), 3);
  ASSERT_EQ(fsync(fd.get()), 0);
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_DATA), far);
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_HOLE), 0);
  EXPECT_EQ(lseek(fd.get(), far + 3, SEEK_DATA), -1);
  EXPECT_EQ(errno, ENXIO);
  char bytes[8] = {1};
  ASSERT_EQ(pread(fd.get(), bytes, 8, 123'456'789), 8);
  EXPECT_EQ(std::string(bytes, 8), std::string(8, '\0'));
  struct stat st;
  ASSERT_EQ(fstat(fd.get(), &st), 0);
  EXPECT_EQ(st.st_size, far + 3);
  EXPECT_LT(st.st_blocks, 4096);
}

TEST_F(Basic, PunchesAndZeroes) {
  Mount();
  UniqueFd fd = OpenFd(*this / "f", O_RDWR | O_CREAT);
  const std::string content(20'000, 'x');
  ASSERT_EQ(write(fd.get(), content.data(), content.size()), 20'000);
  ASSERT_EQ(fallocate(fd.get(), 0x3, 4'000, 9'000), 0);    // PUNCH_HOLE | KEEP_SIZE
  ASSERT_EQ(fallocate(fd.get(), 0x10, 19'000, 2'000), 0);  // ZERO_RANGE
  ASSERT_EQ(fallocate(fd.get(), 0x1, 0, 100'000), 0);      // KEEP_SIZE
  EXPECT_EQ(fallocate(fd.get(), 0x8, 0, 4'096), -1);       // COLLAPSE_RANGE
  EXPECT_EQ(errno, EOPNOTSUPP);
  std::string wanted = content;
  wanted.replace(4'000, 9'000, std::string(9'000, '\0'));
  wanted.resize(19'000);
  wanted.resize(21'000, '\0');
  EXPECT_TRUE(ReadFile(*this / "f") == wanted);
}

TEST_F(Basic, ModesOwnersAndTimesAreTheShares) {
  Mount();
  WriteFile(*this / "f", "x");
  ASSERT_EQ(chmod((*this / "f").c_str(), 0640), 0);
  const struct timespec times[2] = {{1'000'000'000, 123}, {1'100'000'000, 456}};
  ASSERT_EQ(utimensat(AT_FDCWD, (*this / "f").c_str(), times, 0), 0);
  struct stat shown, stored;
  ASSERT_EQ(stat((*this / "f").c_str(), &shown), 0);
  ASSERT_EQ(stat(Stored("f.jcd").c_str(), &stored), 0);
  EXPECT_EQ(shown.st_mode, stored.st_mode);
  EXPECT_EQ(shown.st_mode & 07777, 0640u);
  EXPECT_EQ(shown.st_mtim.tv_sec, 1'100'000'000);
  EXPECT_EQ(shown.st_mtim.tv_nsec, 456);
  EXPECT_EQ(stored.st_mtim.tv_sec, 1'100'000'000);
  if (geteuid() == 0) {
    ASSERT_EQ(chown((*this / "f").c_str(), 1234, 5678), 0);
    ASSERT_EQ(stat(Stored("f.jcd").c_str(), &stored), 0);
    EXPECT_EQ(stored.st_uid, 1234u);
    EXPECT_EQ(stored.st_gid, 5678u);
  }
}

TEST_F(Basic, TimesSetWhileDirtyOutliveTheCommit) {
  Mount();
  const struct timespec times[2] = {{1'000'000'000, 0}, {1'100'000'000, 789}};
  {
    UniqueFd fd = OpenFd(*this / "f", O_RDWR | O_CREAT);
    ASSERT_EQ(write(fd.get(), "abc", 3), 3);
    ASSERT_EQ(futimens(fd.get(), times), 0);
  }
  struct stat st;
  ASSERT_EQ(stat((*this / "f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mtim.tv_sec, 1'100'000'000);
  Mount();
  ASSERT_EQ(stat((*this / "f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mtim.tv_sec, 1'100'000'000);
}

TEST_F(Basic, TheTimeShownWhileDirtyStaysAfterApplying) {
  Mount();
  WriteFile(*this / "f", std::string(100'000, 'a'));
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(pwrite(fd.get(), "b", 1, 50'000), 1);
  struct stat before, after;
  ASSERT_EQ(fstat(fd.get(), &before), 0);
  fd.Reset();
  Mount();  // commits and applies
  ASSERT_EQ(stat((*this / "f").c_str(), &after), 0);
  EXPECT_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
  EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  EXPECT_EQ(stdfs::file_size(Stored("f.jcd")), StoredLengthFromSize(100'000));
}

TEST_F(Basic, StatfsAndAttributes) {
  Mount();
  WriteFile(*this / "f", "x");
  struct statvfs st;
  ASSERT_EQ(statvfs(mountpoint_.c_str(), &st), 0);
  EXPECT_GT(st.f_blocks, 0u);
  EXPECT_EQ(st.f_namemax, 255u);
  EXPECT_EQ(Xattr(*this / "f", "user.jcd.label"), "A#example.com");
  EXPECT_EQ(Xattr(*this / "f", "user.jcd.signer"), "alice@example.com");
  EXPECT_NE(Xattr(*this / "f", "user.jcd.lease"), "");
  EXPECT_EQ(Xattr(mountpoint_, "user.jcd.pid"), std::to_string(mount_->pid()));
  EXPECT_EQ(lsetxattr((*this / "f").c_str(), "user.jcd.label", "B#x", 3, 0), -1);
  EXPECT_EQ(errno, EPERM);
  if (lsetxattr((*this / "f").c_str(), "user.comment", "hello", 5, 0) == 0) {
    EXPECT_EQ(Xattr(*this / "f", "user.comment"), "hello");
  }
}

TEST_F(Basic, FileCapabilitiesOnTheShareGiveNothing) {
  Mount();
  WriteFile(*this / "f", "x");
  // cap_net_raw, effective, as a hostile storage would attach it.
  const uint8_t capability[20] = {1, 0, 0, 2, 0, 0x20};
  const std::string stored = Stored("f.jcd");
  if (lsetxattr(stored.c_str(), "security.capability", capability, sizeof capability, 0) != 0) {
    GTEST_SKIP() << "the share keeps no file capabilities, or only root may set them";
  }
  char value[64];
  EXPECT_EQ(lgetxattr((*this / "f").c_str(), "security.capability", value, sizeof value), -1);
  EXPECT_EQ(errno, ENODATA);
  char list[256];
  const ssize_t size = llistxattr((*this / "f").c_str(), list, sizeof list);
  ASSERT_GE(size, 0);
  EXPECT_EQ(std::string_view(list, static_cast<size_t>(size)).find("security.capability"),
            std::string_view::npos);
  EXPECT_EQ(
      lsetxattr((*this / "f").c_str(), "security.capability", capability, sizeof capability, 0),
      -1);
}

TEST_F(Basic, ListsManyFilesOnce) {
  Mount();
  constexpr int kFiles = 2'000;
  for (int i = 0; i < kFiles; ++i) WriteFile(*this / ("f" + std::to_string(i)), "x");
  Mount();
  EXPECT_EQ(List(mountpoint_).size(), static_cast<size_t>(kFiles));
  uint64_t total = 0;
  for (const auto& entry : stdfs::directory_iterator(mountpoint_)) total += entry.file_size();
  EXPECT_EQ(total, static_cast<uint64_t>(kFiles));
}

TEST_F(Basic, FsyncOfFilesAndDirectories) {
  Mount();
  UniqueFd file = OpenFd(*this / "f", O_RDWR | O_CREAT);
  ASSERT_EQ(write(file.get(), "abc", 3), 3);
  EXPECT_EQ(fsync(file.get()), 0);
  EXPECT_EQ(fdatasync(file.get()), 0);
  UniqueFd dir = OpenFd(mountpoint_, O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(fsync(dir.get()), 0);
}

}  // namespace
}  // namespace recrypt
