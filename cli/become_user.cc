#include "cli/become_user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>

extern char** environ;

namespace recrypt {
namespace {

Status TakeEnvironmentOf(const passwd& user) {
  std::map<std::string, std::string> environment = {
      {"HOME", user.pw_dir},
      {"USER", user.pw_name},
      {"LOGNAME", user.pw_name},
      {"SHELL", user.pw_shell},
      {"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}};
  for (const char* name : {"LANG", "TERM", "NO_COLOR"}) {
    if (const char* value = std::getenv(name)) environment[name] = value;
  }
  const std::string runtime = "/run/user/" + std::to_string(user.pw_uid);
  std::error_code none;
  if (std::filesystem::is_directory(runtime, none)) environment["XDG_RUNTIME_DIR"] = runtime;
  if (clearenv() != 0) return FailErrno(ENOMEM, "clearing the environment");
  for (const auto& [name, value] : environment) {
    if (setenv(name.c_str(), value.c_str(), 1) != 0) return FailErrno(errno, "setting " + name);
  }
  return {};
}

}  // namespace

Status BecomeUser(const std::string& name) {
  errno = 0;
  const passwd* user = getpwnam(name.c_str());
  if (user == nullptr) {
    if (errno != 0 && errno != ENOENT && errno != ESRCH) {
      return FailErrno(errno, "looking for the user " + name);
    }
    return Fail(ErrorCode::kNotFound, "there is no user " + name);
  }
  if (user->pw_uid == getuid() && getuid() == geteuid()) return {};
  if (geteuid() != 0) {
    return Fail(ErrorCode::kDenied, "only root uses the keys of " + name + " for them");
  }
  // The user last: without root's, the other two cannot be changed.
  if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
      setuid(user->pw_uid) != 0) {
    return FailErrno(errno, "becoming " + name);
  }
  return TakeEnvironmentOf(*user);
}

Status RunAgain(std::vector<std::string> arguments) {
  std::string program = "recryptfs";
  std::vector<char*> pointers = {program.data()};
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execve("/proc/self/exe", pointers.data(), environ);
  return FailErrno(errno, "running recryptfs");
}

}  // namespace recrypt
