// What one service of a label holds for one device and key: a half for each quorum that it belongs
// to, sealed to the service (docs/PROTOCOL.md, 4.4).
//
//   RECRYPT_ASSIGN(QuorumSplit split, QuorumsOf(profile).Split(key, seed, about));
//   RECRYPT_ASSIGN(Json jwe, SealServiceHalves(sealed, split.service_halves[domain], service_key));
//   RECRYPT_ASSIGN(ServiceHalves halves, OpenServiceHalves(jwe, service_key, sealed, curve));
//
// Thread safe.
#ifndef RECRYPT_CORE_IDENTITY_SERVICE_HALVES_H_
#define RECRYPT_CORE_IDENTITY_SERVICE_HALVES_H_

#include "core/identity/profile.h"
#include "core/recryption/quorums.h"

namespace recrypt {

// By the domains of the label's services.
Quorums QuorumsOf(const LabelProfile& profile);

// kInvalid when nothing can be sealed to the key.
Result<Json> SealServiceHalves(const SealedHalf& about, const ServiceHalves& halves,
                               const PublicKey& to);
// kDenied when the JWE is about something else than `expected`, kInvalid for what are no halves on
// `curve`.
Result<ServiceHalves> OpenServiceHalves(const Json& jwe, const PrivateKey& with,
                                        const SealedHalf& expected, Curve curve);

}  // namespace recrypt

#endif  // RECRYPT_CORE_IDENTITY_SERVICE_HALVES_H_
