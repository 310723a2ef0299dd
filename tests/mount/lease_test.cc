// What a lease allows, and what is left when it ends.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csetjmp>
#include <csignal>
#include <thread>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

class Lease : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    Mount();
    WriteFile(*this / "f", content_);
    alice_->lease_ms = 700;
    Mount();
  }
  static void Sleep(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
  static ssize_t ReadFrom(int fd, off_t offset) {
    char bytes[64];
    return pread(fd, bytes, sizeof bytes, offset);
  }

  const std::string content_ = std::string(200'000, 'c');
};

TEST_F(Lease, DeniedOpenSaysWhy) {
  alice_->deny = true;
  EXPECT_EQ(OpenErrno(*this / "f", O_RDONLY), EACCES);
  EXPECT_NE(Xattr(*this / "f", "user.jcd.why").find("has no entry for A#example.com"),
            std::string::npos);
  EXPECT_EQ(Xattr(*this / "f", "user.jcd.label"), "A#example.com");
}

TEST_F(Lease, EndRefusesAnOpenDescriptorAndEmptiesTheKernelsCache) {
  UniqueFd fd = OpenFd(*this / "f", O_RDONLY);
  EXPECT_EQ(ReadAll(fd.get()), content_);
  alice_->deny = true;
  EXPECT_GT(ReadFrom(fd.get(), 0), 0);  // the lease still lasts
  Sleep(1200);
  EXPECT_EQ(ReadFrom(fd.get(), 0), -1);
  EXPECT_EQ(errno, EACCES);
  EXPECT_EQ(ReadFrom(fd.get(), 100'000), -1);
  EXPECT_EQ(OpenErrno(*this / "f", O_RDONLY), EACCES);
}

TEST_F(Lease, EndEmptiesTheCacheOfAClosedFile) {
  EXPECT_EQ(ReadFile(*this / "f"), content_);
  alice_->deny = true;
  Sleep(1200);
  EXPECT_EQ(OpenErrno(*this / "f", O_RDONLY), EACCES);
}

TEST_F(Lease, RenewalGoesUnnoticed) {
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  EXPECT_EQ(ReadAll(fd.get()), content_);
  for (int i = 0; i < 4; ++i) {
    Sleep(500);
    ASSERT_GT(ReadFrom(fd.get(), i * 4096), 0);
    ASSERT_EQ(pwrite(fd.get(), "d", 1, i), 1);
  }
  EXPECT_GE(alice_->opens, 2);
  EXPECT_EQ(ReadFile(*this / "f").substr(0, 5), "ddddc");
}

TEST_F(Lease, EndCommitsWhatWasWritten) {
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(pwrite(fd.get(), "changed", 7, 0), 7);
  alice_->deny = true;
  Sleep(1300);
  EXPECT_EQ(pwrite(fd.get(), "x", 1, 0), -1);
  EXPECT_EQ(errno, EACCES);
  fd.Reset();
  alice_->deny = false;
  Mount();
  EXPECT_EQ(ReadFile(*this / "f").substr(0, 8), "changedc");
}

TEST_F(Lease, EndCommitsPagesChangedThroughAMapping) {
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  static_cast<char*>(memory)[1] = 'M';
  alice_->deny = true;
  Sleep(1300);
  munmap(memory, 4096);
  fd.Reset();
  alice_->deny = false;
  Mount();
  EXPECT_EQ(ReadFile(*this / "f").substr(0, 3), "cMc");
}

sigjmp_buf after_bus;
void OnBus(int) { siglongjmp(after_bus, 1); }

// The byte there, or -1 when looking at it ends in SIGBUS.
int ByteUnlessBus(const void* memory) {
  struct sigaction action = {}, before = {};
  action.sa_handler = OnBus;
  sigaction(SIGBUS, &action, &before);
  volatile int byte = -1;
  if (sigsetjmp(after_bus, 1) == 0) byte = *static_cast<const volatile uint8_t*>(memory);
  sigaction(SIGBUS, &before, nullptr);
  return byte;
}

class LeaseOfMapping : public Lease, public testing::WithParamInterface<int> {
 protected:
  // Two pages, of which the first is looked at; nullptr when it cannot be mapped.
  static const char* Map(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    void* memory = mmap(nullptr, 8192, PROT_READ, GetParam(), fd.get(), 0);
    return memory == MAP_FAILED ? nullptr : static_cast<const char*>(memory);
  }
};

TEST_P(LeaseOfMapping, EndTakesMappedPagesAway) {
  const char* pages = Map(*this / "f");
  ASSERT_NE(pages, nullptr);
  EXPECT_EQ(ByteUnlessBus(pages), 'c');
  alice_->deny = true;
  Sleep(1200);
  EXPECT_EQ(ByteUnlessBus(pages), -1);
  EXPECT_EQ(ByteUnlessBus(pages + 4096), -1);  // never looked at, perhaps read ahead
  alice_->deny = false;
  EXPECT_EQ(ByteUnlessBus(pages), 'c');  // with a grant again
  munmap(const_cast<char*>(pages), 8192);
}

// The pages of a process that may not even know of the mount's end are taken like any other's.
TEST_P(LeaseOfMapping, EndTakesPagesAwayFromAnUnprivilegedProcess) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  alice_->lease_ms = 3'600'000;
  for (const stdfs::path& path : {dir_.path(), dir_.path().parent_path()}) {
    stdfs::permissions(path, stdfs::perms(0755));
  }
  Mount({.options = {"allow_other"}});
  alice_->lease_ms = 1500;
  int to_child[2], from_child[2];
  ASSERT_EQ(pipe(to_child) + pipe(from_child), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(to_child[1]);
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(10);
    const char* pages = Map(*this / "f");
    if (pages == nullptr || ByteUnlessBus(pages) != 'c') _exit(11);
    char word = '+';
    if (write(from_child[1], &word, 1) != 1 || read(to_child[0], &word, 1) != 1) _exit(12);
    _exit(ByteUnlessBus(pages) == -1 ? 0 : 13);
  }
  close(from_child[1]);
  char word;
  EXPECT_EQ(read(from_child[0], &word, 1), 1) << "the other user could not map it";
  alice_->deny = true;
  Sleep(2500);
  EXPECT_EQ(write(to_child[1], "+", 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  for (const int end : {to_child[0], to_child[1], from_child[0]}) close(end);
}

INSTANTIATE_TEST_SUITE_P(Kinds, LeaseOfMapping, testing::Values(MAP_SHARED, MAP_PRIVATE));

TEST_F(Lease, LockTakesEverythingAway) {
  alice_->lease_ms = 3'600'000;
  Mount();
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  EXPECT_EQ(ReadAll(fd.get()), content_);
  ASSERT_EQ(pwrite(fd.get(), "kept", 4, 0), 4);
  ASSERT_EQ(lsetxattr(mountpoint_.c_str(), "user.jcd.lock", "1", 1, 0), 0);
  EXPECT_EQ(ReadFrom(fd.get(), 0), -1);
  EXPECT_EQ(errno, EACCES);
  alice_->deny = false;
  fd.Reset();
  Mount();
  EXPECT_EQ(ReadFile(*this / "f").substr(0, 5), "keptc");
}

TEST_F(Lease, ADropBoxTakesDocumentsAndGivesNone) {
  alice_->deny = true;  // a credential, and no entry
  Mount();
  WriteFile(*this / "in", "for the accountants");
  EXPECT_EQ(OpenErrno(*this / "in", O_RDONLY), EACCES);
  EXPECT_EQ(OpenErrno(*this / "in", O_RDWR), EACCES);
  WriteFile(*this / "in", "a second version");  // replaced as a whole
  WriteFile(*this / "other", "by rename");
  ASSERT_EQ(rename((*this / "other").c_str(), (*this / "in").c_str()), 0);
  EXPECT_EQ(stdfs::file_size(*this / "in"), 9u);
  alice_->deny = false;
  Mount();
  EXPECT_EQ(ReadFile(*this / "in"), "by rename");
}

TEST_F(Lease, WithoutACredentialNothingIsWritten) {
  alice_->may_write = false;
  EXPECT_EQ(OpenErrno(*this / "new", O_WRONLY | O_CREAT), EACCES);
  EXPECT_NE(Xattr(mountpoint_, "user.jcd.why").find("may not write"), std::string::npos);
  EXPECT_EQ(OpenErrno(*this / "f", O_RDWR), EACCES);
  EXPECT_EQ(OpenErrno(*this / "f", O_RDWR | O_TRUNC), EACCES);
  EXPECT_EQ(ReadFile(*this / "f"), content_);
  EXPECT_EQ(List(share_), std::vector<std::string>{"f.jcd"});
}

TEST_F(Lease, GrantsOfADirectoryAreAskedForAhead) {
  alice_->lease_ms = 3'600'000;
  for (int i = 0; i < 20; ++i) WriteFile(*this / ("n" + std::to_string(i)), "x");
  Mount();
  ReadFile(*this / "n1");
  ReadFile(*this / "n2");
  // Of all 21, those two excepted.
  for (int i = 0; i < 50 && alice_->prefetched < 19; ++i) Sleep(20);
  EXPECT_EQ(alice_->prefetched, 19);
}

class Prefetch : public MountTest {
 protected:
  void WriteDocuments(int count) {
    Mount();
    for (int i = 0; i < count; ++i) WriteFile(*this / ("n" + std::to_string(i)), "x");
  }
  // In the order in which the directory lists them.
  std::vector<std::string> Listed() const {
    std::vector<std::string> paths;
    for (const auto& entry : stdfs::directory_iterator(mountpoint_)) paths.push_back(entry.path());
    return paths;
  }
  void WaitForPrefetched(int count) {
    for (int i = 0; i < 250 && alice_->prefetched < count; ++i) usleep(20'000);
    EXPECT_EQ(alice_->prefetched, count);
  }
};

TEST_F(Prefetch, AsksForNothingWhereGrantsAreHeld) {
  WriteDocuments(40);
  for (const std::string& path : Listed()) ReadFile(path);  // whose keys their creator keeps
  usleep(300'000);
  EXPECT_EQ(alice_->prefetched, 0);
  Mount();
  for (const std::string& path : Listed()) ReadFile(path);
  const int fetched = alice_->prefetched;
  EXPECT_LE(fetched, 40);
  for (int i = 0; i < 3; ++i) {
    for (const std::string& path : Listed()) ReadFile(path);
  }
  usleep(300'000);
  EXPECT_EQ(alice_->prefetched, fetched);
}

TEST_F(Prefetch, GoesThroughALargeDirectoryBatchByBatch) {
  WriteDocuments(600);
  Mount();
  const std::vector<std::string> paths = Listed();
  ASSERT_EQ(paths.size(), 600u);
  size_t next = 0;
  const auto walk_to = [&](size_t end) {
    for (; next < end; ++next) EXPECT_EQ(ReadFile(paths[next]), "x");
  };
  walk_to(1);
  usleep(200'000);
  EXPECT_EQ(alice_->prefetched, 0);  // one alone says nothing about the others
  walk_to(2);
  WaitForPrefetched(16 + 32 + 64 + 128);  // as many whole batches as go 256 documents ahead
  walk_to(100);
  usleep(200'000);
  EXPECT_EQ(alice_->prefetched, 240);
  walk_to(114);
  WaitForPrefetched(240 + 128);
  walk_to(240);
  usleep(200'000);
  EXPECT_EQ(alice_->prefetched, 368);
  walk_to(242);
  WaitForPrefetched(368 + 128);
  walk_to(360);
  WaitForPrefetched(598);  // all that were not read before
  walk_to(600);
  usleep(200'000);
  EXPECT_EQ(alice_->prefetched, 598);
}

}  // namespace
}  // namespace recrypt
