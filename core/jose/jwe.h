// JSON Web Encryption (RFC 7516) with ECDH-ES+A256KW and A256GCM, and the pieces that a document
// header is made of.
//
//   RECRYPT_ASSIGN(Json jwe, EncryptJwe(recipient_key, plaintext));  // general JSON serialization
//   RECRYPT_ASSIGN(Secret text, DecryptJwe(jwe, private_key));
//
// A sender of several recipients, and who holds candidates instead of a key, take the pieces:
//
//   JweParts parts;                                        // ephemerals, recipients, aad
//   RECRYPT_ASSIGN(Bytes wrap, WrapKey(ephemeral, recipient_key, kAlgEcdhEsA256Kw, cek.Reveal()));
//   Json jwe = FormatJwe(SealJweContent(std::move(parts), cek, plaintext));
//
//   RECRYPT_ASSIGN(JweParts parts, ParseJwe(jwe));
//   RECRYPT_ASSIGN(Secret cek, UnwrapKey(candidates, kAlgEcdhEsA256Kw, wrap));
//   RECRYPT_ASSIGN(Secret text, OpenJweContent(parts, cek));
//
// Refused: another `enc`, `crit`, `zip`, header members that are not known or stand in two places,
// an ephemeral that CheckEphemeral refuses (the subgroup aside). Thread safe.
#ifndef RECRYPT_CORE_JOSE_JWE_H_
#define RECRYPT_CORE_JOSE_JWE_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/crypto/keys.h"
#include "core/json/json.h"

namespace recrypt {

constexpr std::string_view kAlgEcdhEsA256Kw = "ECDH-ES+A256KW";
// The protected header that is written here, {"enc":"A256GCM"}, in base64url.
constexpr std::string_view kJweProtected = "eyJlbmMiOiJBMjU2R0NNIn0";
constexpr size_t kCekSize = 32;
constexpr size_t kWrappedCekSize = 40;
constexpr size_t kMaxJweRecipients = 64;
constexpr size_t kMaxJweKids = 64;      // of one recipient
constexpr size_t kMaxJweKidSize = 256;  // bytes

// The general Concat KDF (RFC 7518, 4.6.2) with SHA-256; `bits` a multiple of 8 up to 512.
Secret ConcatKdf(ByteSpan shared_secret, std::string_view algorithm_id, ByteSpan apu, ByteSpan apv,
                 uint32_t bits);
// The key-encryption key of ECDH-ES+A256KW: algorithm id = `alg`, empty apu and apv, 256 bits.
Secret EcdhEsKek(ByteSpan shared_secret, std::string_view alg);

// To one recipient (X25519 or P-256): alg ECDH-ES+A256KW, kid = UDF of the key, enc A256GCM, a
// fresh ephemeral. kInvalid for a key that cannot agree.
Result<Json> EncryptJwe(const PublicKey& recipient, ByteSpan plaintext);
// Finds the recipient whose kid is the key's UDF (or the only one) and opens it. kDenied when
// there is none, kCorrupt when it does not open, kInvalid when `jwe` is none or has another alg.
Result<Secret> DecryptJwe(const Json& jwe, const PrivateKey& key);
// One that EncryptJwe made, by candidates for the secret that its ephemeral and the recipient's key
// agree on: for who has grants instead of the key. kCorrupt when none opens it.
Result<Secret> DecryptJweAgreed(const Json& jwe, std::span<const Secret> candidates);

// One recipient as it stands in the JSON, decoded.
struct JweRecipient {
  std::string alg;                     // from whichever header has it; any text
  std::vector<std::string> kids;       // "kid", or all of "kids"; empty when there is neither
  std::optional<PublicKey> ephemeral;  // an "epk" of its own
  Bytes encrypted_key;                 // 40 bytes for each key that is wrapped
};
struct JweParts {
  std::string protected_b64;             // as written: the AAD starts with it
  std::vector<PublicKey> ephemerals;     // the shared "epk" and, behind it, "epk2"; of two curves
  std::vector<JweRecipient> recipients;  // 1 to kMaxJweRecipients
  Bytes aad;                             // decoded "aad", empty when absent
  Bytes iv;                              // 12 bytes
  Bytes ciphertext;
  Bytes tag;  // 16 bytes

  // The ephemeral of this curve that counts for a recipient; nullptr when there is none.
  const PublicKey* EphemeralOf(const JweRecipient& recipient, Curve curve) const;
};

// Reads general or flattened JSON serialization. kInvalid, and never more memory than the input's.
Result<JweParts> ParseJwe(const Json& jwe);
// Writes general JSON serialization: the ephemerals, and `alg` where all recipients have the same
// one, in the shared unprotected header; one kid as "kid", several as "kids".
Json FormatJwe(const JweParts& parts);

// `cek` under the KEK that `ephemeral` (private) and the recipient agree on; what is wrapped is 16
// bytes or more, a multiple of 8. kInvalid for keys that do not agree.
Result<Bytes> WrapKey(const PrivateKey& ephemeral, const PublicKey& recipient, std::string_view alg,
                      ByteSpan cek);
// What was wrapped, by the first of the candidates for the agreed secret that opens it; kCorrupt
// when none does.
Result<Secret> UnwrapKey(std::span<const Secret> candidates, std::string_view alg,
                         ByteSpan wrapped);

// Encrypts under a 32-byte content-encryption key that is used for this one JWE: fills in the
// protected header (kJweProtected), iv, ciphertext and tag; `aad` is bound.
JweParts SealJweContent(JweParts parts, const Secret& cek, ByteSpan plaintext);
// A256GCM with AAD = protected [ "." BASE64URL(aad) ]. kCorrupt when it does not open.
Result<Secret> OpenJweContent(const JweParts& parts, const Secret& cek);

// For foreign vectors and tests: compact, flattened or general text; a private JWK of X25519 or
// P-256 for ECDH-ES, directly or with AxxxKW, or an "oct" JWK for dir and A128KW/A192KW/A256KW;
// enc of A128GCM, A192GCM, A256GCM and the CBC-HMAC ones of RFC 7518. Unknown members of the
// protected header are ignored; unprotected ones are refused, and so are `crit` and `zip`.
Result<Secret> DecryptJweAny(std::string_view text, const Json& jwk);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JOSE_JWE_H_
