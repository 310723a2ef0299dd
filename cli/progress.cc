#include "cli/progress.h"

#include <unistd.h>

#include <iostream>

#include "cli/output.h"
#include "cli/quantities.h"

namespace recrypt {
namespace {
constexpr std::string_view kEraseLine = "\r\033[K";
}  // namespace

ProgressLine::ProgressLine(std::string name, std::optional<uint64_t> total, ProgressUnit unit)
    : name_(Printable(name)),
      total_(total),
      unit_(unit),
      on_terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (visible_) std::cerr << kEraseLine << std::flush;
}

std::string ProgressLine::Amount(uint64_t of) const {
  return unit_ == ProgressUnit::kBytes ? FormatSize(of) : std::to_string(of);
}

void ProgressLine::Update(uint64_t done) {
  using std::chrono::milliseconds;
  const Clock::time_point now = Clock::now();
  if (!on_terminal_ || now - begun_ < milliseconds(1000) || now - shown_ < milliseconds(200))
    return;
  shown_ = now;
  visible_ = true;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const auto rate = static_cast<uint64_t>(static_cast<double>(done) / seconds);
  std::cerr << kEraseLine << name_ << "  " << Amount(done);
  if (total_ && *total_ > 0) {
    const auto percent =
        static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(*total_));
    std::cerr << " of " << Amount(*total_) << ", " << percent << " %";
    if (rate > 0 && *total_ > done) {
      std::cerr << ", " << FormatDuration((*total_ - done) / rate) << " left";
    }
  }
  std::cerr << ", " << Amount(rate) << "/s" << std::flush;
}

}  // namespace recrypt
