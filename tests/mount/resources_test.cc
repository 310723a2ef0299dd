// A mount whose memory or descriptors are limited by the system: it makes do with them, or says so.
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

void SetLimit(decltype(RLIMIT_DATA) resource, rlim_t limit) {
  const struct rlimit both = {limit, limit};
  if (setrlimit(resource, &both) != 0) std::abort();
}

class Resources : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (!IsSkipped()) dir_.MountMemory("share");
  }
  bool IsAlive() const { return kill(mount_->pid(), 0) == 0; }
  static int64_t KibOf(pid_t pid, const std::string& what) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(what)) return std::stoll(line.substr(what.size()));
    }
    ADD_FAILURE() << "the process is gone";
    return 0;
  }
  static int Run(const std::string& command) {
    return std::system((command + " >/dev/null").c_str());
  }
};

class HardLimitOfMemory : public Resources {
 protected:
  static constexpr rlim_t kLimit = rlim_t{128} << 20;
  static constexpr size_t kPart = size_t{1} << 20;

  // Of everything that is private to the process and can be written, used or not: what the heap
  // keeps between two uses counts too, and so would the room for stacks, of which less is kept.
  static void LimitMemory() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, 512 << 10) != 0 ||
        pthread_setattr_default_np(&attributes) != 0) {
      std::abort();
    }
    SetLimit(RLIMIT_DATA, kLimit);
  }
  static std::string Part(size_t file, size_t at) { return RandomText(kPart, file * 10'007 + at); }

  void WriteAndReadLarge(size_t file, size_t parts) {
    const std::string path = *this / ("large" + std::to_string(file));
    UniqueFd fd = OpenFd(path, O_RDWR | O_CREAT);
    for (size_t i = 0; i < parts; ++i) {
      const std::string part = Part(file, i);
      ASSERT_EQ(write(fd.get(), part.data(), kPart), static_cast<ssize_t>(kPart));
    }
    ASSERT_EQ(fsync(fd.get()), 0);
    // Anew, backwards: what is written over waits in memory to be committed.
    for (size_t i = parts; i-- > 0;) {
      const std::string part = Part(file + 1, i);
      ASSERT_EQ(pwrite(fd.get(), part.data(), kPart, static_cast<off_t>(i * kPart)),
                static_cast<ssize_t>(kPart));
    }
    ASSERT_EQ(fsync(fd.get()), 0);
    ASSERT_EQ(posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    std::string got(kPart, '\0');
    for (size_t i = 0; i < parts; ++i) {
      ASSERT_EQ(pread(fd.get(), got.data(), kPart, static_cast<off_t>(i * kPart)),
                static_cast<ssize_t>(kPart));
      ASSERT_TRUE(got == Part(file + 1, i)) << path << " at MiB " << i;
    }
  }
  void MakeAndReadSmall(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) WriteFile(*this / (prefix + std::to_string(i)), prefix);
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(ReadFile(*this / (prefix + std::to_string(i))), prefix) << i;
    }
  }
  void ListMany(size_t count) {
    struct stat st;
    size_t seen = 0;
    for (const auto& entry : stdfs::directory_iterator(*this / "many")) {
      if (::stat(entry.path().c_str(), &st) == 0) ++seen;
    }
    EXPECT_EQ(seen, count);
  }
};

