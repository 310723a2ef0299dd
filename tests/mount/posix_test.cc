// What POSIX and Linux promise programs about files, beyond tests/mount/basic_test.cc.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <set>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

struct stat StatOf(const std::string& path) {
  struct stat st = {};
  EXPECT_EQ(lstat(path.c_str(), &st), 0) << path;
  return st;
}

// What `work` returns, run as another user in a process of its own.
int As(uid_t uid, gid_t gid, const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) _exit(255);
    _exit(work());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

bool IsRoot() { return geteuid() == 0; }

class Posix : public MountTest {
 protected:
  // A mount of root's for everybody, on directories that everybody reaches.
  void MountForAll() {
    chmod(dir_.path().c_str(), 0755);
    chmod(dir_.path().parent_path().c_str(), 0755);
    chmod(share_.c_str(), 0777);
    Mount({.options = {"allow_other"}});
  }
};

TEST_F(Posix, OpensExclusivelyAndTruncates) {
  Mount();
  const std::string path = *this / "f";
  EXPECT_EQ(OpenErrno(path, O_WRONLY | O_CREAT | O_EXCL), 0);
  EXPECT_EQ(OpenErrno(path, O_WRONLY | O_CREAT | O_EXCL), EEXIST);
  WriteFile(path, "content");
  EXPECT_EQ(OpenErrno(path, O_WRONLY | O_TRUNC), 0);
  EXPECT_EQ(StatOf(path).st_size, 0);
  EXPECT_EQ(OpenErrno(path, O_WRONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(OpenErrno(mountpoint_, O_WRONLY), EISDIR);
  EXPECT_EQ(symlink("f", (*this / "l").c_str()), 0);
  EXPECT_EQ(OpenErrno(*this / "l", O_RDONLY | O_NOFOLLOW), ELOOP);
}

TEST_F(Posix, AppendsWhereverTheOffsetIs) {
  Mount();
  const std::string path = *this / "log";
  WriteFile(path, "one ");
  UniqueFd fd = OpenFd(path, O_WRONLY | O_APPEND);
  AppendFile(path, "two ");
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_SET), 0);
  EXPECT_EQ(write(fd.get(), "three", 5), 5);
  EXPECT_EQ(ReadFile(path), "one two three");
}

TEST_F(Posix, ReadsAndWritesDirectly) {
  Mount();
  const std::string path = *this / "direct";
  const std::string content = RandomText(3 * 4096, 7);
  WriteFile(path, content);
  void* memory = nullptr;
  ASSERT_EQ(posix_memalign(&memory, 4096, 8192), 0);
  std::unique_ptr<void, void (*)(void*)> buffer(memory, free);
  UniqueFd fd = OpenFd(path, O_RDWR | O_DIRECT);
  ASSERT_EQ(pread(fd.get(), memory, 8192, 4096), 8192);
  EXPECT_EQ(std::string(static_cast<char*>(memory), 8192), content.substr(4096));
  std::string changed = RandomText(4096, 8);
  memcpy(memory, changed.data(), 4096);
  ASSERT_EQ(pwrite(fd.get(), memory, 4096, 4096), 4096);
  // A reader through the cache sees what was written past it.
  const std::string expected = content.substr(0, 4096) + changed + content.substr(8192);
  EXPECT_TRUE(ReadFile(path) == expected);
  Mount();
  EXPECT_TRUE(ReadFile(path) == expected);
}

