// FairSharedMutex: as std::shared_mutex, but who waits for it alone is not passed by new readers; a
// document that is read all the time could otherwise never be written.
#ifndef RECRYPT_CORE_JCD_FAIR_SHARED_MUTEX_H_
#define RECRYPT_CORE_JCD_FAIR_SHARED_MUTEX_H_

#include <mutex>
#include <shared_mutex>

namespace recrypt {

class FairSharedMutex {
 public:
  void lock() {
    std::lock_guard gate(gate_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }
  void lock_shared() {
    { std::lock_guard gate(gate_); }
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex gate_;  // held while waiting for mutex_ alone
  std::shared_mutex mutex_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_FAIR_SHARED_MUTEX_H_
