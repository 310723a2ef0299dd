// Remembers which signatures verified, so that a document that is opened again does not pay for
// them again (an Ed25519 verification costs as much as reading it).
//
//   if (!VerifyRemembered(key, message, signature)) return Fail(...);
//
// Whether a signature verifies depends on nothing but key, message and signature: what is
// remembered never becomes wrong, needs no invalidation, and is shared by the whole process. It is
// kept as the SHA-256 of the three, and bounded (some 8 MiB); the oldest half is forgotten first.
// Thread safe.
#ifndef RECRYPT_CORE_CRYPTO_VERIFIED_SIGNATURES_H_
#define RECRYPT_CORE_CRYPTO_VERIFIED_SIGNATURES_H_

#include "core/crypto/keys.h"

namespace recrypt {

// As key.Verify(message, signature).
bool VerifyRemembered(const PublicKey& key, ByteSpan message, ByteSpan signature);

// key.Sign(message), which its public key is then known to verify.
Result<Bytes> SignRemembered(const PrivateKey& key, ByteSpan message);

}  // namespace recrypt

#endif  // RECRYPT_CORE_CRYPTO_VERIFIED_SIGNATURES_H_