TEST_F(Posix, AllocatesWithoutChangingContentAndRefusesTheRest) {
  Mount();
  UniqueFd fd = OpenFd(*this / "f", O_RDWR | O_CREAT);
  ASSERT_EQ(write(fd.get(), "abc", 3), 3);
  EXPECT_EQ(fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, 1 << 20), 0);
  EXPECT_EQ(StatOf(*this / "f").st_size, 3);
  EXPECT_EQ(fallocate(fd.get(), 0, 0, 1 << 20), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  for (const int mode : {FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE}) {
    EXPECT_EQ(fallocate(fd.get(), mode, 0, 4096), -1);
    EXPECT_EQ(errno, EOPNOTSUPP);
  }
  // The C library emulates what is not to be had.
  EXPECT_EQ(posix_fallocate(fd.get(), 0, 10000), 0);
  EXPECT_EQ(StatOf(*this / "f").st_size, 10000);
  EXPECT_EQ(ReadFile(*this / "f"), "abc" + std::string(9997, '\0'));
}

TEST_F(Posix, HasNoUnnamedFiles) {
  Mount();
  EXPECT_EQ(OpenErrno(mountpoint_, O_TMPFILE | O_RDWR), EOPNOTSUPP);
}

TEST_F(Posix, CopiesRangesBetweenFiles) {
  Mount();
  const std::string content = RandomText(300'000, 9);
  WriteFile(*this / "from", content);
  UniqueFd from = OpenFd(*this / "from", O_RDONLY);
  UniqueFd to = OpenFd(*this / "to", O_RDWR | O_CREAT);
  off_t in = 5000, out = 70'000;
  size_t left = 200'000;
  while (left != 0) {
    const ssize_t copied = copy_file_range(from.get(), &in, to.get(), &out, left, 0);
    ASSERT_GT(copied, 0) << strerror(errno);
    left -= static_cast<size_t>(copied);
  }
  const std::string expected = std::string(70'000, '\0') + content.substr(5000, 200'000);
  EXPECT_TRUE(ReadFile(*this / "to") == expected);
  Mount();
  EXPECT_TRUE(ReadFile(*this / "to") == expected);
}

// What was there before and after is listed exactly once, whatever comes and goes meanwhile.
TEST_F(Posix, ListsADirectoryThatChangesMeanwhile) {
  Mount();
  std::set<std::string> stay;
  for (int i = 0; i < 600; ++i) {
    const std::string name = "stays-" + std::to_string(i);
    WriteFile(*this / name, "");
    stay.insert(name);
    WriteFile(*this / ("goes-" + std::to_string(i)), "");
  }
  DIR* dir = opendir(mountpoint_.c_str());
  ASSERT_NE(dir, nullptr);
  std::multiset<std::string> seen;
  for (int read = 0; const struct dirent* entry = readdir(dir); ++read) {
    seen.insert(entry->d_name);
    if (read >= 600) continue;
    unlink((*this / ("goes-" + std::to_string(read))).c_str());
    WriteFile(*this / ("new-" + std::to_string(read)), "");
  }
  closedir(dir);
  for (const std::string& name : stay) EXPECT_EQ(seen.count(name), 1u) << name;
}

TEST_F(Posix, GoesBackToAPlaceInADirectory) {
  Mount();
  for (int i = 0; i < 300; ++i) WriteFile(*this / std::to_string(i), "");
  DIR* dir = opendir(mountpoint_.c_str());
  ASSERT_NE(dir, nullptr);
  std::vector<std::string> names;
  std::vector<long> places;
  for (;;) {
    places.push_back(telldir(dir));
    const struct dirent* entry = readdir(dir);
    if (entry == nullptr) break;
    names.push_back(entry->d_name);
  }
  EXPECT_EQ(names.size(), 302u);
  for (size_t at = 0; at < names.size(); at += 37) {
    seekdir(dir, places[at]);
    const struct dirent* entry = readdir(dir);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->d_name, names[at]);
  }
  rewinddir(dir);
  EXPECT_EQ(std::string(readdir(dir)->d_name), names[0]);
  closedir(dir);
}

