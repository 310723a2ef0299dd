#include "fs/lease_keeper.h"

#include <algorithm>
#include <chrono>

#include "fs/open_document.h"

namespace recrypt {

LeaseKeeper::LeaseKeeper(const Clock& clock, KernelCache& kernel)
    : clock_(clock), kernel_(kernel), thread_([this] { Run(); }) {}

LeaseKeeper::~LeaseKeeper() { Stop(); }

void LeaseKeeper::Watch(const std::shared_ptr<OpenDocument>& document, int64_t end_ms) {
  std::lock_guard lock(mutex_);
  const bool first = ends_.empty() || end_ms < ends_.begin()->first;
  ends_.emplace(end_ms, document);
  if (first) wake_.notify_one();
}

void LeaseKeeper::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

void LeaseKeeper::Run() {
  constexpr int64_t kLongestSleepMs = 1000;  // the clock is not the one that wait_for goes by
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    const int64_t now = clock_.MonotonicMillis();
    if (ends_.empty() || ends_.begin()->first > now) {
      const int64_t wait_ms =
          ends_.empty() ? kLongestSleepMs : std::min(ends_.begin()->first - now, kLongestSleepMs);
      wake_.wait_for(lock, std::chrono::milliseconds(wait_ms));
      continue;
    }
    std::shared_ptr<OpenDocument> document = ends_.begin()->second.lock();
    ends_.erase(ends_.begin());
    if (document == nullptr) continue;
    lock.unlock();
    End(*document);
    document.reset();
    lock.lock();
  }
}

void LeaseKeeper::End(OpenDocument& document) {
  if (!document.LeaseIsOver()) return;  // renewed: its new end is watched as well
  kernel_.DropPages(document.inode_id());
  if (document.WipeKeys()) kernel_.DropPages(document.inode_id());
}

}  // namespace recrypt
