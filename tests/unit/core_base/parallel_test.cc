#include "core/base/parallel.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace recrypt {
namespace {

std::vector<int> TimesDone(size_t parts) {
  std::vector<std::atomic<int>> times(parts);
  InParallel(parts, [&](size_t i) { ++times[i]; });
  return {times.begin(), times.end()};
}

TEST(InParallel, DoesEachPartOnce) {
  for (const size_t parts : {0, 1, 2, 3, 100, 10'000}) {
    EXPECT_EQ(TimesDone(parts), std::vector<int>(parts, 1)) << parts;
  }
}

TEST(InParallel, IsDoneWhenItReturns) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> done{0};
    InParallel(8, [&](size_t i) {
      if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
      ++done;
    });
    ASSERT_EQ(done, 8);
  }
}

TEST(InParallel, UsesAnotherProcessor) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "there is one processor";
  std::mutex mutex;
  std::set<std::thread::id> threads;
  InParallel(2, [&](size_t) {
    {
      std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    // Until the other part is with somebody else, or nobody comes on a loaded machine.
    for (int i = 0; i < 5000; ++i) {
      {
        std::lock_guard lock(mutex);
        if (threads.size() == 2) return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_EQ(threads.size(), 2u);
}

TEST(InParallel, ServesManyCallersAndPartsThatCallIt) {
  std::atomic<int> done{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        InParallel(4, [&](size_t) { InParallel(3, [&](size_t) { ++done; }); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 6 * 100 * 12);
}

TEST(InParallel, GoesOnAloneAfterAFork) {
  EXPECT_EQ(TimesDone(4), std::vector<int>(4, 1));
  const pid_t child = fork();
  if (child == 0) _exit(TimesDone(100) == std::vector<int>(100, 1) ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace recrypt
