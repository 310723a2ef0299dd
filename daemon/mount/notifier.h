// Notifier: hands notices to the desktop off everybody's path, and not too many of them.
//
//   Notifier notifier(clock, SendToDesktop);
//   notifier.Tell(AccessEnded(labels, error.code));   // returns at once
//
// Five in a minute are shown, of more only how many there were, with the next. What cannot be shown
// is dropped: a notice is a courtesy. Thread safe.
#ifndef RECRYPT_DAEMON_MOUNT_NOTIFIER_H_
#define RECRYPT_DAEMON_MOUNT_NOTIFIER_H_

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>

#include "core/base/clock.h"
#include "core/base/task_thread.h"
#include "daemon/mount/notice.h"

namespace recrypt {

class Notifier {
 public:
  // Shows a notice; gives up soon once `stop` says true.
  using Show = std::function<Status(const Notice& notice, const std::function<bool()>& stop)>;

  static constexpr size_t kMaxInAMinute = 5;

  // `clock` outlives this object. Starts a thread: make it after any fork.
  Notifier(const Clock& clock, Show show);
  ~Notifier();

  void Tell(Notice notice);

 private:
  const Clock& clock_;
  const Show show_;
  std::mutex mutex_;  // guards what follows; innermost but for the thread's own
  std::deque<int64_t> shown_ms_;
  uint64_t left_out_ = 0;

  std::atomic<bool> stopping_{false};
  TaskThread thread_;  // last: ends first
};

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_MOUNT_NOTIFIER_H_
