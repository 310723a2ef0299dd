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

Result<std::vector<PrivateKey>> SplitRest(const PrivateKey& label_key,
                                          const PrivateKey& member_half, size_t count) {
  BignumContextHandle context = NewContext();
  BignumHandle rest = NewSecret();
  const auto subtract = [&](const BignumHandle& from, const PrivateKey& half) {
    const Secret raw = half.RevealBytes();
    const BignumHandle number = SecretFrom(raw.Reveal());
    MustSucceed(BN_mod_sub(rest.get(), from.get(), number.get(), Order(), context.get()) == 1,
                "BN_mod_sub");
  };
  for (;;) {
    const Secret raw = label_key.RevealBytes();
    subtract(SecretFrom(raw.Reveal()), member_half);
    std::vector<PrivateKey> halves;
    while (halves.size() + 1 < count) {
      halves.push_back(PrivateKey::Generate(Curve::kP256));
      subtract(rest, halves.back());
    }
    if (Result<PrivateKey> last = KeyFrom(rest)) {
      halves.push_back(std::move(*last));
      return halves;
    }
    // The rest was zero.
    if (count == 1) {
      return Fail(ErrorCode::kInvalid, "this member half leaves no service half; draw another");
    }
  }
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
