// ServiceKeys: the service's own signature and encryption keys and the profile that names them.
//
//   RECRYPT_ASSIGN(ServiceKeys keys, LoadOrCreateServiceKeys(state, "example.com", clock));
//
// Immutable after loading; thread safe.
#ifndef RECRYPT_SERVICE_SERVICE_KEYS_H_
#define RECRYPT_SERVICE_SERVICE_KEYS_H_

#include <string>

#include "core/base/clock.h"
#include "core/identity/profile.h"

namespace recrypt {

struct ServiceKeys {
  PrivateKey sign;
  PrivateKey encrypt;
  Json profile;     // JWS
  std::string udf;  // of `sign`: the service's fingerprint
};

// Reads `state`/service.key and service.profile, or makes them: the key file with mode 0600. Signs
// the profile anew, one version up, when less than half of its life is left. kDenied for a key
// file that others may read; kInvalid for the keys of another domain.
Result<ServiceKeys> LoadOrCreateServiceKeys(const std::string& state, const std::string& domain,
                                            const Clock& clock);

// The profile that names the keys, for who looks at a state directory.
Result<ServiceProfile> ReadServiceProfile(const std::string& state);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SERVICE_KEYS_H_
