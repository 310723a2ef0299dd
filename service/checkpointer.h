// Checkpointer: now and then the service signs where its audit log stands, so that whoever changes
// the store later needs the service's key as well (docs/PROTOCOL.md, 5).
//
//   Checkpointer checkpointer(keys, domain, clock, store, committer, std::chrono::minutes(1));
//   checkpointer.Stop();   // before the committer: signs the last one
//
// One when the log has grown since the last, from a thread of its own, off the path of grants.
// Thread safe.
#ifndef RECRYPT_SERVICE_CHECKPOINTER_H_
#define RECRYPT_SERVICE_CHECKPOINTER_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "service/committer.h"
#include "service/service_keys.h"

namespace recrypt {

class Checkpointer {
 public:
  // All references outlive this object.
  Checkpointer(const ServiceKeys& keys, std::string domain, const Clock& clock, Store& store,
               Committer& committer, std::chrono::milliseconds interval);
  ~Checkpointer();

  void Stop();
  // The record that the last checkpoint since the start was about; 0: none yet.
  uint64_t signed_sequence() const { return signed_sequence_; }

 private:
  void Run();
  Status Sign();

  const ServiceKeys& keys_;
  const std::string domain_;
  const Clock& clock_;
  Store& store_;
  Committer& committer_;
  const std::chrono::milliseconds interval_;
  std::atomic<uint64_t> signed_sequence_ = 0;  // set by the thread alone
  std::mutex mutex_;                           // guards stopping_
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: starts when all is there
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_CHECKPOINTER_H_
