// JSON Web Keys (RFC 7517, 7518, 8037) of the curves in use, and their thumbprints (RFC 7638).
//
//   Json jwk = ToJwk(public_key);
//   RECRYPT_ASSIGN(PublicKey key, PublicKeyFromJwk(jwk));
//
// Thread safe.
#ifndef RECRYPT_CORE_JOSE_JWK_H_
#define RECRYPT_CORE_JOSE_JWK_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/crypto/keys.h"
#include "core/json/json.h"

namespace recrypt {

// "OKP" with X25519 or Ed25519, or "EC" with P-256.
Json ToJwk(const PublicKey& key);
// With "d". The Json holds the secret in ordinary memory: only for sealing it at once; wipe the
// dump of it.
Json ToPrivateJwk(const PrivateKey& key);
// kInvalid for other kinds, values of a wrong size, and points that are not on P-256. Members that
// are not needed ("kid", "d", …) are ignored.
Result<PublicKey> PublicKeyFromJwk(const Json& jwk);
// Checks that "d" and the public members belong together.
Result<PrivateKey> PrivateKeyFromJwk(const Json& jwk);

// kInvalid when the key's own "use", "key_ops" or "alg" say that it is not for this. `operations`
// are the values of "key_ops" of which one is enough.
struct JwkPurpose {
  std::string_view use;                      // "sig" or "enc"
  std::vector<std::string_view> operations;  // such as "verify"
  std::string_view algorithm;                // such as "ES256"
};
Status CheckJwkPurpose(const Json& jwk, const JwkPurpose& purpose);

// RFC 7638 with SHA-256, base64url; of OKP, EC, RSA and oct keys.
Result<std::string> JwkThumbprint(const Json& jwk);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JOSE_JWK_H_
