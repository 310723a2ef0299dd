#include "fs/write_back.h"

#include <chrono>

#include "fs/open_document.h"

namespace recrypt {
namespace {

constexpr auto kRound = std::chrono::milliseconds(250);

}  // namespace

WriteBack::WriteBack() : thread_([this] { Run(); }) {}

WriteBack::~WriteBack() { Stop(); }

void WriteBack::Add(const std::shared_ptr<OpenDocument>& document) {
  std::lock_guard lock(mutex_);
  const bool first = waiting_.empty();
  waiting_.emplace(document.get(), document);
  if (first) wake_.notify_one();
}

std::vector<std::shared_ptr<OpenDocument>> WriteBack::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  std::vector<std::shared_ptr<OpenDocument>> left;
  for (auto& [key, document] : waiting_) left.push_back(std::move(document));
  waiting_.clear();
  return left;
}

void WriteBack::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    wake_.wait_for(lock, kRound, [this] { return stopped_; });
    if (stopped_) return;
    // Taken out first: what turns up while a document is being worked on is added again.
    std::unordered_map<OpenDocument*, std::shared_ptr<OpenDocument>> round;
    round.swap(waiting_);
    lock.unlock();
    std::erase_if(round, [](const auto& entry) { return !entry.second->DoWork(kMaxAgeMs); });
    lock.lock();
    waiting_.merge(round);
    lock.unlock();
    round.clear();
    lock.lock();
  }
}

}  // namespace recrypt
