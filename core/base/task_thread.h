// TaskThread: one thread that runs what it is given, in order; for work that must not run where
// it is noticed, because locks are held there or somebody is waiting.
//
// Stop() lets the running task end and drops the others. Thread safe.
#ifndef RECRYPT_CORE_BASE_TASK_THREAD_H_
#define RECRYPT_CORE_BASE_TASK_THREAD_H_

#include <pthread.h>
#include <sched.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace recrypt {

class TaskThread {
 public:
  static constexpr size_t kMaxQueued = 10'000;

  // kBackground: only while no other thread of the machine wants the processor.
  enum class Priority { kNormal, kBackground };

  explicit TaskThread(Priority priority = Priority::kNormal)
      : thread_([this, priority] {
          const struct sched_param none {};
          if (priority == Priority::kBackground) {
            (void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
          }
          Run();
        }) {}
  ~TaskThread() { Stop(); }

  // False when it is stopped or too much is waiting already.
  bool Post(std::function<void()> task) {
    std::lock_guard lock(mutex_);
    if (stopped_ || tasks_.size() >= kMaxQueued) return false;
    tasks_.push_back(std::move(task));
    wake_.notify_one();
    return true;
  }

  void Stop() {
    {
      std::lock_guard lock(mutex_);
      if (stopped_) return;
      stopped_ = true;
      wake_.notify_one();
    }
    thread_.join();
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
      if (stopped_) return;
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it holds goes before the lock is taken
      lock.lock();
    }
  }

  std::mutex mutex_;  // guards what follows; innermost, not held while a task runs
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stopped_ = false;
  std::thread thread_;  // last: starts when all is there
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_BASE_TASK_THREAD_H_
