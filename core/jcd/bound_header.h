// Bound headers, seen from both ends of a grant: the client shows what the header's ephemeral has
// signed, the service checks that it is what the request is about (docs/FORMAT.md, 2.3; DESIGN 7).
//
//   auto proof = ProofOf(header, ephemeral);                  // client; nothing when it is unbound
//   RECRYPT_TRY(CheckProof(*proof, ephemeral, {uid, label, kid}));   // service
//
// Thread safe.
#ifndef RECRYPT_CORE_JCD_BOUND_HEADER_H_
#define RECRYPT_CORE_JCD_BOUND_HEADER_H_

#include "core/jcd/header.h"

namespace recrypt {

struct BindingProof {
  std::string text;  // whose digest is the JWE's `aad`
  EphemeralBinding binding;
};

// What the holder of a header shows for one of its ephemerals.
std::optional<BindingProof> ProofOf(const Header& header, const PublicKey& ephemeral);

struct BoundTo {
  ByteSpan uid;
  std::string_view label;
  std::string_view kid;
};
// kInvalid unless the ephemeral has signed a header of this document in which this label stands
// with this key.
Status CheckProof(const BindingProof& proof, const PublicKey& ephemeral, const BoundTo& to);

// kCorrupt for a header with a binding that does not hold. One that is not bound is none.
Status CheckBoundHeader(const Header& header);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_BOUND_HEADER_H_
