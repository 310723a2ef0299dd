// Bound ephemerals: an ephemeral whose private key has also signed what it is for, so that neither
// a blinded copy of it nor the same one under another header passes for it (DESIGN 7;
// docs/FORMAT.md, 2.3).
//
//   RECRYPT_ASSIGN(BoundEphemeral made, MakeBoundEphemeral(Curve::kX25519));   // a sender
//   RECRYPT_ASSIGN(Bytes signature, SignBinding(made, text));
//   RECRYPT_TRY(CheckBinding(ephemeral, {signer_bytes, signature}, text));      // a service
//
// For X25519 the private key is that of a fresh Ed25519 seed (RFC 8032, 5.1.5), and the ephemeral
// follows from the signer's public key by the birational map (RFC 7748, 4.1); for P-256 signer and
// ephemeral are one key. Thread safe.
#ifndef RECRYPT_CORE_RECRYPTION_BOUND_EPHEMERAL_H_
#define RECRYPT_CORE_RECRYPTION_BOUND_EPHEMERAL_H_

#include <string_view>

#include "core/crypto/keys.h"

namespace recrypt {

struct BoundEphemeral {
  PrivateKey agree;  // kX25519 or kP256
  PrivateKey sign;   // kEd25519 or the same
};

// What stands in a header, and what a service is shown.
struct EphemeralBinding {
  Bytes signer;     // the Ed25519 public key, 32 bytes; empty for P-256
  Bytes signature;  // 64 bytes: Ed25519 or ES256
};

// kInvalid for a curve that cannot agree.
Result<BoundEphemeral> MakeBoundEphemeral(Curve curve);
// A signature over `text`; used once for each ephemeral.
Result<EphemeralBinding> SignBinding(const BoundEphemeral& ephemeral, std::string_view text);
// kInvalid unless the signer's key is the ephemeral's, and has signed `text`. All of it is public;
// the first time takes some 150 us.
Status CheckBinding(const PublicKey& ephemeral, const EphemeralBinding& binding,
                    std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CORE_RECRYPTION_BOUND_EPHEMERAL_H_
