#include "core/recryption/p256_halves.h"

#include <algorithm>

#include "core/crypto/p256.h"

namespace recrypt::p256 {
namespace {

tl::unexpected<Error> RefuseResult() {
  return Fail(ErrorCode::kInvalid, "recryption: a partial result is not a point that can be used");
}

Result<PrivateKey> KeyFrom(const BignumHandle& number) {
  Secret raw(kFieldSize);
  MustSucceed(BN_bn2binpad(number.get(), raw.RevealMutable().data(),
                           static_cast<int>(kFieldSize)) == static_cast<int>(kFieldSize),
              "BN_bn2binpad");
  return PrivateKey::FromBytes(Curve::kP256, raw.Reveal());
}

}  // namespace

Result<PrivateKey> HalfFrom(const Secret& seed) {
  BignumContextHandle context = NewContext();
  BignumHandle number = SecretFrom(seed.Reveal());
  MustSucceed(BN_mod(number.get(), number.get(), Order(), context.get()) == 1, "BN_mod");
  return KeyFrom(number);  // refused in the one case where it is zero
}

Result<PrivateKey> LastHalf(const PrivateKey& label_key, std::span<const PrivateKey> others) {
  BignumContextHandle context = NewContext();
  const Secret whole = label_key.RevealBytes();
  BignumHandle rest = SecretFrom(whole.Reveal());
  for (const PrivateKey& half : others) {
    const Secret raw = half.RevealBytes();
    const BignumHandle number = SecretFrom(raw.Reveal());
    MustSucceed(BN_mod_sub(rest.get(), rest.get(), number.get(), Order(), context.get()) == 1,
                "BN_mod_sub");
  }
  return KeyFrom(rest);  // refused in the one case where it is zero
}

Result<std::vector<Secret>> Combine(ByteSpan x_p, ByteSpan x_q) {
  BignumContextHandle context = NewContext();
  const PointHandle p = LiftX(x_p);
  const PointHandle q = LiftX(x_q);
  if (p == nullptr || q == nullptr || ConstantTimeEqual(x_p, x_q)) return RefuseResult();
  const PointHandle sum = NewPoint();
  const PointHandle difference = NewPoint();
  MustSucceed(EC_POINT_add(Group(), sum.get(), p.get(), q.get(), context.get()) == 1 &&
                  EC_POINT_invert(Group(), q.get(), context.get()) == 1 &&
                  EC_POINT_add(Group(), difference.get(), p.get(), q.get(), context.get()) == 1,
              "EC_POINT_add");
  std::vector<Secret> candidates;
  candidates.push_back(AffineX(sum.get(), context.get()));
  candidates.push_back(AffineX(difference.get(), context.get()));
  // An order that tells nothing, as on X25519.
  std::sort(candidates.begin(), candidates.end(), [](const Secret& a, const Secret& b) {
    return std::ranges::lexicographical_compare(a.Reveal(), b.Reveal());
  });
  return candidates;
}

}  // namespace recrypt::p256
