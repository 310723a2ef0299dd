// The mount process: from a checked pair of share and mountpoint until it is unmounted.
//
//   BlockStopSignals();                              // at the start of main, before any thread
//   ...open the client, make its Access...
//   Status ended = RunMount(options, services);      // returns when the share is unmounted
//
// Ends by `umount`, `fusermount3 -u`, SIGTERM, SIGINT or SIGHUP, each with everything committed.
// Called once in a process, which should be its own: descriptors, umask and signals are set for it.
#ifndef RECRYPT_DAEMON_MOUNT_MOUNT_H_
#define RECRYPT_DAEMON_MOUNT_MOUNT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/access.h"
#include "core/base/clock.h"
#include "core/label/expression.h"
#include "fs/directory_labels.h"
#include "fs/file_system.h"
#include "fs/log.h"
#include "fs/store.h"

namespace recrypt {

struct MountOptions {
  std::string share;
  std::string mountpoint;
  std::optional<LabelExpression> label;  // for new files where the share's policy has none
  // As after -o: `ro`, `allow_other`, `nodev`, … each one option.
  std::vector<std::string> options;
};

struct MountServices {
  Access& access;
  const Clock& clock;
  PolicyVerifier verify_policy;  // of the share's policy document
  LogSink log;
  std::function<Status()> serving;  // called once the mount answers; an error ends it. May be empty
  // For another mount's lock on a document, before EBUSY.
  int64_t lock_wait_ms = FileSystemOptions().lock_wait_ms;
  // How the share is reached; PosixStore::Open when empty.
  std::function<Result<std::unique_ptr<Store>>(const std::string& share)> open_store = {};
  // Called once it answers no more, before what is left is committed. May be empty.
  std::function<void()> ending = {};
};

// Keeps the signals that end a mount for the thread that waits for them. Threads made later
// inherit it.
void BlockStopSignals();

// The mount's preconditions, each with a message that says what to do: the share is there, the
// mountpoint is an empty directory where nothing is mounted, neither lies in the other.
Status CheckMount(const std::string& share, const std::string& mountpoint);

Status RunMount(const MountOptions& options, const MountServices& services);

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_MOUNT_MOUNT_H_
