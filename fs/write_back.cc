#include "fs/write_back.h"

#include <chrono>

#include "fs/open_document.h"

namespace recrypt {
namespace {

constexpr auto kRound = std::chrono::milliseconds(250);
constexpr size_t kManyWaiting = 2000;

}  // namespace

WriteBack::WriteBack(std::function<void(const Documents&)> settle)
    : settle_(std::move(settle)), thread_([this] { Run(); }) {}

WriteBack::~WriteBack() { Stop(); }

void WriteBack::Add(const std::shared_ptr<OpenDocument>& document) {
  std::lock_guard lock(mutex_);
  const bool first = waiting_.empty();
  waiting_.emplace(document.get(), document);
  if (first) wake_.notify_one();
}

WriteBack::Documents WriteBack::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  Documents left;
  for (auto& [key, document] : waiting_) left.push_back(std::move(document));
  waiting_.clear();
  return left;
}

void WriteBack::DoRound(Waiting& round) {
  const auto done = [](const auto& entry) { return !entry.second->DoWork(kMaxAgeMs); };
  std::erase_if(round, done);
  if (round.size() <= kManyWaiting) return;
  Documents documents;
  for (const auto& [key, document] : round) documents.push_back(document);
  settle_(documents);
  std::erase_if(round, done);
}

void WriteBack::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    wake_.wait_for(lock, kRound, [this] { return stopped_; });
    if (stopped_) return;
    // Taken out first: what turns up while a document is being worked on is added again.
    Waiting round;
    round.swap(waiting_);
    lock.unlock();
    DoRound(round);
    lock.lock();
    waiting_.merge(round);
    lock.unlock();
    round.clear();
    lock.lock();
  }
}

}  // namespace recrypt
