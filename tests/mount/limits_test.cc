// What the process that serves a mount needs: memory at its peak, under work of each kind.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

class Limits : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    if (kSanitized) GTEST_SKIP() << "a sanitizer needs more memory than the mount";
    dir_.MountMemory("share");
    struct rlimit limit;  // of open files; the mount inherits it
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  int64_t PeakMib() const {
    std::ifstream status("/proc/" + std::to_string(mount_->pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) >> 10;
    }
    ADD_FAILURE() << "the mount is gone";
    return 0;
  }
  void ExpectPeakBelow(int64_t mib) {
    const int64_t peak = PeakMib();
    std::printf("peak: %lld MiB\n", static_cast<long long>(peak));
    EXPECT_LT(peak, mib);
  }
};

TEST_F(Limits, AMetadataWorkloadStaysBelow64MiB) {
  const int made = IsFullRun() ? 50'000 : 2'000;
  const int listed = IsFullRun() ? 200'000 : 10'000;
  stdfs::create_directory(share_ + "/many");
  for (int i = 0; i < listed; ++i) {
    UniqueFd(
        open((share_ + "/many/e" + std::to_string(i) + ".jcd").c_str(), O_CREAT | O_WRONLY, 0644));
  }
  Mount();
  for (int i = 0; i < made; ++i) WriteFile(*this / ("f" + std::to_string(i)), "small");
  struct stat st;
  for (int i = 0; i < made; ++i) {
    ASSERT_EQ(::stat((*this / ("f" + std::to_string(i))).c_str(), &st), 0);
  }
  std::printf("made: %lld MiB\n", static_cast<long long>(PeakMib()));
  size_t seen = 0;
  for (const auto& entry : stdfs::directory_iterator(*this / "many")) {
    if (::stat(entry.path().c_str(), &st) == 0) ++seen;
  }
  EXPECT_EQ(seen, static_cast<size_t>(listed));
  for (int i = 0; i < made; ++i) {
    ASSERT_EQ(unlink((*this / ("f" + std::to_string(i))).c_str()), 0);
  }
  ExpectPeakBelow(64);
}

TEST_F(Limits, LargeWritesAndReadsStayBelow128MiB) {
  Mount();
  const int files = 16;
  const size_t size = IsFullRun() ? size_t{32} << 20 : size_t{4} << 20;
  const std::string part = RandomText(1 << 20, 7);
  std::vector<UniqueFd> open_files;
  for (int i = 0; i < files; ++i) {
    open_files.push_back(OpenFd(*this / std::to_string(i), O_RDWR | O_CREAT));
    ASSERT_EQ(ftruncate(open_files.back().get(), off_t{4} << 30), 0);
  }
  for (size_t at = 0; at < size; at += part.size()) {
    for (const UniqueFd& fd : open_files) {
      ASSERT_EQ(pwrite(fd.get(), part.data(), part.size(), static_cast<off_t>(at)),
                static_cast<ssize_t>(part.size()));
    }
  }
  for (const UniqueFd& fd : open_files) ASSERT_EQ(fsync(fd.get()), 0);
  std::string got(part.size(), '\0');
  for (size_t at = 0; at < size; at += part.size()) {
    for (const UniqueFd& fd : open_files) {
      ASSERT_EQ(pread(fd.get(), got.data(), got.size(), static_cast<off_t>(at)),
                static_cast<ssize_t>(got.size()));
      ASSERT_TRUE(got == part);
    }
  }
  ExpectPeakBelow(128);
}

// More than are loaded at once: what is used again is loaded again.
TEST_F(Limits, ManyFilesAreOpenAtOnceBelow128MiB) {
  const size_t count = IsFullRun() ? 10'000 : 3'000;
  Mount();
  const auto path = [&](size_t i) { return *this / std::to_string(i); };
  std::vector<UniqueFd> open_files;
  for (size_t i = 0; i < count; ++i) {
    WriteFile(path(i), std::to_string(i));
    open_files.push_back(OpenFd(path(i), i % 2 == 0 ? O_RDONLY : O_RDWR | O_APPEND));
  }
  for (size_t i = 0; i < count; ++i) {
    ASSERT_EQ(posix_fadvise(open_files[i].get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    char text[16];
    const ssize_t size = pread(open_files[i].get(), text, sizeof text, 0);
    ASSERT_GT(size, 0);
    EXPECT_EQ(std::string(text, static_cast<size_t>(size)), std::to_string(i));
    if (i % 2 == 1) {
      ASSERT_EQ(write(open_files[i].get(), "!", 1), 1);
      ASSERT_TRUE(i % 4 != 1 || fsync(open_files[i].get()) == 0);
    }
  }
  open_files.clear();
  for (size_t i = 0; i < count; ++i) {
    EXPECT_EQ(ReadFile(path(i)), std::to_string(i) + (i % 2 == 1 ? "!" : ""));
  }
  ExpectPeakBelow(128);
}

}  // namespace
}  // namespace recrypt
