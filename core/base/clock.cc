#include "core/base/clock.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace recrypt {
namespace {

namespace chrono = std::chrono;

// The years that four digits can write.
constexpr int64_t kFirstSecond = -62167219200;  // 0000-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z

// Reads `count` digits at `at`; -1 when one of them is none.
int ReadDigits(std::string_view text, size_t at, size_t count) {
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

bool HasTimeShape(std::string_view text) {
  return text.size() == 20 && text[4] == '-' && text[7] == '-' && text[10] == 'T' &&
         text[13] == ':' && text[16] == ':' && text[19] == 'Z';
}

}  // namespace

int64_t SystemClock::NowSeconds() const {
  return chrono::duration_cast<chrono::seconds>(chrono::system_clock::now().time_since_epoch())
      .count();
}

int64_t SystemClock::MonotonicMillis() const {
  return chrono::duration_cast<chrono::milliseconds>(chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string FormatTime(int64_t seconds) {
  seconds = std::clamp(seconds, kFirstSecond, kLastSecond);
  const chrono::sys_seconds time{chrono::seconds(seconds)};
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02dZ", int{date.year()},
                unsigned{date.month()}, unsigned{date.day()},
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

Result<int64_t> ParseTime(std::string_view text) {
  const auto refuse = [&] {
    return Fail(ErrorCode::kInvalid, "not a time of the form 2026-01-31T12:00:00Z");
  };
  if (!HasTimeShape(text)) return refuse();
  const int year = ReadDigits(text, 0, 4);
  const int month = ReadDigits(text, 5, 2);
  const int day = ReadDigits(text, 8, 2);
  const int hour = ReadDigits(text, 11, 2);
  const int minute = ReadDigits(text, 14, 2);
  const int second = ReadDigits(text, 17, 2);
  if (year < 0 || month < 1 || day < 1) return refuse();
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
    return refuse();
  }
  const chrono::year_month_day date(chrono::year(year), chrono::month(static_cast<unsigned>(month)),
                                    chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return refuse();
  const chrono::sys_seconds time = chrono::sys_days(date) + chrono::hours(hour) +
                                   chrono::minutes(minute) + chrono::seconds(second);
  return time.time_since_epoch().count();
}

}  // namespace recrypt
