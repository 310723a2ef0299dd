// Runs the tests in a child, and unmounts behind it whatever it has left mounted: a stale mount
// would hang whoever comes next.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/secret.h"

namespace {

// Where a mount is, and of which type.
struct Mounted {
  std::string point, type;
};

std::vector<Mounted> Mounts() {
  std::vector<Mounted> found;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    Mounted one;
    std::string word;
    fields >> word >> word >> word >> word >> one.point;
    while (fields >> word && word != "-") {
    }
    fields >> one.type;
    found.push_back(std::move(one));
  }
  return found;
}

// A mount does not end while another namespace has a copy of it. So whoever copies the machine's
// meanwhile (unshare -m, a container) has none of the tests', and the tests keep none of others'.
void LeaveNamespace() {
  if (unshare(CLONE_NEWNS) != 0) return;
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  for (const Mounted& one : Mounts()) {
    if (one.type.rfind("fuse", 0) == 0) umount2(one.point.c_str(), MNT_DETACH);
  }
}

void CleanUp(const std::string& base) {
  const std::vector<Mounted> mounts = Mounts();
  for (auto one = mounts.rbegin(); one != mounts.rend(); ++one) {
    if (one->point.rfind(base + "/", 0) == 0) umount2(one->point.c_str(), MNT_DETACH);
  }
  std::error_code ignored;
  std::filesystem::remove_all(base, ignored);
}

volatile pid_t tests = -1;
// A run that is stopped from outside stops the tests, and cleans up after them.
void StopTests(int) {
  if (tests > 0) kill(tests, SIGKILL);
}

}  // namespace

int main(int argc, char** argv) {
  std::string base = "/tmp/recryptfs-tests-XXXXXX";
  if (const char* directory = std::getenv("TMPDIR")) {
    base = std::string(directory) + "/recryptfs-tests-XXXXXX";
  }
  if (mkdtemp(base.data()) == nullptr) return 2;
  LeaveNamespace();
  tests = fork();
  if (tests == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("RECRYPT_MOUNT_TESTS", base.c_str(), 1);
    recrypt::HardenProcess();
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
  }
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) std::signal(signal, StopTests);
  int status = 0;
  while (waitpid(tests, &status, 0) < 0 && errno == EINTR) {
  }
  CleanUp(base);
  if (WIFSIGNALED(status)) {
    std::fprintf(stderr, "the tests ended by signal %d\n", WTERMSIG(status));
    return 128 + WTERMSIG(status);
  }
  return WEXITSTATUS(status);
}
