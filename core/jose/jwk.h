// JSON Web Keys (RFC 7517, 7518, 8037) of the curves in use, and their thumbprints (RFC 7638).
//
//   Json jwk = ToJwk(public_key);
//   RECRYPT_ASSIGN(PublicKey key, PublicKeyFromJwk(jwk));
//
// Thread safe.
#ifndef RECRYPT_CORE_JOSE_JWK_H_
#define RECRYPT_CORE_JOSE_JWK_H_

#include "core/crypto/keys.h"
#include "core/json/json.h"

namespace recrypt {

Json ToJwk(const PublicKey& key);
// With "d". The Json holds the secret in ordinary memory: only for sealing it at once; wipe the
// dump of it.
Json ToPrivateJwk(const PrivateKey& key);
Result<PublicKey> PublicKeyFromJwk(const Json& jwk);
// Checks that "d" and the public members belong together.
Result<PrivateKey> PrivateKeyFromJwk(const Json& jwk);
// RFC 7638 with SHA-256, base64url.
std::string JwkThumbprint(const Json& jwk);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JOSE_JWK_H_
