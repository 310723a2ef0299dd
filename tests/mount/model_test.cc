// Random operations on files of a mount, against the same on a string.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

class Model : public MountTest, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    random_.seed(static_cast<unsigned>(GetParam()));
    Mount();
    fd_ = OpenFd(*this / "f", O_RDWR | O_CREAT);
  }

  size_t Below(size_t n) { return random_() % n; }
  size_t Offset() {
    // Around edges of blocks and groups as often as anywhere.
    if (Below(3) != 0) return Below(kMaxSize);
    const size_t unit = Below(2) == 0 ? 4096 : 524288;
    const size_t edge = unit * Below(kMaxSize / unit);
    return edge + Below(3) - (edge == 0 ? 0 : 1);
  }
  size_t Length() { return Below(4) == 0 ? 1 + Below(700'000) : 1 + Below(9'000); }

  void Write() {
    const size_t offset = Offset();
    const std::string data = RandomText(Length(), random_());
    ASSERT_EQ(pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(data.size()));
    if (model_.size() < offset + data.size()) model_.resize(offset + data.size(), '\0');
    model_.replace(offset, data.size(), data);
  }
  void Read() {
    const size_t offset = Offset();
    std::string got(Length(), '\0');
    const ssize_t size = pread(fd_.get(), got.data(), got.size(), static_cast<off_t>(offset));
    ASSERT_GE(size, 0);
    got.resize(static_cast<size_t>(size));
    const std::string wanted =
        offset >= model_.size() ? "" : model_.substr(offset, std::max<size_t>(got.size(), 1));
    ASSERT_TRUE(got == wanted) << offset << " " << size;
  }
  void Truncate() {
    const size_t size = Below(8) == 0 ? 0 : Offset();
    ASSERT_EQ(ftruncate(fd_.get(), static_cast<off_t>(size)), 0);
    model_.resize(size, '\0');
  }
  void Punch() {
    const size_t offset = Offset(), length = Length();
    ASSERT_EQ(fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        static_cast<off_t>(offset), static_cast<off_t>(length)),
              0);
    if (offset >= model_.size()) return;
    const size_t covered = std::min(length, model_.size() - offset);
    model_.replace(offset, covered, std::string(covered, '\0'));
  }
  void WriteMapped() {
    if (model_.empty()) return;
    void* memory = mmap(nullptr, model_.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    ASSERT_NE(memory, MAP_FAILED);
    const size_t offset = Below(model_.size());
    const std::string data =
        RandomText(std::min(model_.size() - offset, 1 + Below(20'000)), random_());
    std::copy(data.begin(), data.end(), static_cast<char*>(memory) + offset);
    model_.replace(offset, data.size(), data);
    munmap(memory, model_.size());
  }
  void Reopen() {
    fd_.Reset();
    if (Below(4) == 0) Mount();
    fd_ = OpenFd(*this / "f", O_RDWR);
  }
  void Step() {
    switch (Below(20)) {
      case 0:
        return Truncate();
      case 1:
        return Punch();
      case 2:
        return WriteMapped();
      case 3:
        ASSERT_EQ(fsync(fd_.get()), 0);
        return;
      case 4:
        return Reopen();
      default:
        return Below(2) == 0 ? Write() : Read();
    }
  }

  static constexpr size_t kMaxSize = 3'000'000;
  std::mt19937 random_;
  std::string model_;
  UniqueFd fd_;
};

TEST_P(Model, AgreesWithAByteString) {
  const int steps =
      std::getenv("RECRYPT_FULL") != nullptr && *std::getenv("RECRYPT_FULL") != 0 ? 20'000 : 600;
  for (int step = 0; step < steps; ++step) {
    Step();
    ASSERT_FALSE(HasFatalFailure()) << "step " << step;
  }
  fd_.Reset();
  ASSERT_TRUE(ReadFile(*this / "f") == model_);
  Mount();
  ASSERT_TRUE(ReadFile(*this / "f") == model_);
  EXPECT_EQ(stdfs::file_size(Stored("f.jcd")), StoredLengthFromSize(model_.size()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Model, testing::Range(1, 7));

TEST_F(MountTest, ManyFilesFromManyThreads) {
  Mount();
  constexpr int kThreads = 8, kFiles = 60;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kFiles; ++i) {
        const std::string name = *this / (std::to_string(t) + "-" + std::to_string(i));
        const std::string content = RandomText(static_cast<size_t>(i) * 997, 1'000u + i);
        WriteFile(name + "~", content);
        ASSERT_EQ(rename((name + "~").c_str(), name.c_str()), 0);
        ASSERT_TRUE(ReadFile(name) == content);
        if (i % 3 == 0) {
          ASSERT_EQ(unlink(name.c_str()), 0);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(List(mountpoint_).size(), size_t{kThreads * kFiles * 2 / 3});
}

}  // namespace
}  // namespace recrypt
