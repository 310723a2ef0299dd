// Committer: writes to the store, one transaction at a time. What arrives while one is under way
// shares the next (group commit), which a thread of the committer's writes.
//
//   committer.Submit(body, [](Status outcome) { … });   // durable when the outcome is success
//
// Where no disk is waited for, what arrives while none is under way is written by its caller: a
// hand-over to another thread and back costs more than the transaction. Thread safe. Outcomes are
// told on the thread that wrote, in the order of the commits; they must not block.
#ifndef RECRYPT_SERVICE_COMMITTER_H_
#define RECRYPT_SERVICE_COMMITTER_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "service/store.h"

namespace recrypt {

class Committer {
 public:
  using Done = std::function<void(Status)>;
  // kOwnThread: of a store that waits for the disk, so that no thread of the server does.
  enum class Writer { kCaller, kOwnThread };

  explicit Committer(Store& store, Writer writer = Writer::kOwnThread);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Tells kUnavailable at once when too much is waiting, or after Stop.
  void Submit(Store::WriteBody body, Done done);

  // How much waits to be written.
  size_t waiting() const;

  // Writes what was submitted before, tells its outcomes, and ends the thread.
  void Stop();

 private:
  static constexpr size_t kMaxWaiting = 4096;
  static constexpr size_t kMaxBatch = 256;

  void Run();
  // Writes and tells with the lock let go.
  void Write(std::unique_lock<std::mutex>& lock, std::span<const Store::WriteBody> bodies,
             std::span<const Done> dones);

  Store& store_;
  const Writer writer_;
  mutable std::mutex mutex_;  // guards what follows up to thread_
  std::condition_variable wake_;
  std::vector<Store::WriteBody> bodies_;
  std::vector<Done> dones_;
  bool writing_ = false;  // the thread, or a caller
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_COMMITTER_H_
