// ServiceKeys: the service's own signature and encryption keys and the profile that names them.
//
//   RECRYPT_ASSIGN(ServiceKeys keys, LoadOrCreateServiceKeys(state, "example.com", clock));
//
// Immutable after loading; thread safe.
#ifndef RECRYPT_SERVICE_SERVICE_KEYS_H_
#define RECRYPT_SERVICE_SERVICE_KEYS_H_

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/identity/service_halves.h"

namespace recrypt {

struct ServiceKeys {
  PrivateKey sign;
  PrivateKey encrypt;
  std::vector<PrivateKey> earlier;  // that halves may still be sealed to, while keys are rotated
  Json profile;                     // JWS
  std::string udf;                  // of `sign`: the service's fingerprint
};

// An entry's service halves, which are sealed to one of the service's keys.
Result<ServiceHalves> OpenServiceHalf(const Json& jwe, const ServiceKeys& keys,
                                      const SealedHalf& expected, Curve curve);

// Reads `state`/service.key and service.profile, or makes them: the key file with mode 0600. Signs
// the profile anew, one version up, when it names other keys or less than half of its life is left.
// kDenied for a key file that others may read; kInvalid for the keys of another domain.
Result<ServiceKeys> LoadOrCreateServiceKeys(const std::string& state, const std::string& domain,
                                            const Clock& clock);

// Takes over the profile that another process of the same service has signed.
Status AdoptServiceProfile(const std::string& state, Json profile, ServiceKeys& keys);

// The first and the last step of a rotation, each one replacement of the key file: a new key for
// sealing, the one before it kept among the earlier ones; and no earlier ones any more. Nobody
// serves from the directory.
Status AddServiceKey(const std::string& state);
Status ForgetEarlierKeys(const std::string& state);

// The profile that names the keys, for who looks at a state directory.
Result<ServiceProfile> ReadServiceProfile(const std::string& state);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SERVICE_KEYS_H_
