#include "core/recryption/recryption.h"

#include "core/recryption/curve25519.h"
#include "core/recryption/p256_halves.h"

namespace recrypt {
namespace {

bool IsRecryptionCurve(Curve curve) { return curve == Curve::kX25519 || curve == Curve::kP256; }

tl::unexpected<Error> RefuseCurve() {
  return Fail(ErrorCode::kInvalid, "recryption needs keys of X25519 or P-256");
}

Result<std::vector<Secret>> CombineValues(Curve curve, ByteSpan p, ByteSpan q) {
  return curve == Curve::kX25519 ? curve25519::Combine(p, q) : p256::Combine(p, q);
}

}  // namespace

PrivateKey GenerateHalf(Curve curve) {
  return curve == Curve::kX25519 ? curve25519::RandomHalf() : PrivateKey::Generate(curve);
}

Result<PrivateKey> HalfFrom(Curve curve, const Secret& seed) {
  if (!IsRecryptionCurve(curve)) return RefuseCurve();
  if (seed.size() != kHalfSeedSize) {
    return Fail(ErrorCode::kInvalid, "a half is made from 64 bytes");
  }
  return curve == Curve::kX25519 ? curve25519::HalfFrom(seed) : p256::HalfFrom(seed);
}

Result<PrivateKey> LastHalf(const PrivateKey& label_key, std::span<const PrivateKey> others) {
  if (!IsRecryptionCurve(label_key.curve())) return RefuseCurve();
  for (const PrivateKey& half : others) {
    if (half.curve() != label_key.curve()) return RefuseCurve();
  }
  if (others.empty() || others.size() > kMaxServices) {
    return Fail(ErrorCode::kInvalid, "a label's key is split over 1 to 5 services");
  }
  return label_key.curve() == Curve::kX25519 ? curve25519::LastHalf(label_key, others)
                                             : p256::LastHalf(label_key, others);
}

Result<Split> SplitKey(const PrivateKey& label_key) {
  if (!IsRecryptionCurve(label_key.curve())) return RefuseCurve();
  for (;;) {
    PrivateKey member_half = GenerateHalf(label_key.curve());
    auto service = LastHalf(label_key, {&member_half, 1});
    if (service) return Split{std::move(*service), std::move(member_half)};
  }
}

Status CheckEphemeral(const PublicKey& ephemeral, SubgroupCheck check) {
  if (!IsRecryptionCurve(ephemeral.curve())) return RefuseCurve();
  if (ephemeral.curve() == Curve::kP256) return {};  // checked when it was made; cofactor 1
  RECRYPT_TRY(curve25519::CheckOnCurve(ephemeral.bytes()));
  if (check == SubgroupCheck::kSkipSubgroup) return {};
  return curve25519::CheckSubgroup(ephemeral.bytes());
}

Result<Secret> AgreeHalf(const PrivateKey& half, const PublicKey& ephemeral) {
  RECRYPT_TRY(CheckEphemeral(ephemeral, SubgroupCheck::kSkipSubgroup));
  return half.Agree(ephemeral);
}

Result<std::vector<Secret>> CombineSeveral(const PublicKey& ephemeral,
                                           std::span<const Bytes> service_results,
                                           const PrivateKey& member_half) {
  if (service_results.empty() || service_results.size() > kMaxServices) {
    return Fail(ErrorCode::kInvalid, "recryption takes the results of 1 to 5 services");
  }
  RECRYPT_ASSIGN(Secret member_result, member_half.Agree(ephemeral));
  std::vector<Secret> sums;
  sums.push_back(std::move(member_result));
  for (const Bytes& result : service_results) {
    std::vector<Secret> longer;
    for (const Secret& sum : sums) {
      RECRYPT_ASSIGN(auto pair, CombineValues(ephemeral.curve(), result, sum.Reveal()));
      for (Secret& candidate : pair) longer.push_back(std::move(candidate));
    }
    sums = std::move(longer);
  }
  return sums;
}

Result<std::vector<Secret>> Combine(const PublicKey& ephemeral, ByteSpan service_result,
                                    const PrivateKey& member_half) {
  const Bytes results[] = {ToBytes(service_result)};
  return CombineSeveral(ephemeral, results, member_half);
}

Result<std::vector<Secret>> CombineX25519(ByteSpan u_p, ByteSpan u_q) {
  return curve25519::Combine(u_p, u_q);
}

}  // namespace recrypt
