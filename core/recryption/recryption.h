// Recryption: splitting a label's private key into a service half and a member half, and putting
// their two results together again (DESIGN 2; the draft, 3.1).
//
//   RECRYPT_ASSIGN(Split split, SplitKey(label_key));                    // administrator
//   RECRYPT_ASSIGN(Bytes p, AgreeHalf(split.service_half, ephemeral));   // service
//   RECRYPT_ASSIGN(Bytes q, AgreeHalf(split.member_half, ephemeral));    // member
//   RECRYPT_ASSIGN(auto candidates, Combine(ephemeral, p, member_half)); // member: one of two is Z
//
// Both halves are ordinary private keys of the curve, each uniform and independent of the label's
// key, so any X25519 or P-256, a hardware token's included, can hold one. Which candidate is the
// secret is told by the authenticated key wrap around the content key. Thread safe.
#ifndef RECRYPT_CORE_RECRYPTION_RECRYPTION_H_
#define RECRYPT_CORE_RECRYPTION_RECRYPTION_H_

#include <vector>

#include "core/crypto/keys.h"

namespace recrypt {

struct Split {
  PrivateKey service_half;
  PrivateKey member_half;
};

// Splits a label's private key (kX25519 or kP256); every call gives new random halves.
Result<Split> SplitKey(const PrivateKey& label_key);

// kInvalid unless `ephemeral` is a point in which a recryption is safe: for X25519 canonical, on
// the curve (not the twist), in the prime-order subgroup and not zero; for P-256 on the curve
// (which PublicKey has checked). To be called by everybody before using T, the administrator's own
// opening included. The subgroup check costs a scalar multiplication; pass kSkipSubgroup only
// where the result is authenticated and nothing is learned from a failure (the service's batch
// path is not such a place unless its half is a multiple of 8, as all halves made here are).
enum class SubgroupCheck { kFull, kSkipSubgroup };
Status CheckEphemeral(const PublicKey& ephemeral, SubgroupCheck check = SubgroupCheck::kFull);

// half * T, as the u- or x-coordinate, 32 bytes. Refuses an ephemeral that CheckEphemeral refuses
// (without the subgroup check: a clamped half is a multiple of the cofactor) and a zero result.
Result<Secret> AgreeHalf(const PrivateKey& half, const PublicKey& ephemeral);

// The candidates for Z = label_key * T from the service's result P and the member's half:
// u(P+Q) and u(P-Q). Refuses u = 0 and equal u's. The arithmetic is over BIGNUM with fixed exponents
// and the constant-time flag.
Result<std::vector<Secret>> Combine(const PublicKey& ephemeral, ByteSpan service_result,
                                    const PrivateKey& member_half);

// The X25519 root finding alone, on little-endian u-coordinates, for tests and the adapter.
Result<std::vector<Secret>> CombineX25519(ByteSpan u_p, ByteSpan u_q);

}  // namespace recrypt

#endif  // RECRYPT_CORE_RECRYPTION_RECRYPTION_H_
