#include "fs/lease_keeper.h"

#include <algorithm>
#include <chrono>

#include "fs/open_document.h"

namespace recrypt {
namespace {

// A document that takes longer may be waiting for something.
constexpr auto kPatience = std::chrono::milliseconds(20);
constexpr size_t kMaxHelpers = 64;

}  // namespace

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
    helped_.notify_all();
  }
  thread_.join();
  for (const auto& helper : helpers_) helper->thread.Stop();
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
    Helper* helper = nullptr;
    helped_.wait(lock, [&] { return stopped_ || (helper = FreeHelper()) != nullptr; });
    if (helper != nullptr) EndApart(*helper, std::move(document), lock);
  }
}

// nullptr when there are many, and all are busy; requires mutex_.
LeaseKeeper::Helper* LeaseKeeper::FreeHelper() {
  for (const auto& helper : helpers_) {
    if (!helper->busy) return helper.get();
  }
  if (helpers_.size() == kMaxHelpers) return nullptr;
  return helpers_.emplace_back(std::make_unique<Helper>()).get();
}

// Gives the document to a helper, and waits for it for a moment: mostly one is enough.
void LeaseKeeper::EndApart(Helper& helper, std::shared_ptr<OpenDocument> document,
                           std::unique_lock<std::mutex>& lock) {
  helper.busy = true;
  helper.thread.Post([this, &helper, document = std::move(document)]() mutable {
    End(*document);
    document.reset();
    const std::lock_guard done(mutex_);
    helper.busy = false;
    helped_.notify_all();
  });
  helped_.wait_for(lock, kPatience, [&] { return stopped_ || !helper.busy; });
}

void LeaseKeeper::End(OpenDocument& document) {
  if (!document.LeaseIsOver()) return;  // renewed: its new end is watched as well
  kernel_.DropPages(document.inode_id());
  if (document.WipeKeys()) kernel_.DropPages(document.inode_id());
}

}  // namespace recrypt
