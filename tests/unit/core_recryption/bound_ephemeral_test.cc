#include "core/recryption/bound_ephemeral.h"

#include <gtest/gtest.h>

#include "core/recryption/recryption.h"
#include "tests/unit/hex.h"

namespace recrypt {
namespace {

constexpr Curve kCurves[] = {Curve::kX25519, Curve::kP256};

struct Made {
  explicit Made(Curve curve, std::string_view text = "what it is for")
      : keys(MakeBoundEphemeral(curve).value()), binding(SignBinding(keys, text).value()) {}
  const PublicKey& ephemeral() const { return keys.agree.public_key(); }

  BoundEphemeral keys;
  EphemeralBinding binding;
};

TEST(BoundEphemeral, SignsWhatItIsForAndAgreesLikeAnyOther) {
  for (const Curve curve : kCurves) {
    const Made made(curve);
    EXPECT_TRUE(CheckBinding(made.ephemeral(), made.binding, "what it is for"));
    EXPECT_TRUE(CheckEphemeral(made.ephemeral()));
    const PrivateKey label = PrivateKey::Generate(curve);
    const Split split = SplitKey(label).value();
    const Secret z = made.keys.agree.Agree(label.public_key()).value();
    const Secret p = AgreeHalf(split.service_half, made.ephemeral()).value();
    const auto candidates = Combine(made.ephemeral(), p.Reveal(), split.member_half).value();
    EXPECT_TRUE(candidates[0].Equals(z) || candidates[1].Equals(z));
  }
}

// RFC 8032, 7.1, TEST 1: its public key, and the u of the same scalar under X25519's base point.
TEST(BoundEphemeral, IsTheImageOfItsSignersKey) {
  const Bytes seed = Hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const PrivateKey signer = PrivateKey::FromBytes(Curve::kEd25519, seed).value();
  const Bytes u = Hex("d85e07ec22b0ad881537c2f44d662d1a143cf830c57aca4305d85c7a90f6b62e");
  const PublicKey ephemeral = PublicKey::FromBytes(Curve::kX25519, u).value();
  const BoundEphemeral keys{PrivateKey::Generate(Curve::kX25519), signer};
  const EphemeralBinding binding = SignBinding(keys, "text").value();
  EXPECT_TRUE(CheckBinding(ephemeral, binding, "text"));
}

TEST(BoundEphemeral, IsRefusedForAnotherText) {
  for (const Curve curve : kCurves) {
    const Made made(curve);
    EXPECT_FALSE(CheckBinding(made.ephemeral(), made.binding, "what it is foR"));
    EXPECT_FALSE(CheckBinding(made.ephemeral(), made.binding, ""));
  }
}

// Who blinds T, to r T, would need the private key of the blinded one to sign for it.
TEST(BoundEphemeral, IsRefusedWhenItIsBlinded) {
  for (const Curve curve : kCurves) {
    const Made made(curve);
    const Secret blinded = PrivateKey::Generate(curve).Agree(made.ephemeral()).value();
    Bytes encoded = ToBytes(blinded.Reveal());
    if (curve == Curve::kP256) encoded.insert(encoded.begin(), 0x02);
    const PublicKey other = PublicKey::FromBytes(curve, encoded).value();
    EXPECT_FALSE(CheckBinding(other, made.binding, "what it is for"));
    const Made another(curve);
    EXPECT_FALSE(CheckBinding(other, another.binding, "what it is for"));
  }
}

TEST(BoundEphemeral, IsRefusedWithAKeyOrASignatureThatIsNone) {
  for (const Curve curve : kCurves) {
    const Made made(curve);
    const auto refused = [&](auto spoil) {
      EphemeralBinding binding = made.binding;
      spoil(binding);
      const Status checked = CheckBinding(made.ephemeral(), binding, "what it is for");
      return !checked && checked.error().code == ErrorCode::kInvalid;
    };
    EXPECT_TRUE(refused([](EphemeralBinding& b) { b.signature.clear(); }));
    EXPECT_TRUE(refused([](EphemeralBinding& b) { b.signature.pop_back(); }));
    EXPECT_TRUE(refused([](EphemeralBinding& b) { b.signature[7] ^= 1; }));
    EXPECT_TRUE(refused([](EphemeralBinding& b) { b.signer.push_back(0); }));
    EXPECT_TRUE(refused([](EphemeralBinding& b) { b.signer.assign(32, 0); }));
    EXPECT_TRUE(refused([](EphemeralBinding& b) { b.signer.assign(32, 0xFF); }));
    // y = 1, the neutral element, which has no image.
    EXPECT_TRUE(refused([](EphemeralBinding& b) {
      b.signer.assign(32, 0);
      b.signer[0] = 1;
    }));
  }
}

TEST(BoundEphemeral, IsNotMadeOfKeysThatCannotAgree) {
  EXPECT_EQ(MakeBoundEphemeral(Curve::kEd25519).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace recrypt
