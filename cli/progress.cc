#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "cli/quantities.h"

namespace recrypt {
namespace {

constexpr std::string_view kEraseLine = "\r\033[K";
constexpr int64_t kFirstOnTerminalMs = 1000;
constexpr int64_t kEachOnTerminalMs = 200;
constexpr int64_t kFirstInLogMs = 10'000;
constexpr int64_t kEachInLogMs = 30'000;
constexpr uint64_t kBarWidth = 20;
constexpr uint64_t kSmallFile = uint64_t{128} << 10;

}  // namespace

ProgressUnit UnitFor(uint64_t files, uint64_t bytes) {
  return bytes / kSmallFile < files ? ProgressUnit::kPieces : ProgressUnit::kBytes;
}

ProgressPlace ProgressPlace::StandardError(const Output& out) {
  Kind kind = out.json() ? Kind::kNowhere : Kind::kLog;
  if (isatty(STDERR_FILENO) == 1) kind = Kind::kTerminal;
  return {kind, &std::cerr, [] {
            const auto now = std::chrono::steady_clock::now().time_since_epoch();
            return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
          }};
}

ProgressLine::ProgressLine(ProgressPlace place, std::string name, std::optional<uint64_t> total,
                           ProgressUnit unit)
    : place_(std::move(place)),
      name_(Printable(name)),
      total_(total),
      unit_(unit),
      begun_ms_(place_.now_ms()),
      next_ms_(begun_ms_ + (place_.kind == ProgressPlace::Kind::kTerminal ? kFirstOnTerminalMs
                                                                          : kFirstInLogMs)) {}

ProgressLine::~ProgressLine() { Hide(); }

void ProgressLine::Hide() {
  const std::lock_guard guard(mutex_);
  if (visible_) *place_.to << kEraseLine << std::flush;
  visible_ = false;
}

void ProgressLine::Update(uint64_t done) {
  const std::lock_guard guard(mutex_);
  done_ = done;
  Show();
}

void ProgressLine::Add(uint64_t more) {
  const std::lock_guard guard(mutex_);
  done_ += more;
  Show();
}

std::string ProgressLine::Amount(uint64_t of) const {
  return unit_ == ProgressUnit::kBytes ? FormatSize(of) : std::to_string(of);
}

void ProgressLine::Show() {
  if (place_.kind == ProgressPlace::Kind::kNowhere) return;
  const int64_t now = place_.now_ms();
  if (now < next_ms_) return;
  const std::string text = Text(now - begun_ms_);
  if (place_.kind == ProgressPlace::Kind::kLog) {
    next_ms_ = now + kEachInLogMs;
    *place_.to << name_ << ": " << text << '\n' << std::flush;
    return;
  }
  next_ms_ = now + kEachOnTerminalMs;
  visible_ = true;
  *place_.to << kEraseLine << name_ << "  " << Bar() << text << std::flush;
}

std::string ProgressLine::Bar() const {
  if (!total_ || *total_ == 0) return "";
  const double part = std::min(1.0, static_cast<double>(done_) / static_cast<double>(*total_));
  const auto full = static_cast<size_t>(part * kBarWidth);
  return "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "] ";
}

std::string ProgressLine::Text(int64_t passed_ms) const {
  const double seconds = static_cast<double>(std::max<int64_t>(passed_ms, 1)) / 1000;
  const auto rate = static_cast<uint64_t>(static_cast<double>(done_) / seconds);
  std::string text = Amount(done_);
  if (total_ && *total_ > 0) {
    const auto percent =
        static_cast<int>(100.0 * static_cast<double>(done_) / static_cast<double>(*total_));
    text += " of " + Amount(*total_) + ", " + std::to_string(percent) + " %";
    if (rate > 0 && *total_ > done_) {
      text += ", " + FormatDuration((*total_ - done_) / rate) + " left";
    }
  }
  return text + ", " + Amount(rate) + "/s";
}

}  // namespace recrypt
