// Recryption on X25519: what is special about u-coordinates and clamped keys. For core/recryption
// only; recryption.h is the door.
#ifndef RECRYPT_CORE_RECRYPTION_CURVE25519_H_
#define RECRYPT_CORE_RECRYPTION_CURVE25519_H_

#include <span>
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

// The clamped key s with  ± s ± others[0] ± others[1] ... = label_key mod 8L  for one choice of the
// signs.
Result<PrivateKey> LastHalf(const PrivateKey& label_key, std::span<const PrivateKey> others);
// A uniform multiple of 8 modulo 8L, folded into the range of clamped keys.
PrivateKey RandomHalf();
// The same from 64 uniform bytes: reduced, off by 2^-259.
Result<PrivateKey> HalfFrom(const Secret& seed);

// u(P+Q) and u(P-Q), sorted as byte strings.
Result<std::vector<Secret>> Combine(ByteSpan u_p, ByteSpan u_q);

}  // namespace recrypt::curve25519

#endif  // RECRYPT_CORE_RECRYPTION_CURVE25519_H_
