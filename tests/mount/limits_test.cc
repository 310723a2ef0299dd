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
    dir_.MountMemory("share");
    struct rlimit limit = {65536, 65536};  // of open files; the mount inherits it
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      getrlimit(RLIMIT_NOFILE, &limit);
      limit.rlim_cur = limit.rlim_max;
      setrlimit(RLIMIT_NOFILE, &limit);
    }
    descriptors_ = limit.rlim_cur;
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

  rlim_t descriptors_ = 0;
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

TEST_F(Limits, ManyFilesAreOpenAtOnceBelow128MiB) {
  const size_t wanted = IsFullRun() ? 10'000 : 1'000;
  const size_t count = std::min<size_t>(wanted, descriptors_ / 4);
  Mount();
  std::vector<UniqueFd> open_files;
  for (size_t i = 0; i < count; ++i) {
    const std::string path = *this / std::to_string(i);
    WriteFile(path, std::to_string(i));
    open_files.push_back(OpenFd(path, i % 2 == 0 ? O_RDONLY : O_RDWR));
  }
  for (size_t i = 0; i < count; ++i) {
    char text[16];
    const ssize_t size = pread(open_files[i].get(), text, sizeof text, 0);
    ASSERT_GT(size, 0);
    EXPECT_EQ(std::string(text, static_cast<size_t>(size)), std::to_string(i));
  }
  ExpectPeakBelow(128);
}

}  // namespace
}  // namespace recrypt
