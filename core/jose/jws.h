// JSON Web Signatures (RFC 7515), flattened JSON serialization, EdDSA (RFC 8037) and ES256.
//
//   Json jws = SignJws(key, payload_text);                   // protected: alg, kid = key's UDF
//   RECRYPT_ASSIGN(std::string text, VerifyJws(jws, key));
//
// Refused: any `alg` that is not the key's own, `crit`, `b64`, unprotected headers, members that a
// flattened JWS does not have. Thread safe.
#ifndef RECRYPT_CORE_JOSE_JWS_H_
#define RECRYPT_CORE_JOSE_JWS_H_

#include <string>
#include <string_view>

#include "core/crypto/keys.h"
#include "core/json/json.h"

namespace recrypt {

// `key` is of Ed25519 or P-256: a key of another curve is a mistake of the program, and aborts it.
Json SignJws(const PrivateKey& key, std::string_view payload);
// The payload, once the signature has been verified; kDenied when it does not match, kInvalid when
// `jws` is none.
Result<std::string> VerifyJws(const Json& jws, const PublicKey& key);
// The payload and `kid` (empty when there is none) of a signature that has NOT been verified: to
// find the key to verify with.
struct UnverifiedJws {
  std::string payload;
  std::string kid;
};
Result<UnverifiedJws> PeekJws(const Json& jws);
// Compact serialization, for foreign vectors and for tokens.
std::string SignCompactJws(const PrivateKey& key, std::string_view payload);
Result<std::string> VerifyCompactJws(std::string_view compact, const PublicKey& key);

// "EdDSA" or "ES256"; empty for a curve that does not sign.
std::string_view JwsAlgorithm(Curve curve);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JOSE_JWS_H_