TEST_F(HardLimitOfMemory, IsEnoughForWorkOfAllKindsAtOnceBelow128MiB) {
  if (kSanitized) GTEST_SKIP() << "what a sanitizer keeps counts";
  const size_t parts = IsFullRun() ? 256 : 48, many = IsFullRun() ? 200'000 : 5'000;
  const int small = IsFullRun() ? 20'000 : 500;
  stdfs::create_directory(share_ + "/many");
  for (size_t i = 0; i < many; ++i) {
    UniqueFd(
        open((share_ + "/many/e" + std::to_string(i) + ".jcd").c_str(), O_CREAT | O_WRONLY, 0644));
  }
  Mount({.before_serving = LimitMemory});
  std::atomic<bool> done{false};
  std::thread lister([&] {
    do ListMany(many);
    while (!done);
  });
  std::vector<std::thread> threads;
  for (size_t file = 0; file < 4; ++file) {
    threads.emplace_back([=, this] { WriteAndReadLarge(file, parts); });
  }
  for (const char* prefix : {"first", "second"}) {
    threads.emplace_back([=, this] { MakeAndReadSmall(prefix, small); });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  lister.join();
  std::printf("at most %lld MiB in memory, %lld MiB of data of %lld MiB\n",
              static_cast<long long>(KibOf(mount_->pid(), "VmHWM:") >> 10),
              static_cast<long long>(KibOf(mount_->pid(), "VmData:") >> 10),
              static_cast<long long>(kLimit >> 20));
  EXPECT_LT(KibOf(mount_->pid(), "VmHWM:"), int64_t{128} << 10);
  EXPECT_EQ(mount_->Unmount(), 0);
}

class HardLimitOfDescriptors : public Resources, public testing::WithParamInterface<rlim_t> {
 protected:
  void SetUp() override {
    Resources::SetUp();
    if (IsSkipped()) return;
    // The programs may open more than the mount.
    struct rlimit own;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &own), 0);
    own.rlim_cur = own.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &own);
    if (own.rlim_cur < GetParam() + 500) GTEST_SKIP() << "too few descriptors are to be had";
    Mount({.before_serving = [] { SetLimit(RLIMIT_NOFILE, GetParam()); }});
  }
  int Descriptors() const {
    return static_cast<int>(std::distance(
        stdfs::directory_iterator("/proc/" + std::to_string(mount_->pid()) + "/fd"), {}));
  }
};

std::vector<rlim_t> LimitsOfDescriptors() {
  if (IsFullRun()) return {1024, 4096};
  return {1024};
}
INSTANTIATE_TEST_SUITE_P(Of, HardLimitOfDescriptors, testing::ValuesIn(LimitsOfDescriptors()),
                         testing::PrintToStringParamName());

TEST_P(HardLimitOfDescriptors, IsEnoughForALargerTreeToBeListedCopiedAndRemoved) {
  const int files = IsFullRun() ? 10'000 : static_cast<int>(GetParam() + GetParam() / 4);
  for (int i = 0; i < files; ++i) {
    const std::string directory = *this / ("tree/d" + std::to_string(i / 200));
    if (i % 200 == 0) stdfs::create_directories(directory);
    WriteFile(directory + "/" + std::to_string(i), std::to_string(i));
  }
  const std::string tree = *this / "tree", copy = *this / "copy";
  EXPECT_EQ(Run("ls -lR " + tree), 0);
  EXPECT_EQ(Run("cp -r " + tree + " " + copy), 0);
  EXPECT_EQ(Run("diff -r " + tree + " " + copy), 0);
  EXPECT_EQ(Run("rm -r " + tree + " " + copy), 0);
  EXPECT_TRUE(IsAlive());
  EXPECT_EQ(List(mountpoint_), std::vector<std::string>());
  EXPECT_EQ(List(share_), std::vector<std::string>());
}

// They and who asks the kernel to forget files stand in one line for the directory's lock.
TEST_P(HardLimitOfDescriptors, IsEnoughForManyProgramsThatMakeFilesInOneDirectory) {
  const int files = static_cast<int>(GetParam()) * (IsFullRun() ? 2 : 1) / 2;
  std::vector<std::thread> programs;
  for (int program = 0; program < 8; ++program) {
    programs.emplace_back([=, this] {
      for (int i = 0; i < files; ++i) {
        const std::string name = std::to_string(program) + "-" + std::to_string(i);
        ASSERT_NO_THROW(WriteFile(*this / name, name)) << name << ": " << strerror(errno);
      }
    });
  }
  for (std::thread& program : programs) program.join();
  EXPECT_EQ(List(mountpoint_).size(), static_cast<size_t>(8 * files));
}

