#include "service/committer.h"

#include <algorithm>
#include <iterator>

#include "service/log.h"

namespace recrypt {
namespace {

template <typename T>
std::vector<T> TakeFront(std::vector<T>& from, size_t count) {
  const auto end = from.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<T> taken(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
  from.erase(from.begin(), end);
  return taken;
}

// What another thread runs is logged as the work of the request that it belongs to.
template <typename Function>
auto InScope(Function function) {
  return [function = std::move(function), request = LogScope::Current()](auto&&... arguments) {
    const LogScope scope(request);
    return function(std::forward<decltype(arguments)>(arguments)...);
  };
}

}  // namespace

Committer::Committer(Store& store, Writer writer)
    : store_(store), writer_(writer), thread_([this] { Run(); }) {}

Committer::~Committer() { Stop(); }

void Committer::Submit(Store::WriteBody body, Done done) {
  std::unique_lock lock(mutex_);
  if (stopping_ || bodies_.size() >= kMaxWaiting) {
    lock.unlock();
    return done(Fail(ErrorCode::kUnavailable, "too much waits to be written"));
  }
  if (writer_ == Writer::kCaller && !writing_ && bodies_.empty()) {
    return Write(lock, {&body, 1}, {&done, 1});
  }
  bodies_.push_back(InScope(std::move(body)));
  dones_.push_back(InScope(std::move(done)));
  if (!writing_) wake_.notify_one();
}

size_t Committer::waiting() const {
  const std::lock_guard lock(mutex_);
  return bodies_.size();
}

void Committer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Committer::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return !writing_ && (stopping_ || !bodies_.empty()); });
    if (bodies_.empty()) return;
    const size_t count = std::min(bodies_.size(), kMaxBatch);
    const std::vector<Store::WriteBody> bodies = TakeFront(bodies_, count);
    const std::vector<Done> dones = TakeFront(dones_, count);
    Write(lock, bodies, dones);
  }
}

void Committer::Write(std::unique_lock<std::mutex>& lock, std::span<const Store::WriteBody> bodies,
                      std::span<const Done> dones) {
  writing_ = true;
  lock.unlock();
  std::vector<Status> outcomes = store_.Write(bodies);
  for (size_t i = 0; i < dones.size(); ++i) dones[i](std::move(outcomes[i]));
  lock.lock();
  writing_ = false;
  if (stopping_ || !bodies_.empty()) wake_.notify_one();
}

}  // namespace recrypt
