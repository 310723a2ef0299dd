// A lease that ends while somebody writes: what was written before is kept and committed, what is
// written after is refused, and with a new grant everything is there. And one that ends while
// others wait for a grant.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csetjmp>
#include <csignal>
#include <thread>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

using Steady = std::chrono::steady_clock;

class LeaseEnd : public MountTest {
 protected:
  static constexpr int kLeaseMs = 800;
  // So much later at most nothing of it is left.
  static constexpr int kSoonMs = 700;

  // A mount in which leases are short, and a document made before.
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    Mount();
    WriteFile(*this / "f", old_);
    alice_->lease_ms = kLeaseMs;
    Mount();
  }

  static void Sleep(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
  static int64_t MillisSince(Steady::time_point begin) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - begin).count();
  }
  static void SleepUntilTheEnd() { Sleep(kLeaseMs + kSoonMs); }

  void ExpectRefused(const std::string& path) {
    EXPECT_EQ(OpenErrno(path, O_RDONLY), EACCES);
    EXPECT_EQ(OpenErrno(path, O_RDWR), EACCES);
    EXPECT_NE(Xattr(path, "user.jcd.why").find("has no entry for A#example.com"),
              std::string::npos);
  }
  static void ExpectNoMoreWrites(int fd) {
    EXPECT_EQ(pwrite(fd, "late", 4, 0), -1);
    EXPECT_EQ(errno, EACCES);
    EXPECT_EQ(ftruncate(fd, 10), -1);
    EXPECT_EQ(errno, EACCES);
  }
  // As it is committed, for anybody with a grant.
  std::string ReadElsewhere(const std::string& name) {
    alice_->deny = false;
    alice_->lease_ms = 3'600'000;
    const std::string there = dir_.Make("elsewhere");
    TestMount other(share_, there, *alice_);
    return ReadFile(other / name);
  }

  const std::string old_ = RandomText(300'000, 1);
};

// Writes in order until it is refused, or has not been for long; what was taken.
std::string WriteUntilRefused(int fd, const std::string& text) {
  std::string taken;
  const auto end = Steady::now() + std::chrono::seconds(5);
  while (Steady::now() < end) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote < 0) break;
    taken.append(text, 0, static_cast<size_t>(wrote));
  }
  return taken;
}

class LeaseEndOfStream : public LeaseEnd, public testing::WithParamInterface<const char*> {};

