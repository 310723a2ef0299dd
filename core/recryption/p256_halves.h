// Recryption on P-256: additive halves modulo the group's order, and sums of lifted
// x-coordinates. For core/recryption only; recryption.h is the door.
#ifndef RECRYPT_CORE_RECRYPTION_P256_HALVES_H_
#define RECRYPT_CORE_RECRYPTION_P256_HALVES_H_

#include <vector>

#include "core/crypto/keys.h"

namespace recrypt::p256 {

// `count` keys that, with the member's half, add up to the label's key modulo n.
Result<std::vector<PrivateKey>> SplitRest(const PrivateKey& label_key,
                                          const PrivateKey& member_half, size_t count);

// x(P+Q) and x(P-Q), sorted as byte strings.
Result<std::vector<Secret>> Combine(ByteSpan x_p, ByteSpan x_q);

}  // namespace recrypt::p256

#endif  // RECRYPT_CORE_RECRYPTION_P256_HALVES_H_
