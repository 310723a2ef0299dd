#include "fs/write_back.h"

#include <chrono>
#include <utility>

#include "fs/open_document.h"

namespace recrypt {
namespace {

constexpr auto kRound = std::chrono::milliseconds(250);
constexpr auto kShortestRound = std::chrono::milliseconds(5);
// Another mount's lock may be in the way of settling.
constexpr auto kMostPaced = std::chrono::seconds(1);

}  // namespace

WriteBack::WriteBack(size_t many, std::function<void(const Documents&)> settle)
    : many_(many), settle_(std::move(settle)), thread_([this] { Run(); }) {}

WriteBack::~WriteBack() { Stop(); }

void WriteBack::Add(const std::shared_ptr<OpenDocument>& document) {
  std::lock_guard lock(mutex_);
  const bool first = waiting_.empty();
  if (waiting_.emplace(document.get(), document).second) ++added_;
  if (first || added_ == many_ + 1) wake_.notify_one();
}

size_t WriteBack::Waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_.size() + in_round_;
}

void WriteBack::KeepPace() {
  std::unique_lock lock(mutex_);
  round_ended_.wait_for(lock, kMostPaced,
                        [this] { return stopped_ || added_ + in_round_ <= 2 * many_; });
}

WriteBack::Documents WriteBack::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    wake_.notify_one();
    round_ended_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  Documents left;
  for (auto& [key, document] : waiting_) left.push_back(std::move(document));
  waiting_.clear();
  return left;
}

void WriteBack::DoRound(ByDocument& round) {
  const auto done = [](const auto& entry) { return !entry.second->DoWork(kMaxAgeMs); };
  std::erase_if(round, done);
  if (round.size() <= many_) return;
  Documents documents;
  for (const auto& [key, document] : round) documents.push_back(document);
  settle_(documents);
  std::erase_if(round, done);
}

void WriteBack::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    wake_.wait_for(lock, kShortestRound, [this] { return stopped_; });
    wake_.wait_for(lock, kRound, [this] { return stopped_ || added_ > many_; });
    if (stopped_) return;
    // Taken out first: what turns up while a document is being worked on is added again.
    ByDocument round;
    round.swap(waiting_);
    in_round_ = std::exchange(added_, 0);
    lock.unlock();
    DoRound(round);
    lock.lock();
    waiting_.merge(round);
    in_round_ = 0;
    round_ended_.notify_all();
    lock.unlock();
    round.clear();
    lock.lock();
  }
}

}  // namespace recrypt
