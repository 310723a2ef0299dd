// StaleOpens: the threads whose open(2) was answered ESTALE, since another mount had made, replaced
// or resized what the name leads to. The kernel looks the name up again and asks once more, in the
// same thread; what it finds then is opened even if it has been replaced once more: it had the name
// in the meantime.
//
//   const bool again = stale_opens_.Take(thread);   // this is that second time
//   ...if the answer is to be ESTALE: stale_opens_.Note(thread);
//
// Thread safe.
#ifndef RECRYPT_FS_STALE_OPENS_H_
#define RECRYPT_FS_STALE_OPENS_H_

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

namespace recrypt {

class StaleOpens {
 public:
  // Thread 0 is one that cannot be told from others, and is not remembered.
  void Note(pid_t thread) {
    if (thread == 0) return;
    std::lock_guard lock(mutex_);
    if (threads_.size() == kMaxThreads) threads_.erase(threads_.begin());
    threads_.push_back(thread);
    count_ = threads_.size();
  }
  // True once after Note. Also called when the second look-up found nothing.
  bool Take(pid_t thread) {
    if (count_ == 0) return false;
    std::lock_guard lock(mutex_);
    const auto found = std::find(threads_.begin(), threads_.end(), thread);
    if (found == threads_.end()) return false;
    threads_.erase(found);
    count_ = threads_.size();
    return true;
  }

 private:
  static constexpr size_t kMaxThreads = 64;

  std::atomic<size_t> count_{0};
  std::mutex mutex_;  // guards threads_; innermost
  std::vector<pid_t> threads_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_STALE_OPENS_H_
