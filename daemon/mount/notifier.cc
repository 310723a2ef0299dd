#include "daemon/mount/notifier.h"

namespace recrypt {
namespace {

constexpr int64_t kMinuteMs = 60'000;

}  // namespace

Notifier::Notifier(const Clock& clock, Show show) : clock_(clock), show_(std::move(show)) {}

Notifier::~Notifier() {
  stopping_ = true;
  thread_.Stop();
}

void Notifier::Tell(Notice notice) {
  const std::lock_guard lock(mutex_);
  const int64_t now = clock_.MonotonicMillis();
  while (!shown_ms_.empty() && now - shown_ms_.front() >= kMinuteMs) shown_ms_.pop_front();
  if (shown_ms_.size() >= kMaxInAMinute) {
    ++left_out_;
    return;
  }
  shown_ms_.push_back(now);
  if (left_out_ > 0) {
    notice.body += " " + std::to_string(left_out_) + " more were not shown.";
    left_out_ = 0;
  }
  (void)thread_.Post([this, notice = std::move(notice)] {
    (void)show_(notice, [this] { return stopping_.load(); });
  });
}

}  // namespace recrypt
