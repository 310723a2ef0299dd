#include "daemon/mount/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <string>
#include <thread>

#include "core/base/unique_fd.h"
#include "core/jcd/geometry.h"
#include "fs/file_system.h"
#include "fs/fuse_session.h"
#include "fs/posix_store.h"

namespace recrypt {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// Every inode that the kernel knows costs a descriptor. Returns how many there can be.
size_t RaiseDescriptorLimit() {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

Result<std::string> AbsolutePath(const std::string& path) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) == nullptr) return FailErrno(errno, path);
  return std::string(resolved);
}

bool TakeOption(std::vector<std::string>& options, std::string_view wanted) {
  return std::erase(options, wanted) != 0;
}

Result<SessionOptions> SessionFor(const MountOptions& options) {
  SessionOptions session;
  RECRYPT_ASSIGN(session.mountpoint, AbsolutePath(options.mountpoint));
  RECRYPT_ASSIGN(session.source, AbsolutePath(options.share));
  session.more = options.options;
  session.read_only = TakeOption(session.more, "ro");
  TakeOption(session.more, "rw");
  session.allow_other = TakeOption(session.more, "allow_other");
  // A mount for one user leaves it to the share, which knows its own access lists, what that user
  // may do; one for several has to tell them apart itself.
  session.default_permissions =
      TakeOption(session.more, "default_permissions") || session.allow_other;
  return session;
}

// Waits for a signal that ends the mount, writes back what the kernel still holds, and stops it.
class SignalWatch {
 public:
  SignalWatch(FuseSession& session, FileSystem& fs, LogSink log)
      : session_(session), fs_(fs), log_(std::move(log)), thread_([this] { Run(); }) {}
  ~SignalWatch() {
    done_ = true;
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }

 private:
  void Run() {
    const sigset_t signals = StopSignals();
    int signal = 0;
    while (sigwait(&signals, &signal) != 0) {
    }
    if (done_) return;
    log_(LogLevel::kInfo, "ending by signal " + std::to_string(signal));
    // Pages that were changed through mappings come in as writes, which are still served.
    UniqueFd root(open(session_.options().mountpoint.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (root) (void)syncfs(root.get());
    fs_.StopNotifying();
    session_.Stop();
  }

  FuseSession& session_;
  FileSystem& fs_;
  const LogSink log_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

// The kernel reads 128 KiB ahead in any FUSE mount, unless somebody who may (root) asks for more:
// here as much as stands behind one table.
void RaiseReadAhead(const std::string& mountpoint) {
  struct stat st;
  if (stat(mountpoint.c_str(), &st) != 0) return;
  const std::string device =
      std::to_string(major(st.st_dev)) + ":" + std::to_string(minor(st.st_dev));
  std::ofstream("/sys/class/bdi/" + device + "/read_ahead_kb") << kGroupBytes / 1024;
}

// Asks the mount for something that only a serving mount answers, then says so.
class ReadyWatch {
 public:
  ReadyWatch(FuseSession& session, FileSystem& fs, const std::function<Status()>& serving)
      : thread_([this, &session, &fs, &serving] {
          struct statfs st;
          if (statfs(session.options().mountpoint.c_str(), &st) != 0) {
            result_ = FailErrno(errno, "the mount does not answer");
          } else if (serving) {
            result_ = serving();
          }
          if (result_ && geteuid() == 0) RaiseReadAhead(session.options().mountpoint);
          if (result_) return;
          fs.StopNotifying();
          session.Stop();
        }) {}
  Status Join() {
    thread_.join();
    return result_;
  }

 private:
  Status result_;
  std::thread thread_;
};

Result<std::unique_ptr<Store>> OpenStore(const std::string& share, const MountServices& services) {
  if (services.open_store) return services.open_store(share);
  return PosixStore::Open(share);
}

}  // namespace

void BlockStopSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

Status RunMount(const MountOptions& options, const MountServices& services) {
  RECRYPT_TRY(CheckMount(options.share, options.mountpoint));
  RECRYPT_ASSIGN(SessionOptions session_options, SessionFor(options));
  BlockStopSignals();
  signal(SIGPIPE, SIG_IGN);
  const size_t descriptors = RaiseDescriptorLimit();
  // What one thread allocates another frees; an arena for each keeps more than it saves in time.
  (void)mallopt(M_ARENA_MAX, 2);
  umask(0);  // the kernel has applied the caller's already

  services.access.SetWarn(
      [log = services.log](const std::string& what) { log(LogLevel::kWarning, what); });
  RECRYPT_ASSIGN(auto store, OpenStore(session_options.source, services));
  FuseSession session(session_options, services.log);
  FileSystemOptions fs_options;
  fs_options.label = options.label;
  fs_options.verify_policy = services.verify_policy;
  fs_options.max_known = std::min(fs_options.max_known, descriptors * 3 / 8);
  fs_options.max_loaded = std::min(fs_options.max_loaded, descriptors / 8);
  fs_options.max_unsettled = std::min(fs_options.max_unsettled, descriptors / 16);
  fs_options.lock_wait_ms = services.lock_wait_ms;
  fs_options.own_by_caller = geteuid() == 0;
  RECRYPT_ASSIGN(auto fs, FileSystem::Create(fs_options, *store, services.access, services.clock,
                                             session, services.log));
  RECRYPT_TRY(session.Mount(*fs));
  Status ready;
  {
    SignalWatch signals(session, *fs, services.log);
    ReadyWatch watch(session, *fs, services.serving);
    session.Serve();
    if (services.ending) services.ending();
    ready = watch.Join();
  }
  fs->Shutdown();
  return ready;
}

}  // namespace recrypt
