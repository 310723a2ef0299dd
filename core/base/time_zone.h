// TimeZone: what local clocks show, by a rule in POSIX form, which means the same everywhere and
// for all years (POSIX, 8.3, TZ; the last line of a file of the tz database is one).
//
//   RECRYPT_ASSIGN(TimeZone berlin, TimeZone::Parse("CET-1CEST,M3.5.0,M10.5.0/3"));
//   int64_t local = now + berlin.OffsetAt(now);
//
// Thread safe.
#ifndef RECRYPT_CORE_BASE_TIME_ZONE_H_
#define RECRYPT_CORE_BASE_TIME_ZONE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace recrypt {

class TimeZone {
 public:
  // Of the rules for summer time those that say "the nth weekday of a month" (M); kInvalid for
  // others, and for what is no rule.
  static Result<TimeZone> Parse(std::string_view rule);

  const std::string& rule() const { return rule_; }
  // Seconds east of UTC at this time (seconds since 1970).
  int64_t OffsetAt(int64_t time) const;

 private:
  // The weekday (0: Sunday) of the week (5: the last) of a month, and the second of that day.
  struct Change {
    unsigned month = 1, week = 1, weekday = 0;
    int64_t second = 7200;
    int64_t InYear(int year) const;  // local seconds since 1970
  };
  struct Summer {
    int64_t offset = 0;
    Change begin, end;
  };
  class Reader;

  std::string rule_;
  int64_t offset_ = 0;
  std::optional<Summer> summer_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_BASE_TIME_ZONE_H_
