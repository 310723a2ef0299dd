// Long random runs on one document, through one mount and through two of the same share.
//
// RECRYPT_SEED repeats the runs of one seed; RECRYPT_FULL makes a million operations.
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "tests/full_run.h"
#include "tests/mount/support/exerciser.h"
#include "tests/mount/support/two_mounts.h"

namespace recrypt {
namespace {

struct Shape {
  const char* name;
  size_t max_size;
  size_t max_length;
  int steps;  // of each seed
  int full_steps;
};

// Within one group of blocks; over several; over so many that there are index blocks.
constexpr Shape kSmall{"Small", 200'000, 20'000, 2'500, 40'000};
constexpr Shape kMedium{"Medium", 2'700'000, 300'000, 700, 20'000};
constexpr Shape kLarge{"Large", 140'000'000, 3'000'000, 25, 400};

class Fsx : public MountTest, public testing::WithParamInterface<Shape> {
 protected:
  void TearDown() override {
    other_.reset();
    MountTest::TearDown();
  }
  std::vector<uint64_t> Seeds() const {
    if (const char* seed = std::getenv("RECRYPT_SEED")) return {std::stoull(seed)};
    if (!IsFullRun()) return {1, 2};
    return {11, 12, 13, 14, 15, 16};
  }
  void MountSide(size_t side, StoreIs store) {
    MountSettings settings = SettingsOver(store);
    if (side == 0) {
      Mount(std::move(settings));
      return;
    }
    other_.reset();
    other_ = std::make_unique<TestMount>(share_, dir_.Make("other"), *bob_, std::move(settings));
  }
  void RunAll(size_t mounts, StoreIs store) {
    bob_ = std::make_unique<FakeAccess>(labels_, "bob@example.net");
    const Shape& shape = GetParam();
    for (uint64_t seed : Seeds()) {
      std::printf("seed: %llu\n", static_cast<unsigned long long>(seed));
      ExerciserOptions options{.seed = seed, .paths = {*this / "f"}};
      options.max_size = shape.max_size;
      options.max_length = shape.max_length;
      options.remount = [this, store](size_t side) { MountSide(side, store); };
      MountSide(0, store);
      if (mounts == 2) {
        MountSide(1, store);
        options.paths.push_back(*other_ / "f");
      }
      Exerciser(options).Run(IsFullRun() ? shape.full_steps : shape.steps);
      if (HasFailure()) return;
    }
  }

  std::unique_ptr<FakeAccess> bob_;
  std::unique_ptr<TestMount> other_;
};

TEST_P(Fsx, AMountAgreesWithAByteString) { RunAll(1, StoreIs::kLocal); }

TEST_P(Fsx, TwoMountsInTurnsAgreeWithAByteString) { RunAll(2, StoreIs::kLocal); }

TEST_P(Fsx, TwoMountsOverAStoreThatCachesAgreeWithAByteString) { RunAll(2, StoreIs::kCaching); }

INSTANTIATE_TEST_SUITE_P(Sizes, Fsx, testing::Values(kSmall, kMedium, kLarge),
                         [](const auto& shape) { return std::string(shape.param.name); });

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
