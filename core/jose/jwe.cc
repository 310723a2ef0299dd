#include "core/jose/jwe.h"

#include <algorithm>

#include "core/crypto/symmetric.h"
#include "core/jose/jwe_envelope.h"
#include "core/recryption/recryption.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

Result<const JweRecipient*> FindRecipient(const JweParts& parts, const PublicKey& key) {
  if (parts.recipients.size() == 1) return &parts.recipients.front();
  const std::string udf = KeyUdf(key);
  for (const JweRecipient& recipient : parts.recipients) {
    if (recipient.kids.size() == 1 && recipient.kids.front() == udf) return &recipient;
  }
  return Fail(ErrorCode::kDenied, "JWE: not encrypted to the key " + udf);
}

}  // namespace

Result<Bytes> WrapKey(const PrivateKey& ephemeral, const PublicKey& recipient, std::string_view alg,
                      ByteSpan cek) {
  RECRYPT_ASSIGN(const Secret z, ephemeral.Agree(recipient));
  const Secret kek = EcdhEsKek(z.Reveal(), alg);
  return AesKeyWrap(kek.Reveal(), cek);
}

Result<Secret> UnwrapKey(std::span<const Secret> candidates, std::string_view alg,
                         ByteSpan wrapped) {
  for (const Secret& z : candidates) {
    const Secret kek = EcdhEsKek(z.Reveal(), alg);
    if (auto cek = AesKeyUnwrap(kek.Reveal(), wrapped)) return cek;
  }
  return Fail(ErrorCode::kCorrupt, "JWE: the content key does not unwrap");
}

JweParts SealJweContent(JweParts parts, const Secret& cek, ByteSpan plaintext) {
  parts.protected_b64 = kJweProtected;
  parts.iv.resize(kAeadNonceSize);
  RandomBytes(parts.iv);
  parts.ciphertext.resize(plaintext.size());
  parts.tag.resize(kAeadTagSize);
  const std::string aad = JweAssociatedData(parts.protected_b64, parts.aad);
  Aead(cek).Seal(parts.iv, AsBytes(aad), plaintext, parts.ciphertext.data(), parts.tag.data());
  return parts;
}

Result<Secret> OpenJweContent(const JweParts& parts, const Secret& cek) {
  if (cek.size() != kCekSize || parts.iv.size() != kAeadNonceSize) {
    return Fail(ErrorCode::kCorrupt, "JWE: a content key of a wrong size");
  }
  Secret plaintext(parts.ciphertext.size());
  const std::string aad = JweAssociatedData(parts.protected_b64, parts.aad);
  if (!Aead(cek).Open(parts.iv, AsBytes(aad), parts.ciphertext, parts.tag,
                      plaintext.RevealMutable().data())) {
    return Fail(ErrorCode::kCorrupt, "JWE: the content does not open");
  }
  return plaintext;
}

Result<Json> EncryptJwe(const PublicKey& recipient, ByteSpan plaintext) {
  if (recipient.curve() == Curve::kEd25519) {
    return Fail(ErrorCode::kInvalid, "JWE: a signature key cannot be encrypted to");
  }
  const PrivateKey ephemeral = PrivateKey::Generate(recipient.curve());
  const Secret cek = Secret::Random(kCekSize);
  RECRYPT_ASSIGN(Bytes wrapped, WrapKey(ephemeral, recipient, kAlgEcdhEsA256Kw, cek.Reveal()));
  JweParts parts;
  parts.ephemerals.push_back(ephemeral.public_key());
  parts.recipients.push_back(JweRecipient{
      std::string(kAlgEcdhEsA256Kw), {KeyUdf(recipient)}, std::nullopt, std::move(wrapped)});
  return FormatJwe(SealJweContent(std::move(parts), cek, plaintext));
}

Result<Secret> DecryptJwe(const Json& jwe, const PrivateKey& key) {
  RECRYPT_ASSIGN(const JweParts parts, ParseJwe(jwe));
  RECRYPT_ASSIGN(const JweRecipient* recipient, FindRecipient(parts, key.public_key()));
  if (recipient->alg != kAlgEcdhEsA256Kw) {
    return Fail(ErrorCode::kInvalid, "JWE: alg is not ECDH-ES+A256KW");
  }
  const PublicKey* ephemeral = parts.EphemeralOf(*recipient, key.curve());
  if (ephemeral == nullptr) {
    return Fail(ErrorCode::kDenied, "JWE: no ephemeral key on the curve of this key");
  }
  RECRYPT_ASSIGN(const Secret z, AgreeHalf(key, *ephemeral));
  RECRYPT_ASSIGN(const Secret cek, UnwrapKey({&z, 1}, kAlgEcdhEsA256Kw, recipient->encrypted_key));
  return OpenJweContent(parts, cek);
}

Result<Secret> DecryptJweAgreed(const Json& jwe, std::span<const Secret> candidates) {
  RECRYPT_ASSIGN(const JweParts parts, ParseJwe(jwe));
  const JweRecipient& recipient = parts.recipients.front();
  if (parts.recipients.size() != 1 || recipient.alg != kAlgEcdhEsA256Kw) {
    return Fail(ErrorCode::kInvalid, "JWE: not ECDH-ES+A256KW to one recipient");
  }
  RECRYPT_ASSIGN(const Secret cek,
                 UnwrapKey(candidates, kAlgEcdhEsA256Kw, recipient.encrypted_key));
  return OpenJweContent(parts, cek);
}

}  // namespace recrypt