TEST_P(LeaseEndOfStream, KeepsWhatWasWritten) {
  const std::string name = GetParam();
  OpenErrno(*this / "f", O_RDONLY);  // who holds a lease on the label may read what they make
  const UniqueFd fd = OpenFd(*this / name, O_RDWR | O_CREAT);
  const auto begin = Steady::now();
  alice_->deny = true;
  const std::string taken = WriteUntilRefused(fd.get(), RandomText(70'000, 2));
  EXPECT_EQ(errno, EACCES);
  EXPECT_LT(MillisSince(begin), kLeaseMs + kSoonMs);
  EXPECT_GT(taken.size(), size_t{1} << 20);
  ExpectNoMoreWrites(fd.get());
  ExpectRefused(*this / name);
  EXPECT_EQ(fsync(fd.get()), 0);
  std::string expected = taken;
  if (name == "f" && taken.size() < old_.size()) expected += old_.substr(taken.size());
  EXPECT_TRUE(ReadElsewhere(name) == expected);
  // With a grant the descriptor writes on.
  Sleep(1100);
  ASSERT_EQ(write(fd.get(), "on", 2), 2);
  EXPECT_TRUE(ReadFile(*this / name).starts_with(taken + "on"));
}

INSTANTIATE_TEST_SUITE_P(Documents, LeaseEndOfStream, testing::Values("f", "new"));

sigjmp_buf after_bus;
void OnBus(int) { siglongjmp(after_bus, 1); }

// Counts in the words of a mapping until that ends in SIGBUS; how far it came.
size_t CountUntilBus(uint64_t* words, size_t count) {
  struct sigaction action = {}, before = {};
  action.sa_handler = OnBus;
  sigaction(SIGBUS, &action, &before);
  static volatile size_t done;
  done = 0;
  if (sigsetjmp(after_bus, 1) == 0) {
    for (size_t i = 0; i < count; ++i) {
      static_cast<volatile uint64_t*>(words)[i] = i + 1;
      done = i + 1;
      if (i % 64 == 0) usleep(200);
    }
  }
  sigaction(SIGBUS, &before, nullptr);
  return done;
}

TEST_F(LeaseEnd, KeepsWhatWasWrittenThroughAMapping) {
  constexpr size_t kBytes = size_t{8} << 20;
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(ftruncate(fd.get(), kBytes), 0);
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  const auto begin = Steady::now();
  alice_->deny = true;
  const size_t counted = CountUntilBus(static_cast<uint64_t*>(memory), kBytes / 8);
  EXPECT_LT(MillisSince(begin), kLeaseMs + kSoonMs);
  EXPECT_GT(counted, 1000u);
  ASSERT_LT(counted, kBytes / 8);
  ExpectRefused(*this / "f");
  const std::string found = ReadElsewhere("f");
  ASSERT_EQ(found.size(), kBytes);
  const auto* words = reinterpret_cast<const uint64_t*>(found.data());
  for (size_t i = 0; i < counted; ++i) ASSERT_EQ(words[i], i + 1);
  munmap(memory, kBytes);
}

TEST_F(LeaseEnd, BeforeASyncKeepsWhatWasWritten) {
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  const UniqueFd fresh = OpenFd(*this / "new", O_RDWR | O_CREAT);
  ASSERT_EQ(pwrite(fd.get(), "changed", 7, 0), 7);
  ASSERT_EQ(pwrite(fresh.get(), "made", 4, 0), 4);
  alice_->deny = true;
  SleepUntilTheEnd();
  EXPECT_EQ(fsync(fd.get()), 0);
  EXPECT_EQ(fdatasync(fresh.get()), 0);
  ExpectNoMoreWrites(fd.get());
  ExpectNoMoreWrites(fresh.get());
  // What was synced is there, whatever becomes of the mount.
  ASSERT_EQ(kill(mount_->pid(), SIGKILL), 0);
  mount_->Wait();
  EXPECT_TRUE(ReadElsewhere("f") == "changed" + old_.substr(7));
  EXPECT_EQ(ReadElsewhere("new"), "made");
}

// At which step of saving by rename the lease ends.
class LeaseEndOfSaving : public LeaseEnd, public testing::WithParamInterface<int> {
 protected:
  void EndAt(int step) {
    if (step != GetParam()) return;
    alice_->deny = true;
    SleepUntilTheEnd();
  }
};

TEST_P(LeaseEndOfSaving, KeepsWhatWasWritten) {
  EXPECT_TRUE(ReadFile(*this / "f") == old_);
  const std::string text = RandomText(200'000, 3);
  EndAt(0);
  UniqueFd fd = OpenFd(*this / ".f.tmp", O_WRONLY | O_CREAT | O_EXCL);
  const size_t half = text.size() / 2;
  ASSERT_EQ(pwrite(fd.get(), text.data(), half, 0), static_cast<ssize_t>(half));
  EndAt(1);
  const ssize_t second = pwrite(fd.get(), text.data() + half, half, static_cast<off_t>(half));
  if (GetParam() == 1) {  // and the program gives up, with the old file in place
    EXPECT_EQ(second, -1);
    EXPECT_EQ(errno, EACCES);
    EXPECT_EQ(close(fd.Release()), 0);
    ExpectRefused(*this / ".f.tmp");
    EXPECT_TRUE(ReadElsewhere(".f.tmp") == text.substr(0, half));
    EXPECT_TRUE(ReadElsewhere("f") == old_);
    return;
  }
  ASSERT_EQ(second, static_cast<ssize_t>(half));
  EndAt(2);
  EXPECT_EQ(fsync(fd.get()), 0);
  EndAt(3);
  EXPECT_EQ(close(fd.Release()), 0);
  EndAt(4);
  ASSERT_EQ(rename((*this / ".f.tmp").c_str(), (*this / "f").c_str()), 0);
  EndAt(5);
  ExpectRefused(*this / "f");
  EXPECT_TRUE(ReadElsewhere("f") == text);
  EXPECT_EQ(List(share_), std::vector<std::string>{"f.jcd"});
}

INSTANTIATE_TEST_SUITE_P(Steps, LeaseEndOfSaving, testing::Range(0, 6));

class LeaseEndBesideAWait : public LeaseEnd {
 protected:
  static constexpr int kAnswerMs = 3000;

  // Reads of its own from the mount, without the kernel's cache, until one is refused.
  static void ReadUntilRefused(const std::string& path) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    void* page = std::aligned_alloc(4096, 4096);
    while (pread(fd.get(), page, 4096, 0) > 0) {
    }
    std::free(page);
  }
};

// While reads of one document wait for a service that is slow to refuse them.
TEST_F(LeaseEndBesideAWait, EmptiesTheKernelsCacheOfOthers) {
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  for (const std::string& name : names) WriteFile(*this / name, old_);
  UniqueFd cached = OpenFd(*this / "f", O_RDONLY);
  std::vector<std::thread> readers;
  for (const std::string& name : names) {
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([path = *this / name] { ReadUntilRefused(path); });
    }
  }
  EXPECT_TRUE(ReadAll(cached.get()) == old_);
  Sleep(50);
  alice_->deny = true;
  alice_->answer_after_ms = kAnswerMs;
  SleepUntilTheEnd();
  const auto begin = Steady::now();
  char bytes[64];
  EXPECT_EQ(pread(cached.get(), bytes, sizeof bytes, 0), -1) << "of the kernel's cache";
  EXPECT_EQ(errno, EACCES);
  EXPECT_GE(MillisSince(begin), kAnswerMs / 2);  // that is, the mount was asked
  for (std::thread& reader : readers) reader.join();
}

// More than there are threads at first.
TEST_F(LeaseEndBesideAWait, ManyThatWaitLeaveRoomForOthers) {
  alice_->lease_ms = 3'600'000;
  constexpr int kMany = 60;
  for (int i = 0; i < kMany; ++i) WriteFile(*this / ("n" + std::to_string(i)), "x");
  Mount();
  const UniqueFd leased = OpenFd(*this / "f", O_RDWR);
  alice_->answer_after_ms = kAnswerMs;
  std::atomic<int> opened{0};
  std::vector<std::thread> openers;
  for (int i = 0; i < kMany; ++i) {
    openers.emplace_back([&opened, path = *this / ("n" + std::to_string(i))] {
      if (OpenErrno(path, O_RDONLY) == 0) ++opened;
    });
  }
  Sleep(kAnswerMs / 3);
  const auto begin = Steady::now();
  EXPECT_TRUE(ReadAll(leased.get()) == old_);
  EXPECT_EQ(pwrite(leased.get(), "w", 1, 0), 1);
  EXPECT_EQ(fsync(leased.get()), 0);
  WriteFile(*this / "made meanwhile", "x");
  struct stat st;
  EXPECT_EQ(stat((*this / "n7").c_str(), &st), 0);
  EXPECT_EQ(List(mountpoint_).size(), kMany + 2u);
  EXPECT_LT(MillisSince(begin), kAnswerMs / 3);
  EXPECT_EQ(opened, 0);
  for (std::thread& opener : openers) opener.join();
  EXPECT_EQ(opened, kMany);
}

}  // namespace
}  // namespace recrypt
