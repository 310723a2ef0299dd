// A large directory that is listed while others make, remove and rename files in it, and removed.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <set>
#include <thread>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

using std::chrono::steady_clock;

double Seconds(steady_clock::time_point since) {
  return std::chrono::duration<double>(steady_clock::now() - since).count();
}

enum class ShareLies { kInMemory, kOnDisk };

class LargeDirectory : public MountTest, public testing::WithParamInterface<ShareLies> {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (!IsSkipped() && GetParam() == ShareLies::kInMemory) dir_.MountMemory("share");
  }
  // As others have left it on the share: documents without content.
  void Fill(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) {
      UniqueFd fd(open((share_ + "/many/" + prefix + std::to_string(i) + ".jcd").c_str(),
                       O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
      ASSERT_TRUE(fd);
    }
  }
  std::string At(const std::string& prefix, int number) const {
    return *this / ("many/" + prefix + std::to_string(number));
  }
  // How often each name is listed.
  std::map<std::string, int> ListOnce() const {
    std::map<std::string, int> seen;
    for (const auto& entry : stdfs::directory_iterator(*this / "many")) {
      ++seen[entry.path().filename()];
    }
    return seen;
  }
};

INSTANTIATE_TEST_SUITE_P(Of, LargeDirectory,
                         testing::Values(ShareLies::kInMemory, ShareLies::kOnDisk),
                         [](const auto& info) {
                           return info.param == ShareLies::kInMemory ? "Memory" : "Disk";
                         });

TEST_P(LargeDirectory, IsListedOnceWhileItChangesAndThenRemoved) {
  const int stay = IsFullRun() ? 160'000 : 3'000, change = IsFullRun() ? 20'000 : 1'000;
  stdfs::create_directory(share_ + "/many");
  Fill("stays", stay);
  Fill("goes", change);
  Fill("moves", change);
  // What the kernel is to forget stands in line for the directory's lock with all of these.
  Mount({.before_serving = [] {
    const rlim_t descriptors = IsFullRun() ? 20'000 : 1'024;
    const struct rlimit limit = {descriptors, descriptors};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) std::abort();
  }});
  std::atomic<int> working{3};
  const auto start_of_change = [&](auto act) {
    return std::thread([&, act] {
      for (int i = 0; i < change; ++i) act(i);
      --working;
    });
  };
  std::vector<std::thread> changers;
  changers.push_back(
      start_of_change([&](int i) { EXPECT_NO_THROW(WriteFile(At("new", i), "content")) << i; }));
  changers.push_back(
      start_of_change([&](int i) { EXPECT_EQ(unlink(At("goes", i).c_str()), 0) << i; }));
  changers.push_back(start_of_change(
      [&](int i) { EXPECT_EQ(rename(At("moves", i).c_str(), At("moved", i).c_str()), 0) << i; }));
  int listings = 0;
  auto start = steady_clock::now();
  do {
    const std::map<std::string, int> seen = ListOnce();
    for (int i = 0; i < stay; ++i) {
      const auto found = seen.find("stays" + std::to_string(i));
      ASSERT_EQ(found == seen.end() ? 0 : found->second, 1) << "stays" << i;
    }
    ++listings;
  } while (working != 0);
  for (std::thread& thread : changers) thread.join();
  std::printf("%d changes, and %d listings of %d names, in %.2f s\n", 3 * change, listings, stay,
              Seconds(start));
  EXPECT_GT(listings, 1);
  EXPECT_EQ(ListOnce().size(), static_cast<size_t>(stay + 2 * change));
  EXPECT_EQ(ReadFile(At("new", change - 1)), "content");
  start = steady_clock::now();
  EXPECT_EQ(std::system(("rm -r " + (*this / "many")).c_str()), 0);
  std::printf("removed in %.2f s\n", Seconds(start));
  EXPECT_EQ(List(share_), std::vector<std::string>());
}

}  // namespace
}  // namespace recrypt
