#include "core/recryption/bound_ephemeral.h"

#include "core/crypto/symmetric.h"
#include "core/crypto/verified_signatures.h"
#include "core/recryption/curve25519.h"

namespace recrypt {
namespace {

constexpr size_t kSignatureSize = 64;
// In front of what is signed, so that no other signature of this project can stand for one of
// these.
constexpr std::string_view kContext = "jcd/1 bound ephemeral\n";

Bytes SignedText(std::string_view text) {
  Bytes all = ToBytes(AsBytes(kContext));
  Append(all, AsBytes(text));
  return all;
}

tl::unexpected<Error> Refuse(const std::string& why) {
  return Fail(ErrorCode::kInvalid, "the binding of the ephemeral key: " + why);
}

// The key that signs for an ephemeral, once it is known to belong to it.
Result<PublicKey> SignerOf(const PublicKey& ephemeral, const EphemeralBinding& binding) {
  if (ephemeral.curve() == Curve::kP256) {
    if (!binding.signer.empty()) return Refuse("names a second key");
    return ephemeral;
  }
  RECRYPT_ASSIGN(PublicKey signer, PublicKey::FromBytes(Curve::kEd25519, binding.signer));
  if (!curve25519::IsImageOf(ephemeral.bytes(), signer.bytes())) {
    return Refuse("its signer's key is another one");
  }
  return signer;
}

}  // namespace

Result<BoundEphemeral> MakeBoundEphemeral(Curve curve) {
  if (curve == Curve::kEd25519) return Fail(ErrorCode::kInvalid, "Ed25519 keys cannot agree");
  if (curve == Curve::kP256) {
    PrivateKey key = PrivateKey::Generate(curve);
    return BoundEphemeral{key, key};
  }
  PrivateKey sign = PrivateKey::Generate(Curve::kEd25519);
  Sha512Digest expanded = Sha512(sign.RevealBytes().Reveal());
  auto agree = PrivateKey::FromBytes(Curve::kX25519, ByteSpan(expanded).first(32));
  Wipe(expanded.data(), expanded.size());
  if (!agree) return Fail(agree.error());
  return BoundEphemeral{std::move(*agree), std::move(sign)};
}

Result<EphemeralBinding> SignBinding(const BoundEphemeral& ephemeral, std::string_view text) {
  EphemeralBinding binding;
  const PublicKey& signer = ephemeral.sign.public_key();
  if (signer.curve() == Curve::kEd25519) binding.signer = signer.bytes();
  RECRYPT_ASSIGN(binding.signature, ephemeral.sign.Sign(SignedText(text)));
  return binding;
}

Status CheckBinding(const PublicKey& ephemeral, const EphemeralBinding& binding,
                    std::string_view text) {
  RECRYPT_ASSIGN(const PublicKey signer, SignerOf(ephemeral, binding));
  if (binding.signature.size() != kSignatureSize ||
      !VerifyRemembered(signer, SignedText(text), binding.signature)) {
    return Refuse("it was signed for something else");
  }
  return {};
}

}  // namespace recrypt
