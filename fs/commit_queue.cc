#include "fs/commit_queue.h"

#include <chrono>

#include "fs/open_document.h"

namespace recrypt {
namespace {

constexpr auto kRound = std::chrono::milliseconds(1);
// The thread rests after so many rounds in which there was nothing to do.
constexpr int kQuietRounds = 20;

}  // namespace

CommitQueue::CommitQueue(std::function<void(const Document&)> commit)
    : commit_(std::move(commit)), thread_([this] { Run(); }) {}

CommitQueue::~CommitQueue() { Stop(); }

bool CommitQueue::Add(const Document& document) {
  std::lock_guard lock(mutex_);
  if (stopped_ || waiting_.size() >= kMaxWaiting) return false;
  waiting_.push_back(document);
  if (rests_) wake_.notify_one();
  return true;
}

std::vector<CommitQueue::Document> CommitQueue::Waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_;
}

void CommitQueue::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  waiting_.clear();
}

void CommitQueue::Run() {
  std::vector<Document> round;
  int quiet = 0;
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (quiet >= kQuietRounds) {
      rests_ = true;
      wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
      rests_ = false;
    }
    wake_.wait_for(lock, kRound, [this] { return stopped_; });
    if (stopped_) return;
    quiet = waiting_.empty() ? quiet + 1 : 0;
    round.swap(waiting_);
    lock.unlock();
    for (const Document& document : round) commit_(document);
    round.clear();
    lock.lock();
  }
}

}  // namespace recrypt
