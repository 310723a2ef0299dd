// Clock: the only source of the time of day, so that tests can set it.
//
//   SystemClock clock;
//   int64_t now = clock.NowSeconds();
//
// Thread safe.
#ifndef RECRYPT_CORE_BASE_CLOCK_H_
#define RECRYPT_CORE_BASE_CLOCK_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace recrypt {

class Clock {
 public:
  virtual ~Clock() = default;
  // Seconds since 1970-01-01T00:00:00Z.
  virtual int64_t NowSeconds() const = 0;
  // Milliseconds of a clock that never steps, for deadlines and leases.
  virtual int64_t MonotonicMillis() const = 0;
};

class SystemClock : public Clock {
 public:
  int64_t NowSeconds() const override;
  int64_t MonotonicMillis() const override;
};

// RFC 3339 in UTC with whole seconds, as in "2026-01-31T12:00:00Z".
std::string FormatTime(int64_t seconds);
Result<int64_t> ParseTime(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CORE_BASE_CLOCK_H_
