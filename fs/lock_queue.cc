#include "fs/lock_queue.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>

namespace recrypt {
namespace {

constexpr std::chrono::milliseconds kShortestPause{1};
constexpr std::chrono::milliseconds kLongestPause{20};

Status Interrupted() {
  return Fail(Error{ErrorCode::kBusy, "interrupted while waiting for a lock", EINTR});
}

}  // namespace

void LockQueue::Wait(Key key, std::function<Status()> attempt,
                     std::function<void(const Status&)> done) {
  {
    std::lock_guard lock(mutex_);
    if (!stopped_) {
      arrived_.push_back({key, std::move(attempt), std::move(done)});
      wake_.notify_one();
      return;
    }
  }
  done(Interrupted());
}

void LockQueue::Interrupt(Key key) {
  std::lock_guard lock(mutex_);
  interrupted_.insert(key);
  wake_.notify_one();
}

void LockQueue::Forget(Key key) {
  std::lock_guard lock(mutex_);
  interrupted_.erase(key);
}

void LockQueue::LockWasReleased() {
  std::lock_guard lock(mutex_);
  released_ = true;
  wake_.notify_one();
}

void LockQueue::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

bool LockQueue::IsInterrupted(Key key) {
  std::lock_guard lock(mutex_);
  return stopped_ || interrupted_.contains(key);
}

void LockQueue::Run() {
  std::vector<Waiting> waiting;
  auto pause = kShortestPause;
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto called = [this] {
      return stopped_ || released_ || !arrived_.empty() || !interrupted_.empty();
    };
    bool news = true;
    if (waiting.empty()) {
      wake_.wait(lock, [this] { return stopped_ || !arrived_.empty(); });
    } else {
      news = wake_.wait_for(lock, pause, called);
    }
    std::move(arrived_.begin(), arrived_.end(), std::back_inserter(waiting));
    arrived_.clear();
    released_ = false;
    if (stopped_ && waiting.empty()) return;
    lock.unlock();
    const size_t before = waiting.size();
    std::erase_if(waiting, [this](const Waiting& one) {
      const Status taken = IsInterrupted(one.key) ? Interrupted() : one.attempt();
      if (!taken && taken.error().code == ErrorCode::kBusy && taken.error().os_error != EINTR) {
        return false;
      }
      one.done(taken);
      return true;
    });
    pause = news || waiting.size() != before ? kShortestPause : std::min(pause * 2, kLongestPause);
    lock.lock();
  }
}

}  // namespace recrypt
