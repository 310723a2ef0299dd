#include "core/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace recrypt {
namespace {

// More would wait for memory and for the disk.
constexpr unsigned kMaxHelpers = 7;

struct Job {
  const std::function<void(size_t)>& work;
  const size_t parts;
  std::atomic<size_t> next{0};

  void TakePart() {
    for (size_t i = next++; i < parts; i = next++) work(i);
  }
};

// The threads that help, one less than processors. They live as long as the process: at its end one
// of them may be at work still, and in a child of fork(2) there are none.
class Helpers {
 public:
  Helpers() {
    const unsigned processors = std::thread::hardware_concurrency();
    for (unsigned i = 1; i < processors && i <= kMaxHelpers; ++i) {
      try {
        std::thread([this] { Help(); }).detach();
        ++count_;
      } catch (const std::system_error&) {
        break;  // the system gives no more threads: those that there are do it
      }
    }
  }

  void Do(Job& job) {
    const bool helped = Offer(&job);
    job.TakePart();
    if (!helped) return;
    std::unique_lock lock(mutex_);
    offered_ = nullptr;
    done_.wait(lock, [this] { return helping_ == 0; });
    taken_ = false;
  }

 private:
  bool Offer(Job* job) {
    if (count_ == 0) return false;
    std::lock_guard lock(mutex_);
    if (taken_) return false;
    taken_ = true;
    offered_ = job;
    const size_t wanted = std::min(count_, job->parts - 1);
    for (size_t i = 0; i < wanted; ++i) offer_.notify_one();
    return true;
  }

  void Help() {
    std::unique_lock lock(mutex_);
    for (;;) {
      offer_.wait(lock, [this] { return offered_ != nullptr; });
      Job* const job = offered_;
      ++helping_;
      lock.unlock();
      job->TakePart();
      lock.lock();
      if (offered_ == job) offered_ = nullptr;  // all parts have been begun
      if (--helping_ == 0) done_.notify_one();
    }
  }

  size_t count_ = 0;  // constant once they have been made

  std::mutex mutex_;  // guards what follows; innermost, not held while anybody works
  std::condition_variable offer_, done_;
  bool taken_ = false;      // a caller has the helpers
  Job* offered_ = nullptr;  // its job, until there is no part left
  size_t helping_ = 0;
};

}  // namespace

void DoInParallel(size_t parts, const std::function<void(size_t)>& work) {
  if (parts == 0) return;
  Job job{work, parts};
  if (parts == 1) return job.TakePart();
  static Helpers& helpers = *new Helpers;
  helpers.Do(job);
}

}  // namespace recrypt