TEST_F(Posix, KeepsTimesToTheNanosecond) {
  Mount();
  WriteFile(*this / "f", "x");
  mkdir((*this / "d").c_str(), 0755);
  ASSERT_EQ(symlink("f", (*this / "l").c_str()), 0);
  const struct timespec times[2] = {{1'234'567'890, 123'456'789}, {987'654'321, 1}};
  for (const char* name : {"f", "d", "l"}) {
    ASSERT_EQ(utimensat(AT_FDCWD, (*this / name).c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << name;
  }
  Mount();
  for (const char* name : {"f", "d", "l"}) {
    const struct stat st = StatOf(*this / name);
    EXPECT_EQ(st.st_mtim.tv_sec, 987'654'321) << name;
    EXPECT_EQ(st.st_mtim.tv_nsec, 1) << name;
    EXPECT_EQ(st.st_atim.tv_nsec, 123'456'789) << name;
  }
}

TEST_F(Posix, AChangeShowsInTheTimeOfChangeAtOnce) {
  Mount();
  WriteFile(*this / "f", "x");
  const struct stat before = StatOf(*this / "f");
  usleep(20'000);
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(ftruncate(fd.get(), 123), 0);
  const struct stat after = StatOf(*this / "f");
  EXPECT_NE(std::tie(before.st_ctim.tv_sec, before.st_ctim.tv_nsec),
            std::tie(after.st_ctim.tv_sec, after.st_ctim.tv_nsec));
}

TEST_F(Posix, SpecialFilesAreWhatTheyWere) {
  if (!IsRoot()) GTEST_SKIP() << "devices are made by root";
  Mount({.options = {"dev"}});
  ASSERT_EQ(mkfifo((*this / "fifo").c_str(), 0640), 0);
  ASSERT_EQ(mknod((*this / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  ASSERT_EQ(mknod((*this / "disk").c_str(), S_IFBLK | 0600, makedev(7, 99)), 0);
  UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", (*this / "s").c_str());
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(client.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address), 0);
  UniqueFd null = OpenFd(*this / "null", O_WRONLY);
  EXPECT_EQ(write(null.get(), "gone", 4), 4);
  Mount();
  EXPECT_TRUE(S_ISFIFO(StatOf(*this / "fifo").st_mode));
  EXPECT_EQ(StatOf(*this / "fifo").st_mode & 07777, 0640u);
  EXPECT_EQ(StatOf(*this / "null").st_rdev, makedev(1, 3));
  EXPECT_TRUE(S_ISBLK(StatOf(*this / "disk").st_mode));
  EXPECT_TRUE(S_ISSOCK(StatOf(*this / "s").st_mode));
}

TEST_F(Posix, ReportsTheSharesRoomAndTheLongestName) {
  Mount();
  struct statvfs share, mount;
  ASSERT_EQ(statvfs(share_.c_str(), &share), 0);
  ASSERT_EQ(statvfs(mountpoint_.c_str(), &mount), 0);
  EXPECT_EQ(mount.f_blocks, share.f_blocks);
  EXPECT_EQ(mount.f_frsize, share.f_frsize);
  EXPECT_EQ(mount.f_files, share.f_files);
  EXPECT_LE(mount.f_bavail, mount.f_bfree);
  // No name that fits is refused, and none that does not is taken.
  EXPECT_EQ(OpenErrno(*this / std::string(mount.f_namemax, 'n'), O_CREAT | O_WRONLY), 0);
  EXPECT_EQ(OpenErrno(*this / std::string(256, 'n'), O_CREAT | O_WRONLY), ENAMETOOLONG);
}

TEST_F(Posix, OwnersHaveThirtyTwoBits) {
  if (!IsRoot()) GTEST_SKIP() << "owners are changed by root";
  Mount();
  WriteFile(*this / "f", "x");
  const uid_t uid = 4'000'000'001u, gid = 3'999'999'999u;
  ASSERT_EQ(chown((*this / "f").c_str(), uid, gid), 0);
  EXPECT_EQ(StatOf(*this / "f").st_uid, uid);
  Mount();
  EXPECT_EQ(StatOf(*this / "f").st_uid, uid);
  EXPECT_EQ(StatOf(*this / "f").st_gid, gid);
}

TEST_F(Posix, WritingTakesSetuidAndSetgidAway) {
  if (!IsRoot()) GTEST_SKIP() << "other users are needed";
  MountForAll();
  const std::string path = *this / "program";
  const auto armed = [&] {
    EXPECT_EQ(chown(path.c_str(), 2001, 2001), 0);
    EXPECT_EQ(chmod(path.c_str(), 06777), 0);
    EXPECT_EQ(StatOf(path).st_mode & 06000, 06000u);
  };
  WriteFile(path, "code");
  armed();
  EXPECT_EQ(As(2002, 2002, [&] { return OpenErrno(path, O_WRONLY | O_TRUNC); }), 0);
  EXPECT_EQ(StatOf(path).st_mode & 06000, 0u);
  armed();
  const auto write_one = [&] {
    UniqueFd fd(open(path.c_str(), O_WRONLY));
    return fd && write(fd.get(), "x", 1) == 1 ? 0 : 1;
  };
  EXPECT_EQ(As(2002, 2002, write_one), 0);
  EXPECT_EQ(StatOf(path).st_mode & 06000, 0u);
  armed();
  EXPECT_EQ(chown(path.c_str(), 2001, 2003), 0);
  EXPECT_EQ(As(2001, 2003, [&] { return chown(path.c_str(), 2001, 2003) == 0 ? 0 : errno; }), 0);
  EXPECT_EQ(StatOf(path).st_mode & 04000, 0u);
}

TEST_F(Posix, OthersMayDoWhatModesSay) {
  if (!IsRoot()) GTEST_SKIP() << "other users are needed";
  MountForAll();
  WriteFile(*this / "private", "for root");
  ASSERT_EQ(chmod((*this / "private").c_str(), 0600), 0);
  WriteFile(*this / "public", "for all");
  ASSERT_EQ(chmod((*this / "public").c_str(), 0644), 0);
  const auto opens = [&](const char* name, int flags) {
    return As(2001, 2001, [&, flags] { return OpenErrno(*this / name, flags); });
  };
  EXPECT_EQ(opens("private", O_RDONLY), EACCES);
  EXPECT_EQ(opens("public", O_RDONLY), 0);
  EXPECT_EQ(opens("public", O_WRONLY), EACCES);
  EXPECT_EQ(opens("made", O_WRONLY | O_CREAT), 0);
  EXPECT_EQ(StatOf(*this / "made").st_uid, 2001u);
  EXPECT_EQ(StatOf(*this / "made").st_gid, 2001u);
  // Not theirs.
  EXPECT_EQ(As(2002, 2002, [&] { return chmod((*this / "made").c_str(), 0777) == 0 ? 0 : errno; }),
            EPERM);
  // A sticky directory: only the owner removes.
  ASSERT_EQ(mkdir((*this / "tmp").c_str(), 0), 0);
  ASSERT_EQ(chmod((*this / "tmp").c_str(), 01777), 0);
  EXPECT_EQ(opens("tmp/a", O_WRONLY | O_CREAT), 0);
  const auto removes = [&](uid_t uid) {
    return As(uid, uid, [&] { return unlink((*this / "tmp/a").c_str()) == 0 ? 0 : errno; });
  };
  EXPECT_EQ(removes(2002), EPERM);
  EXPECT_EQ(removes(2001), 0);
}

TEST_F(Posix, AMountForOneUserShutsOthersOut) {
  if (!IsRoot()) GTEST_SKIP() << "other users are needed";
  chmod(dir_.path().c_str(), 0755);
  chmod(dir_.path().parent_path().c_str(), 0755);
  Mount();
  WriteFile(*this / "f", "x");
  EXPECT_EQ(As(2001, 2001, [&] { return OpenErrno(*this / "f", O_RDONLY); }), EACCES);
}

TEST_F(Posix, TheUmaskTakesBitsOff) {
  Mount();
  umask(0027);
  UniqueFd fd = OpenFd(*this / "f", O_WRONLY | O_CREAT, 0666);
  mkdir((*this / "d").c_str(), 0777);
  mkfifo((*this / "p").c_str(), 0666);
  umask(0022);
  EXPECT_EQ(StatOf(*this / "f").st_mode & 07777, 0640u);
  EXPECT_EQ(StatOf(*this / "d").st_mode & 07777, 0750u);
  EXPECT_EQ(StatOf(*this / "p").st_mode & 07777, 0640u);
}

// struct posix_acl_xattr_header and its entries, <linux/posix_acl_xattr.h>.
std::string AccessList(std::initializer_list<std::array<uint32_t, 3>> entries) {
  std::string text("\x02\0\0\0", 4);
  for (const auto& [tag, permissions, id] : entries) {
    for (const uint32_t half : {tag, permissions}) {
      text.push_back(static_cast<char>(half & 0xFF));
      text.push_back(static_cast<char>(half >> 8));
    }
    for (int shift = 0; shift < 32; shift += 8) text.push_back(static_cast<char>(id >> shift));
  }
  return text;
}
constexpr uint32_t kUserObj = 1, kUser = 2, kGroupObj = 4, kMask = 16, kOther = 32, kNobody = ~0u;

TEST_F(Posix, AccessListsRule) {
  if (!IsRoot()) GTEST_SKIP() << "other users are needed";
  MountForAll();
  WriteFile(*this / "f", "for one more");
  ASSERT_EQ(chmod((*this / "f").c_str(), 0600), 0);
  const std::string list = AccessList({{kUserObj, 6, kNobody},
                                       {kUser, 4, 2001},
                                       {kGroupObj, 0, kNobody},
                                       {kMask, 4, kNobody},
                                       {kOther, 0, kNobody}});
  if (setxattr((*this / "f").c_str(), "system.posix_acl_access", list.data(), list.size(), 0) !=
          0 &&
      errno == EOPNOTSUPP) {
    GTEST_SKIP() << "the share's file system has no access lists";
  }
  EXPECT_EQ(As(2001, 2001, [&] { return OpenErrno(*this / "f", O_RDONLY); }), 0);
  EXPECT_EQ(As(2001, 2001, [&] { return OpenErrno(*this / "f", O_RDWR); }), EACCES);
  EXPECT_EQ(As(2002, 2002, [&] { return OpenErrno(*this / "f", O_RDONLY); }), EACCES);
  // The group's own members do not get what the mask shows in the group's place.
  EXPECT_EQ(As(2002, 0, [&] { return OpenErrno(*this / "f", O_RDONLY); }), EACCES);
  EXPECT_EQ(StatOf(*this / "f").st_mode & 0777, 0640u);
  // It is the share's own.
  EXPECT_EQ(Xattr(Stored("f.jcd"), "system.posix_acl_access"), list);
}

TEST_F(Posix, ADefaultAccessListTakesTheUmasksPlace) {
  Mount();
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  const std::string list = AccessList({{kUserObj, 7, kNobody},
                                       {kUser, 7, 2001},
                                       {kGroupObj, 7, kNobody},
                                       {kMask, 7, kNobody},
                                       {kOther, 0, kNobody}});
  if (setxattr((*this / "d").c_str(), "system.posix_acl_default", list.data(), list.size(), 0) !=
          0 &&
      errno == EOPNOTSUPP) {
    GTEST_SKIP() << "the share's file system has no access lists";
  }
  umask(0077);
  { UniqueFd fd = OpenFd(*this / "d/f", O_WRONLY | O_CREAT, 0666); }
  mkdir((*this / "d/e").c_str(), 0777);
  umask(0022);
  EXPECT_EQ(StatOf(*this / "d/f").st_mode & 0777, 0660u);
  EXPECT_EQ(StatOf(*this / "d/e").st_mode & 0777, 0770u);
  EXPECT_EQ(Xattr(*this / "d/e", "system.posix_acl_default"), list);
}

TEST_F(Posix, HardLinksAcrossDirectoriesAndSymlinksAnywhere) {
  Mount();
  mkdir((*this / "d").c_str(), 0755);
  WriteFile(*this / "f", "one");
  ASSERT_EQ(link((*this / "f").c_str(), (*this / "d/g").c_str()), 0);
  EXPECT_EQ(StatOf(*this / "f").st_nlink, 2u);
  EXPECT_EQ(StatOf(*this / "f").st_ino, StatOf(*this / "d/g").st_ino);
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(pwrite(fd.get(), "two, longer", 11, 0), 11);
  // Through the other name at once, its size too.
  EXPECT_EQ(StatOf(*this / "d/g").st_size, 11);
  EXPECT_EQ(ReadFile(*this / "d/g"), "two, longer");
  EXPECT_TRUE(stdfs::exists(Stored("f.jcd")));
  EXPECT_TRUE(stdfs::exists(Stored("d/g.jcd")));
  EXPECT_EQ(link((*this / "f").c_str(), (*this / "d/g").c_str()), -1);
  EXPECT_EQ(errno, EEXIST);
  ASSERT_EQ(unlink((*this / "f").c_str()), 0);
  EXPECT_EQ(StatOf(*this / "d/g").st_nlink, 1u);
  const std::string target(4000, 't');
  ASSERT_EQ(symlink(target.c_str(), (*this / "s").c_str()), 0);
  EXPECT_EQ(stdfs::read_symlink(*this / "s"), target);
}

TEST_F(Posix, RenamesAsAskedFor) {
  Mount();
  WriteFile(*this / "a", "a");
  WriteFile(*this / "b", "b");
  const std::string a = *this / "a", b = *this / "b";
  EXPECT_EQ(renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_NOREPLACE), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE), 0);
  EXPECT_EQ(ReadFile(a), "b");
  UniqueFd replaced = OpenFd(b, O_RDWR);
  ASSERT_EQ(rename(a.c_str(), b.c_str()), 0);
  EXPECT_EQ(ReadFile(b), "b");
  // The replaced one lives for as long as it is open.
  EXPECT_EQ(ReadAll(replaced.get()), "a");
  EXPECT_EQ(pwrite(replaced.get(), "x", 1, 0), 1);
  EXPECT_EQ(fsync(replaced.get()), 0);
  struct stat st;
  ASSERT_EQ(fstat(replaced.get(), &st), 0);
  EXPECT_EQ(st.st_nlink, 0u);
  // Onto itself, by another name: nothing happens.
  ASSERT_EQ(link(b.c_str(), a.c_str()), 0);
  ASSERT_EQ(rename(a.c_str(), b.c_str()), 0);
  EXPECT_EQ(List(mountpoint_), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  EXPECT_EQ(rename((*this / "d").c_str(), (*this / "d/e").c_str()), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(rename(a.c_str(), (*this / "d").c_str()), -1);
  EXPECT_EQ(errno, EISDIR);
}

TEST_F(Posix, AnUnlinkedFileLivesWhileItIsOpen) {
  Mount();
  WriteFile(*this / "f", "before");
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(unlink((*this / "f").c_str()), 0);
  WriteFile(*this / "f", "another");
  ASSERT_EQ(pwrite(fd.get(), "AFTER!", 6, 0), 6);
  ASSERT_EQ(fsync(fd.get()), 0);
  ASSERT_EQ(ftruncate(fd.get(), 3), 0);
  EXPECT_EQ(fchmod(fd.get(), 0600), 0);
  EXPECT_EQ(ReadAll(fd.get()), "AFT");
  EXPECT_EQ(ReadFile(*this / "f"), "another");
}

}  // namespace
}  // namespace recrypt
