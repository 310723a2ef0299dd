#include "client/refresher.h"

#include <chrono>

namespace recrypt {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(500);

}  // namespace

Refresher::~Refresher() {
  if (thread_) thread_->Stop();
}

void Refresher::Refresh(const std::string& name, std::function<void()> ask) {
  std::unique_lock lock(mutex_);
  if (!under_way_.insert(name).second) return;
  if (!thread_) thread_ = std::make_unique<TaskThread>();
  const bool posted = thread_->Post([this, name, ask = std::move(ask)] {
    ask();
    Ended(name);
  });
  if (!posted) under_way_.erase(name);
  ended_.wait_for(lock, kPatience, [&] { return !under_way_.contains(name); });
}

void Refresher::Ended(const std::string& name) {
  const std::lock_guard lock(mutex_);
  under_way_.erase(name);
  ended_.notify_all();
}

}  // namespace recrypt
