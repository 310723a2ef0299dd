#include "cli/quantities.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>

#include "core/base/clock.h"

namespace recrypt {
namespace {

struct Unit {
  char letter;
  uint64_t seconds;
  std::string_view name;
};
constexpr std::array kUnits = {Unit{'d', 86400, "d"}, Unit{'h', 3600, "h"}, Unit{'m', 60, "min"},
                               Unit{'s', 1, "s"}};

std::string FormatLocal(int64_t seconds, const char* format) {
  const std::time_t time = seconds;
  std::tm local{};
  localtime_r(&time, &local);
  std::array<char, 64> text{};
  return std::string(text.data(), std::strftime(text.data(), text.size(), format, &local));
}

}  // namespace

Result<uint32_t> ParseDuration(std::string_view text) {
  const auto refuse = [&] {
    return Fail(ErrorCode::kInvalid, "'" + std::string(text) +
                                         "' is no duration: write seconds, or units as in 30s, "
                                         "15m, 1h, 1h30m");
  };
  uint64_t total = 0;
  std::string_view rest = text;
  if (rest.empty()) return refuse();
  while (!rest.empty()) {
    uint32_t count = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (problem != std::errc()) return refuse();
    const bool first = rest.data() == text.data();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    uint64_t unit = 0;
    if (rest.empty() && first) unit = 1;  // a bare number is seconds
    for (const Unit& known : kUnits) {
      if (!rest.empty() && rest.front() == known.letter) unit = known.seconds;
    }
    if (unit == 0) return refuse();
    if (!rest.empty()) rest.remove_prefix(1);
    total += count * unit;  // both factors are below 2^32, and the sum is checked at once
    if (total > std::numeric_limits<uint32_t>::max()) return refuse();
  }
  return static_cast<uint32_t>(total);
}

std::string FormatDuration(uint64_t seconds) {
  std::string text;
  int shown = 0;
  for (const Unit& unit : kUnits) {
    const uint64_t count = seconds / unit.seconds;
    seconds %= unit.seconds;
    if (count == 0) {
      if (shown > 0) break;
      continue;
    }
    if (shown > 0) text += ' ';
    text += std::to_string(count) + ' ' + std::string(unit.name);
    if (++shown == 2) break;
  }
  return text.empty() ? "0 s" : text;
}

std::string FormatSize(uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array<const char*, 6> kNames = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kNames[unit]);
  return text.data();
}

Result<int64_t> ParseMoment(const std::string& text, int64_t now) {
  if (const auto utc = ParseTime(text)) return *utc;
  if (const auto ago = ParseDuration(text)) return now - int64_t{*ago};
  for (const char* format : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    std::tm local{};
    local.tm_isdst = -1;
    const char* const end = strptime(text.c_str(), format, &local);
    if (end != nullptr && *end == '\0') return std::mktime(&local);
  }
  return Fail(ErrorCode::kInvalid, "'" + text + "' is no time such as 2026-01-31, " +
                                       "2026-01-31T12:00:00Z, or 2h for two hours ago");
}

std::string FormatLocalTime(int64_t seconds) { return FormatLocal(seconds, "%Y-%m-%d %H:%M:%S"); }
std::string FormatClockTime(int64_t seconds) { return FormatLocal(seconds, "%H:%M:%S"); }

}  // namespace recrypt