TEST_P(HardLimitOfDescriptors, IsEnoughForManyFilesThatAreSavedByRename) {
  const int files = static_cast<int>(GetParam()) * 2;
  stdfs::create_directories(*this / "saved");
  // Or all below it would be forgotten with it.
  const UniqueFd saved = OpenFd(*this / "saved", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < files; ++i) {
    const std::string fresh = *this / ("fresh" + std::to_string(i));
    const std::string name = *this / ("saved/" + std::to_string(i));
    ASSERT_NO_THROW(WriteFile(fresh, "content")) << i << ": " << strerror(errno);
    ASSERT_EQ(rename(fresh.c_str(), name.c_str()), 0) << i << ": " << strerror(errno);
  }
  EXPECT_EQ(List(*this / "saved").size(), static_cast<size_t>(files));
}

TEST_P(HardLimitOfDescriptors, LeavesAProgramItsWorkingDirectory) {
  const std::string place = *this / "a/b";
  stdfs::create_directories(place);
  const stdfs::path before = stdfs::current_path();
  stdfs::current_path(place);
  const int files = static_cast<int>(GetParam()) * 2;
  for (int i = 0; i < files; ++i) WriteFile(*this / std::to_string(i), "");
  char got[PATH_MAX];
  EXPECT_NE(getcwd(got, sizeof got), nullptr) << strerror(errno);
  EXPECT_EQ(std::string(got), place);
  stdfs::current_path(before);
}

TEST_P(HardLimitOfDescriptors, IsSaidByOpenAndOverOnceFilesAreClosed) {
  const int files = static_cast<int>(GetParam()) + 200;
  for (int i = 0; i < files; ++i) WriteFile(*this / std::to_string(i), std::to_string(i));
  std::set<int> written;
  for (int round = 0; round < 2; ++round) {
    std::map<int, UniqueFd> open_files;
    for (int i = 0; i < files; ++i) {
      UniqueFd fd(open((*this / std::to_string(i)).c_str(), O_RDWR | O_CLOEXEC));
      if (!fd) {
        ASSERT_TRUE(errno == EMFILE || errno == ENFILE) << i << ": " << strerror(errno);
        continue;
      }
      open_files.emplace(i, std::move(fd));
    }
    std::printf("%zu of %d were open, with %d descriptors\n", open_files.size(), files,
                Descriptors());
    EXPECT_GT(open_files.size(), GetParam() / 8);
    const int error = OpenErrno(*this / ("new" + std::to_string(round)), O_RDWR | O_CREAT);
    EXPECT_TRUE(error == 0 || error == EMFILE || error == ENFILE) << strerror(error);
    for (auto& [i, fd] : open_files) {
      const std::string text = std::to_string(i);
      std::string got(text.size(), '\0');
      ASSERT_EQ(pread(fd.get(), got.data(), got.size(), 0), static_cast<ssize_t>(got.size()))
          << i << ": " << strerror(errno);
      EXPECT_EQ(got, text);
      ASSERT_EQ(pwrite(fd.get(), text.data(), text.size(), 100), static_cast<ssize_t>(text.size()))
          << i << ": " << strerror(errno);
      ASSERT_EQ(close(fd.Release()), 0) << i << ": " << strerror(errno);
      written.insert(i);
    }
    for (int i = 0; i < files; ++i) {
      const std::string text = std::to_string(i), got = ReadFile(*this / text);
      EXPECT_EQ(got.substr(0, text.size()), text);
      EXPECT_EQ(got.size() > 100, written.contains(i)) << i;
    }
    WriteFile(*this / "after", "works");
    EXPECT_EQ(ReadFile(*this / "after"), "works");
  }
  EXPECT_EQ(mount_->Unmount(), 0);
}

}  // namespace
}  // namespace recrypt
