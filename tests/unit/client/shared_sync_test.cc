#include "client/shared_sync.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

namespace recrypt {
namespace {

size_t TimesDone(size_t count) {
  std::atomic<size_t> done = 0;
  ForEachTogether(count, [&](size_t) { ++done; });
  return done;
}

TEST(ForEachTogether, DoesEachOnce) {
  EXPECT_EQ(TimesDone(0), 0u);
  EXPECT_EQ(TimesDone(1), 1u);
  EXPECT_EQ(TimesDone(1000), 1000u);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need room themselves
TEST(ForEachTogether, DoesItAloneWhereTheSystemGivesNoThreads) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_room{1 << 20, 1 << 20};  // for the stack of a thread
    if (setrlimit(RLIMIT_AS, &no_room) != 0) _exit(2);
    _exit(TimesDone(100) == 100 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
#endif

}  // namespace
}  // namespace recrypt
