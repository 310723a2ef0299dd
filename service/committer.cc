#include "service/committer.h"

#include <algorithm>
#include <iterator>

namespace recrypt {
namespace {

template <typename T>
std::vector<T> TakeFront(std::vector<T>& from, size_t count) {
  const auto end = from.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<T> taken(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
  from.erase(from.begin(), end);
  return taken;
}

}  // namespace

Committer::Committer(Store& store) : store_(store), thread_([this] { Run(); }) {}

Committer::~Committer() { Stop(); }

void Committer::Submit(Store::WriteBody body, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && bodies_.size() < kMaxWaiting) {
      bodies_.push_back(std::move(body));
      dones_.push_back(std::move(done));
      done = nullptr;
    }
  }
  if (done) {
    done(Fail(ErrorCode::kUnavailable, "too much waits to be written"));
  } else {
    wake_.notify_one();
  }
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
  for (;;) {
    std::vector<Store::WriteBody> bodies;
    std::vector<Done> dones;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !bodies_.empty(); });
      if (bodies_.empty()) return;
      const size_t count = std::min(bodies_.size(), kMaxBatch);
      bodies = TakeFront(bodies_, count);
      dones = TakeFront(dones_, count);
    }
    WriteBatch(bodies, dones);
  }
}

void Committer::WriteBatch(std::vector<Store::WriteBody>& bodies, std::vector<Done>& dones) {
  std::vector<Status> outcomes = store_.Write(bodies);
  for (size_t i = 0; i < dones.size(); ++i) dones[i](std::move(outcomes[i]));
}

}  // namespace recrypt
