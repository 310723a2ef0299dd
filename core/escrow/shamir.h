// Shamir's sharing of a 128-bit secret: any `threshold` of the shares give it back, fewer tell
// nothing. Arithmetic modulo 2^128 + 51, the smallest prime above 2^128, and the text form of
// draft-hallambaker-mesh-udf (a UDF of type 144, such as SAYC-UW4N-56UI-VTTZ-62UN-J6FP-ETD3-O).
//
//   RECRYPT_ASSIGN(auto shares, SplitSecret(secret, 3, 5));
//   RECRYPT_ASSIGN(Secret again, CombineShares(three_of_them));
//
// This is the only file that does arithmetic in that field: over BIGNUM in the secure heap, with
// Montgomery multiplication and no branch on a secret. Thread safe.
#ifndef RECRYPT_CORE_ESCROW_SHAMIR_H_
#define RECRYPT_CORE_ESCROW_SHAMIR_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.h"

namespace recrypt {

constexpr size_t kSharedSecretSize = 16;
constexpr uint32_t kMaxShares = 15;
constexpr size_t kShareUdfSize = 29;  // characters, dashes aside

struct ShamirShare {
  uint32_t threshold = 2;  // 2 to kMaxShares
  uint32_t number = 1;     // 1 to kMaxShares: where the polynomial was evaluated
  Secret value;            // big-endian, kSharedSecretSize bytes
};

// Shares 1 to `count`. kInvalid unless 2 <= threshold <= count <= kMaxShares, and the secret has
// kSharedSecretSize bytes.
Result<std::vector<ShamirShare>> SplitSecret(const Secret& secret, uint32_t threshold,
                                             uint32_t count);

// The secret behind exactly as many shares as their threshold says, all of different numbers;
// kInvalid for others, kCorrupt when they lie on no polynomial of a 128-bit secret. Shares of
// different secrets give some secret that is none of them.
Result<Secret> CombineShares(std::span<const ShamirShare* const> shares);

// kShareUdfSize characters, not grouped. Wipe the text.
std::string ShareUdf(const ShamirShare& share);
// kInvalid for another type of UDF, another size, a threshold or number out of range.
Result<ShamirShare> ParseShareUdf(std::string_view characters);

}  // namespace recrypt

#endif  // RECRYPT_CORE_ESCROW_SHAMIR_H_
