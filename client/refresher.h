// Refresher: asks a service again for what is known already, while the last answer goes on serving.
//
//   refresher.Refresh("A#example.com", [slot] { ...asks, and keeps the answer in the slot... });
//   ...use what the slot has now...
//
// The caller waits for the new answer, but not for long: who hangs must not keep anybody from what
// the last answer is good enough for. Who comes while one is under way does not wait at all. One
// thread, which starts with the first refresh. Thread safe.
#ifndef RECRYPT_CLIENT_REFRESHER_H_
#define RECRYPT_CLIENT_REFRESHER_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "core/base/task_thread.h"

namespace recrypt {

class Refresher {
 public:
  Refresher() = default;
  ~Refresher();  // waits for the one that is running, and drops the others

  // `ask` owns what it uses, or that outlives this object.
  void Refresh(const std::string& name, std::function<void()> ask);

 private:
  void Ended(const std::string& name);

  std::mutex mutex_;  // guards what follows; innermost but for the thread's own
  std::condition_variable ended_;
  std::set<std::string> under_way_;
  std::unique_ptr<TaskThread> thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_REFRESHER_H_
