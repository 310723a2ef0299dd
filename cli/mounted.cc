// recryptfs umount, lock, why: about mounts that serve already.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "cli/failures.h"
#include "cli/mount_table.h"
#include "cli/verbs.h"
#include "client/config.h"
#include "client/offline_leases.h"
#include "core/base/unique_fd.h"

extern char** environ;

namespace recrypt {
namespace {

// Runs fusermount3, which unmounts for users without privileges; its own words on failure.
Status RunFusermount(const std::string& mountpoint) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return FailErrno(errno, "making a pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
  std::string program = "fusermount3", flag = "-u", end = "--", point = mountpoint;
  const std::array<char*, 5> arguments = {program.data(), flag.data(), end.data(), point.data(),
                                          nullptr};
  pid_t child = 0;
  const int problem =
      posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) return FailErrno(problem, "running fusermount3");
  writer.Reset();
  std::string words(4096, '\0');
  const ssize_t size = read(reader.get(), words.data(), words.size());
  words.resize(size > 0 ? static_cast<size_t>(size) : 0);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (words.find("busy") != std::string::npos) {
    return Fail(ErrorCode::kBusy, mountpoint +
                                      " is in use: leave it, and close what is open "
                                      "there ('fuser -vm' lists it)");
  }
  while (words.ends_with('\n')) words.pop_back();
  return Fail(ErrorCode::kIo, "unmounting " + mountpoint + ": " + words);
}

// A descriptor to wait on; none when the process has gone, or is another user's in a container.
UniqueFd OpenProcess(const std::string& pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, std::atoi(pid.c_str()), 0)));
}

class Umount : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("MOUNTPOINT", &mountpoint_, "Where the share is mounted");
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const MountEntry mount, MountAt(mountpoint_));
    const auto pid = MountAttribute(mount.mountpoint, "user.jcd.pid");
    const bool dead = !pid && pid.error().os_error == ENOTCONN;
    const UniqueFd process = pid ? OpenProcess(*pid) : UniqueFd();
    RECRYPT_TRY(RunFusermount(mount.mountpoint));
    RECRYPT_TRY(WaitFor(context, mount, process));
    context.out.Line("Unmounted " + mount.mountpoint +
                     (dead ? "; its process had ended before: what it had not committed is lost."
                           : "; everything is committed."));
    context.out.Object({{"unmounted", mount.mountpoint}});
    return {};
  }

 private:
  // The process ends when all is committed and nobody sees the mount any more. Where somebody does,
  // at another place or in another namespace, that may be never.
  static Status WaitFor(Context& context, const MountEntry& mount, const UniqueFd& process) {
    constexpr int kPatience = 2'000;  // milliseconds, before saying what is being waited for
    constexpr int kPatienceWithCopies = 10'000;
    constexpr int kPatienceWithCommits = 600'000;
    if (!process || Ends(process, kPatience)) return {};
    if (!FindCopy(mount.device)) {
      context.out.Note("Waiting until everything is committed …");
      if (Ends(process, kPatienceWithCommits)) return {};
      return Fail(ErrorCode::kBusy, mount.mountpoint +
                                        " is unmounted, but its process has not ended within 10 "
                                        "minutes: see whether the share answers, and do not take "
                                        "it away before");
    }
    context.out.Note("Waiting for " + Describe(mount.device) + " …");
    if (Ends(process, kPatienceWithCopies)) return {};
    return Fail(ErrorCode::kBusy, mount.mountpoint + " is unmounted, but goes on for " +
                                      Describe(mount.device) +
                                      ": unmount it there, or end what uses it");
  }

  static bool Ends(const UniqueFd& process, int patience) {
    pollfd ended{process.get(), POLLIN, 0};
    return poll(&ended, 1, patience) > 0;
  }

  static std::string Describe(const std::string& device) {
    const auto copy = FindCopy(device);
    if (!copy) return "a copy of the mount that has just gone";
    return "a copy of the mount at " + copy->mountpoint + ", which process " + copy->pid + " (" +
           copy->program + ") sees";
  }

  std::string mountpoint_;
};

class LockMounts : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("MOUNTPOINT", &mountpoint_, "A mount; all of yours without it",
                     Need::kOptional);
  }

  Status Run(Context& context) override {
    std::vector<MountEntry> mounts;
    if (mountpoint_.empty()) {
      RECRYPT_ASSIGN(mounts, OwnMounts());
    } else {
      RECRYPT_ASSIGN(MountEntry mount, MountAt(mountpoint_));
      mounts.push_back(std::move(mount));
    }
    Json locked = Json::array();
    Failures failures(context.out, "mounts could not be locked, see above");
    for (const MountEntry& mount : mounts) {
      const Status done = Lock(mount.mountpoint);
      if (!done) {
        failures.Add(mount.mountpoint, done.error());
        continue;
      }
      context.out.Line("Locked " + mount.mountpoint +
                       ": what is opened from now on needs a new grant.");
      locked.push_back(mount.mountpoint);
    }
    // Also what no mount is using now.
    RECRYPT_ASSIGN(const ConfigDirectory directory, ConfigDirectory::Open());
    RECRYPT_TRY(OfflineLeases::WipeFolder(directory.OfflineFolder()));
    if (mounts.empty()) context.out.Note("Nothing is mounted; offline leases are gone.");
    context.out.Object({{"locked", std::move(locked)}});
    return failures.Close(mounts.size());
  }

 private:
  static Status Lock(const std::string& mountpoint) {
    if (lsetxattr(mountpoint.c_str(), "user.jcd.lock", "1", 1, 0) == 0) return {};
    if (errno == ENOTCONN) {
      return Fail(
          ErrorCode::kUnavailable,
          "its process has ended, and its keys with it: unmount it with 'recryptfs umount'");
    }
    return FailErrno(errno, "locking it");
  }

  std::string mountpoint_;
};

class Why : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("PATH", &path_, "A file or directory in a mount");
  }

  Status Run(Context& context) override {
    auto why = MountAttribute(path_, "user.jcd.why");
    if (!why && why.error().code == ErrorCode::kNotFound) {
      // What could not be made is not there: its directory remembers why.
      const std::string parent = std::filesystem::path(path_).parent_path().string();
      why = MountAttribute(parent.empty() ? "." : parent, "user.jcd.why");
    }
    if (!why) {
      const int problem = why.error().os_error;
      if (problem == ENODATA) return NothingRefused();
      if (problem == ENOTSUP) {
        return Fail(ErrorCode::kInvalid, path_ + " lies in no mount of recryptfs");
      }
      return Fail(why.error());
    }
    if (why->empty()) return NothingRefused();
    context.out.Line(*why);
    context.out.Object({{"path", path_}, {"why", *why}});
    return {};
  }

 private:
  Status NothingRefused() const {
    return Fail(ErrorCode::kNotFound, "nothing was refused at " + path_);
  }

  std::string path_;
};

constexpr std::array kVerbs = {
    Verb{"umount", "Unmount, and wait until everything is committed", "recryptfs umount ~/office",
         MakeCommand<Umount>},
    Verb{"lock", "Take all keys, grants, offline leases and cached plaintext away",
         "recryptfs lock ~/office", MakeCommand<LockMounts>},
    Verb{"why", "Say why a file in a mount was last refused",
         "recryptfs why ~/office/Accounting/report.odt", MakeCommand<Why>},
};

}  // namespace

std::span<const Verb> MountedVerbs() { return kVerbs; }

}  // namespace recrypt
