// JSON Web Encryption (RFC 7516) with ECDH-ES+A256KW and A256GCM, and the pieces that a document
// header is made of.
//
//   Json jwe = EncryptJwe(recipient_key, plaintext);         // general JSON serialization
//   RECRYPT_ASSIGN(Secret text, DecryptJwe(jwe, private_key));
//
// Refused: algorithms other than those named, `crit`, `zip`, header members that stand in two
// places, a point that CheckEphemeral refuses. Direct "dir", "A256KW" and "ECDH-ES" are taken by
// DecryptJweAny alone, for foreign vectors. Thread safe.
#ifndef RECRYPT_CORE_JOSE_JWE_H_
#define RECRYPT_CORE_JOSE_JWE_H_

#include <functional>
#include <string>
#include <vector>

#include "core/crypto/keys.h"
#include "core/json/json.h"

namespace recrypt {

constexpr std::string_view kAlgEcdhEsA256Kw = "ECDH-ES+A256KW";

// The key-encryption key of ECDH-ES+A256KW: Concat KDF (RFC 7518, 4.6.2) with SHA-256 over the
// agreed secret, algorithm id = `alg`, empty apu and apv, 256 bits.
Secret EcdhEsKek(ByteSpan shared_secret, std::string_view alg);
// The general Concat KDF, `bits` of 128, 192, 256, 384 or 512.
Secret ConcatKdf(ByteSpan shared_secret, std::string_view algorithm_id, ByteSpan apu, ByteSpan apv,
                 uint32_t bits);

// To one recipient: alg ECDH-ES+A256KW, kid = UDF of the key, enc A256GCM, a fresh ephemeral.
Json EncryptJwe(const PublicKey& recipient, ByteSpan plaintext);
// Finds the recipient whose kid is the key's UDF (or the only one) and opens it. kDenied when
// there is none, kCorrupt when it does not open.
Result<Secret> DecryptJwe(const Json& jwe, const PrivateKey& key);

// A document header's JWE in parts: the fields as they stand in the JSON, decoded and bounded.
struct JweRecipient {
  std::string alg;                   // from whichever header has it
  std::vector<std::string> kids;     // one; several for a conjunction ("kids")
  Bytes encrypted_key;               // 40 bytes for each kid
};
struct JweParts {
  std::string protected_b64;         // as written: the AAD starts with it
  std::vector<PublicKey> ephemerals; // one for each curve in use
  std::vector<JweRecipient> recipients;
  Bytes aad;                         // decoded "aad", empty when absent
  Bytes iv;
  Bytes ciphertext;
  Bytes tag;
};
// Opens content under a content-encryption key: A256GCM with AAD = protected [ "." BASE64URL(aad) ].
Result<Secret> OpenJweContent(const JweParts& parts, const Secret& cek);

// For foreign vectors: compact, flattened or general text; a private JWK, or an "oct" JWK for dir
// and A128KW/A192KW/A256KW; enc of A128GCM, A192GCM, A256GCM and the CBC-HMAC ones of RFC 7518.
Result<Secret> DecryptJweAny(std::string_view text, const Json& jwk);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JOSE_JWE_H_
