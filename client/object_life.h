// How long what this client signs is good: one place for versions and expiries.
#ifndef RECRYPT_CLIENT_OBJECT_LIFE_H_
#define RECRYPT_CLIENT_OBJECT_LIFE_H_

#include "core/identity/profile.h"

namespace recrypt {

inline constexpr int64_t kDaySeconds = 86400;
// Profiles, label profiles: every administrative act renews them.
inline constexpr int64_t kProfileLifeSeconds = 730 * kDaySeconds;
// A share's policy changes rarely, and nobody can create files under an expired one.
inline constexpr int64_t kPolicyLifeSeconds = 1826 * kDaySeconds;
inline constexpr int64_t kCredentialLifeSeconds = 365 * kDaySeconds;
// Clocks differ: what is signed now is good on a machine that is a little behind.
inline constexpr int64_t kIssuedEarlierSeconds = 300;

inline ObjectVersion VersionFrom(uint64_t number, int64_t now, int64_t life = kProfileLifeSeconds) {
  return {number, now - kIssuedEarlierSeconds, now + life};
}

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_OBJECT_LIFE_H_
