// Committer: the one thread that writes to the store. What arrives while it is writing shares the
// next transaction, and so the next sync of the disk (group commit).
//
//   committer.Submit(body, [](Status outcome) { … });   // durable when the outcome is success
//
// Thread safe. Outcomes are told on the committer's thread, in the order of the commits; they must
// not block.
#ifndef RECRYPT_SERVICE_COMMITTER_H_
#define RECRYPT_SERVICE_COMMITTER_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "service/store.h"

namespace recrypt {

class Committer {
 public:
  using Done = std::function<void(Status)>;

  explicit Committer(Store& store);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Tells kUnavailable at once when too much is waiting, or after Stop.
  void Submit(Store::WriteBody body, Done done);

  // Writes what was submitted before, tells its outcomes, and ends the thread.
  void Stop();

 private:
  static constexpr size_t kMaxWaiting = 4096;
  static constexpr size_t kMaxBatch = 256;

  void Run();
  void WriteBatch(std::vector<Store::WriteBody>& bodies, std::vector<Done>& dones);

  Store& store_;
  std::mutex mutex_;  // guards bodies_, dones_, stopping_
  std::condition_variable wake_;
  std::vector<Store::WriteBody> bodies_;
  std::vector<Done> dones_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_COMMITTER_H_
