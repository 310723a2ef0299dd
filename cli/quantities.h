// Quantities as people write and read them: durations, sizes, times of day.
//
//   RECRYPT_ASSIGN(uint32_t lease, ParseDuration("15m"));   // 900
//   FormatDuration(900);                                    // "15 min"
//   FormatSize(3 << 20);                                    // "3.0 MiB"
//
// Thread safe.
#ifndef RECRYPT_CLI_QUANTITIES_H_
#define RECRYPT_CLI_QUANTITIES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace recrypt {

// Seconds from "900", "30s", "15m", "1h", "2d" or a sum such as "1h30m"; kInvalid for anything
// else and for what exceeds 32 bits.
Result<uint32_t> ParseDuration(std::string_view text);

// The two largest units that matter: "4 s", "15 min", "1 h 30 min", "2 d".
std::string FormatDuration(uint64_t seconds);

// Binary units with one decimal: "17 B", "1.5 KiB".
std::string FormatSize(uint64_t bytes);

// Local time, "2026-01-31 12:00:00", of seconds since 1970.
std::string FormatLocalTime(int64_t seconds);
// Seconds since 1970 from RFC 3339 in UTC, a local day or time ("2026-01-31", "2026-01-31 12:00"),
// or how long before `now` ("2h").
Result<int64_t> ParseMoment(const std::string& text, int64_t now);
// Local time of day, "12:00:00".
std::string FormatClockTime(int64_t seconds);

}  // namespace recrypt

#endif  // RECRYPT_CLI_QUANTITIES_H_
