#include "cli/background.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

extern char** environ;

namespace recrypt {
namespace {

constexpr char kServing = '1';

Result<pid_t> Spawn(std::vector<std::string> arguments) {
  std::string program = "recryptfs";
  std::vector<char*> pointers = {program.data()};
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  const int problem =
      posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, pointers.data(), environ);
  if (problem != 0) return FailErrno(problem, "going into the background");
  return child;
}

int ExitStatusOf(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 1;
  }
  if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
  // A process that ends without having served has failed, whatever it says.
  return WEXITSTATUS(status) == 0 ? 1 : WEXITSTATUS(status);
}

}  // namespace

Result<int> StartInBackground(std::vector<std::string> arguments) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return FailErrno(errno, "making a pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  // Only this end is the child's.
  if (fcntl(writer.get(), F_SETFD, 0) != 0) return FailErrno(errno, "handing a pipe on");
  // Options before what is there: a "--" among it would make an argument of them.
  arguments.insert(arguments.begin() + 1, {kReadyOption, std::to_string(writer.get())});
  RECRYPT_ASSIGN(const pid_t child, Spawn(std::move(arguments)));
  writer.Reset();
  char answer = 0;
  ssize_t got = 0;
  do {
    got = read(reader.get(), &answer, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1 && answer == kServing) return 0;
  return ExitStatusOf(child);
}

BackgroundSignal::BackgroundSignal(int fd) : fd_(fd) { (void)fcntl(fd, F_SETFD, FD_CLOEXEC); }

Status BackgroundSignal::Serving() {
  const UniqueFd nowhere(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nowhere) return FailErrno(errno, "opening /dev/null");
  if (setsid() < 0 && errno != EPERM) return FailErrno(errno, "leaving the session");
  if (chdir("/") != 0) return FailErrno(errno, "leaving the working directory");
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (dup2(nowhere.get(), standard) < 0) return FailErrno(errno, "leaving the terminal");
  }
  // A parent that is gone meanwhile makes no difference (SIGPIPE is ignored by who serves).
  if (fd_) (void)!write(fd_.get(), &kServing, 1);
  fd_.Reset();
  return {};
}

}  // namespace recrypt
