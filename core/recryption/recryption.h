// Recryption: splitting a label's private key into a service half and a member half, and putting
// their two results together again (DESIGN 2; the draft, 3.1).
//
//   RECRYPT_ASSIGN(Split split, SplitKey(label_key));                    // administrator
//   RECRYPT_ASSIGN(Secret p, AgreeHalf(split.service_half, ephemeral));   // service
//   RECRYPT_ASSIGN(auto candidates, Combine(ephemeral, p.Reveal(), split.member_half));  // member
//   ... and one of the two candidates is AgreeHalf(label_key, ephemeral)
//
// Both halves are ordinary private keys of the curve, each uniform and independent of the label's
// key, so any X25519 or P-256, a hardware token's included, can hold one. Which candidate is the
// secret is told by the authenticated key wrap around the content key. Thread safe.
#ifndef RECRYPT_CORE_RECRYPTION_RECRYPTION_H_
#define RECRYPT_CORE_RECRYPTION_RECRYPTION_H_

#include <span>
#include <vector>

#include "core/crypto/keys.h"

namespace recrypt {

struct Split {
  PrivateKey service_half;
  PrivateKey member_half;
};

// Splits a label's private key (kX25519 or kP256); every call gives new random halves.
Result<Split> SplitKey(const PrivateKey& label_key);

// What SplitKey and core/recryption/quorums.h are made of: halves that are uniform among those of
// the curve, drawn at random or from kHalfSeedSize bytes that are as good as that, and the one that
// with 1 to kMaxServices others makes the label's key. Without any one of all nothing is learned.
constexpr size_t kMaxServices = 5;
constexpr size_t kHalfSeedSize = 64;
PrivateKey GenerateHalf(Curve curve);
// kInvalid for another curve than recryption's, and for one seed in 2^126.
Result<PrivateKey> HalfFrom(Curve curve, const Secret& seed);
// kInvalid where the curves differ; and where, one time in 2^126, there is no such half.
Result<PrivateKey> LastHalf(const PrivateKey& label_key, std::span<const PrivateKey> others);

// kInvalid unless `ephemeral` can be used: for X25519 a canonical encoding, not zero, on the curve
// and not on its twist; for P-256 on the curve (which PublicKey has checked). On the twist the
// label's key and the halves would give different secrets. Takes about 8 us.
//
// kFull also asks for the prime-order subgroup, which takes about 0.2 ms: for who makes or vets
// headers. It is not needed for safety or agreement: every half that is made here is a multiple of
// 8, as every clamped key is, so a component of small order vanishes from all results alike and
// can leak no bit of a half.
enum class SubgroupCheck { kFull, kSkipSubgroup };
Status CheckEphemeral(const PublicKey& ephemeral, SubgroupCheck check = SubgroupCheck::kFull);

// half * T, as the u- or x-coordinate, 32 bytes; the administrator's own opening with the label's
// key likewise. Refuses (kInvalid) what CheckEphemeral refuses, the subgroup aside, and a zero
// result, which is what a T of small order gives.
Result<Secret> AgreeHalf(const PrivateKey& half, const PublicKey& ephemeral);

// The two candidates for Z = label_key * T from the service's result P and the member's half:
// the coordinates of P+Q and P-Q, sorted, so that their order tells nothing. `ephemeral` is one
// that CheckEphemeral has taken, as it has those of every header that was parsed. kInvalid for a P
// that is zero, not canonical, not on the curve or equal to Q. The arithmetic is over BIGNUM, with
// one exponentiation whose exponent is fixed.
Result<std::vector<Secret>> Combine(const PublicKey& ephemeral, ByteSpan service_result,
                                    const PrivateKey& member_half);
// The same with the results of k services: 2^k candidates.
Result<std::vector<Secret>> CombineSeveral(const PublicKey& ephemeral,
                                           std::span<const Bytes> service_results,
                                           const PrivateKey& member_half);

// The X25519 root finding alone, on little-endian u-coordinates, for tests and the adapter.
Result<std::vector<Secret>> CombineX25519(ByteSpan u_p, ByteSpan u_q);

}  // namespace recrypt

#endif  // RECRYPT_CORE_RECRYPTION_RECRYPTION_H_
