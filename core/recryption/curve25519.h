// Recryption on X25519: what is special about u-coordinates and clamped keys. For core/recryption
// only; recryption.h is the door.
#ifndef RECRYPT_CORE_RECRYPTION_CURVE25519_H_
#define RECRYPT_CORE_RECRYPTION_CURVE25519_H_

#include <vector>

#include "core/crypto/keys.h"

namespace recrypt::curve25519 {

// Canonical, not zero, on the curve and not on its twist.
Status CheckOnCurve(ByteSpan u);
// Whether `u` is the image of an Ed25519 public key, u = (1 + y) / (1 - y) (RFC 7748, 4.1). Public
// values alone.
bool IsImageOf(ByteSpan u, ByteSpan edwards);
// Of prime order, for a u that CheckOnCurve has passed. Public values alone: variable time.
Status CheckSubgroup(ByteSpan u);

// `count` clamped keys s with  ± s1 ± s2 ... ± member_half = label_key mod 8L  for one choice of
// the signs.
Result<std::vector<PrivateKey>> SplitRest(const PrivateKey& label_key,
                                          const PrivateKey& member_half, size_t count);
// A uniform multiple of 8 modulo 8L, folded into the range of clamped keys.
PrivateKey RandomHalf();

// u(P+Q) and u(P-Q), sorted as byte strings.
Result<std::vector<Secret>> Combine(ByteSpan u_p, ByteSpan u_q);

}  // namespace recrypt::curve25519

#endif  // RECRYPT_CORE_RECRYPTION_CURVE25519_H_
