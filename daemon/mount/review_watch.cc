#include "daemon/mount/review_watch.h"

#include <algorithm>
#include <chrono>
#include <set>

namespace recrypt {

ReviewWatch::ReviewWatch(const Clock& clock, Ask ask, Decided decided)
    : clock_(clock),
      ask_(std::move(ask)),
      decided_(std::move(decided)),
      thread_([this] { Run(); }) {}

void ReviewWatch::Await(const Header& header) {
  const std::lock_guard lock(mutex_);
  const Bytes document = ToBytes(header.uid), digest = ToBytes(header.digest);
  // Which of its labels holds it, their services will say.
  for (const LabelName& label : header.expression.Labels()) {
    const bool known = std::any_of(awaited_.begin(), awaited_.end(), [&](const Awaited& one) {
      return one.label == label && one.header == digest && one.document == document;
    });
    if (known) continue;
    awaited_.push_back({label, document, digest, clock_.NowSeconds(), clock_.MonotonicMillis()});
    if (awaited_.size() > kMaxAwaited) awaited_.pop_front();
    wait_ms_ = kFirstAskMs;
    wake_.notify_all();
  }
}

void ReviewWatch::Forget(const Header& header) {
  const std::lock_guard lock(mutex_);
  if (awaited_.empty()) return;
  const Bytes document = ToBytes(header.uid), digest = ToBytes(header.digest);
  awaited_.remove_if(
      [&](const Awaited& one) { return one.header == digest && one.document == document; });
}

void ReviewWatch::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void ReviewWatch::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (awaited_.empty()) {
      wake_.wait(lock);
      continue;
    }
    const int64_t wait_ms = wait_ms_;
    wake_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                   [&] { return stopped_ || wait_ms_ < wait_ms; });
    if (stopped_ || wait_ms_ < wait_ms) continue;  // something new is waited for
    wait_ms_ = std::min(2 * wait_ms_, kLastAskMs);
    Look(lock);
  }
}

void ReviewWatch::Look(std::unique_lock<std::mutex>& lock) {
  const int64_t now = clock_.MonotonicMillis();
  awaited_.remove_if([&](const Awaited& one) { return now - one.since_ms > kGiveUpMs; });
  std::set<LabelName> labels;
  for (const Awaited& one : awaited_) labels.insert(one.label);
  for (const LabelName& label : labels) {
    lock.unlock();
    const auto reviews = ask_(label);
    lock.lock();
    if (stopped_) return;
    if (!reviews) {
      // A service that is away is asked again; one that does not tell will not tell later.
      if (reviews.error().code == ErrorCode::kUnavailable) continue;
      awaited_.remove_if([&](const Awaited& one) { return one.label == label; });
      continue;
    }
    std::vector<std::pair<Awaited, OwnReview>> decided;
    TakeAnswer(label, *reviews, decided);
    lock.unlock();
    for (const auto& [one, review] : decided) decided_(label, review, one.asked);
    lock.lock();
  }
}

// What is not among them is not held under this label.
void ReviewWatch::TakeAnswer(const LabelName& label, const std::vector<OwnReview>& reviews,
                             std::vector<std::pair<Awaited, OwnReview>>& decided) {
  awaited_.remove_if([&](const Awaited& one) {
    if (one.label != label) return false;
    const auto found = std::find_if(reviews.begin(), reviews.end(), [&](const OwnReview& review) {
      return review.document == one.document && review.header == one.header;
    });
    if (found == reviews.end()) return true;
    if (found->state == OwnReview::State::kPending) return false;
    decided.emplace_back(one, *found);
    return true;
  });
}

}  // namespace recrypt
