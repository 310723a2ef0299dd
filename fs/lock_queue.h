// LockQueue: requests that wait for a lock which somebody has, F_SETLKW and flock without LOCK_NB.
//
//   queue.Wait(key, [=] { return locks.Take(...); }, [=](const Status& taken) { reply(taken); });
//   queue.Interrupt(key);    // its program got a signal: answered with EINTR
//
// Who has the lock may be at another mount, or another machine, and does not tell when it lets go:
// one thread tries again every few milliseconds, and at once when a lock of this mount is released.
// Thread safe. Attempts and answers are called without a lock held, one at a time.
#ifndef RECRYPT_FS_LOCK_QUEUE_H_
#define RECRYPT_FS_LOCK_QUEUE_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

class LockQueue {
 public:
  using Key = const void*;  // names a request until it has been answered

  LockQueue() : thread_([this] { Run(); }) {}
  ~LockQueue() { Stop(); }

  // kBusy from `attempt` means to go on waiting. Exactly one call of `done` follows.
  void Wait(Key key, std::function<Status()> attempt, std::function<void(const Status&)> done);
  // May come before its Wait.
  void Interrupt(Key key);
  // `key` is about to be answered, and may then name another request.
  void Forget(Key key);
  void LockWasReleased();
  // Answers what still waits with EINTR.
  void Stop();

 private:
  struct Waiting {
    Key key;
    std::function<Status()> attempt;
    std::function<void(const Status&)> done;
  };
  void Run();
  bool IsInterrupted(Key key);

  std::mutex mutex_;  // guards what follows; innermost
  std::condition_variable wake_;
  std::vector<Waiting> arrived_;
  std::set<Key> interrupted_;
  bool released_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_LOCK_QUEUE_H_
