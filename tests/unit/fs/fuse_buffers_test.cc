#include "fs/fuse_buffers.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace recrypt {
namespace {

TEST(FuseBuffers, AreWritableFromEndToEndAndAlignedToPages) {
  FuseBuffers buffers;
  std::vector<FuseBuffers::Buffer> held;
  for (int i = 0; i < 20; ++i) {
    held.push_back(buffers.Take());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(held.back().get()) % 4096, 0u);
    std::memset(held.back().get(), i, FuseBuffers::kSize);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(held[static_cast<size_t>(i)].get()[0], i);
    EXPECT_EQ(held[static_cast<size_t>(i)].get()[FuseBuffers::kSize - 1], i);
  }
}

TEST(FuseBuffers, AreUsedAgain) {
  FuseBuffers buffers;
  std::set<uint8_t*> seen;
  for (int i = 0; i < 100; ++i) seen.insert(buffers.Take().get());
  EXPECT_EQ(seen.size(), 1u);
}

TEST(FuseBuffers, ServeSeveralThreads) {
  FuseBuffers buffers;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 100; ++round) {
        const auto one = buffers.Take(), other = buffers.Take(), third = buffers.Take();
        for (const auto* buffer : {&one, &other, &third}) {
          std::memset(buffer->get(), thread, FuseBuffers::kSize);
        }
        ASSERT_EQ(one.get()[FuseBuffers::kSize - 1], thread);
        ASSERT_EQ(third.get()[0], thread);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace recrypt
