// Recryption on P-256: additive halves modulo the group's order, and sums of lifted
// x-coordinates. For core/recryption only; recryption.h is the door.
#ifndef RECRYPT_CORE_RECRYPTION_P256_HALVES_H_
#define RECRYPT_CORE_RECRYPTION_P256_HALVES_H_

#include <span>
#include <vector>

#include "core/crypto/keys.h"

namespace recrypt::p256 {

// The key that, with the others, adds up to the label's key modulo n.
Result<PrivateKey> LastHalf(const PrivateKey& label_key, std::span<const PrivateKey> others);
// 64 uniform bytes, reduced modulo n: off by 2^-256.
Result<PrivateKey> HalfFrom(const Secret& seed);

// x(P+Q) and x(P-Q), sorted as byte strings.
Result<std::vector<Secret>> Combine(ByteSpan x_p, ByteSpan x_q);

}  // namespace recrypt::p256

#endif  // RECRYPT_CORE_RECRYPTION_P256_HALVES_H_
