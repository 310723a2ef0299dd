// A rotation of the key that service halves are sealed to.
//
//   RECRYPT_ASSIGN(const KeyRotation done, RotateServiceKey({"/var/lib/recryptd", ""}, clock));
//
// The service's fingerprint stays: it is that of its signature key, which signs a new version of
// the service's profile. Killed at any point, it leaves a state that can be served, and goes on
// with the next run: until the last half has been sealed anew, the key file holds both keys.
#ifndef RECRYPT_SERVICE_KEY_ROTATION_H_
#define RECRYPT_SERVICE_KEY_ROTATION_H_

#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "service/open_store.h"

namespace recrypt {

struct KeyRotation {
  uint64_t sealed = 0;   // halves, in this run
  uint64_t version = 0;  // of the profile
  std::string key;       // the new key's UDF
};

// kBusy while a service works on the state, or serves from the same database. kCorrupt when a half
// opens with none of the keys; the old ones are kept then.
Result<KeyRotation> RotateServiceKey(const StorePlace& place, const Clock& clock);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_KEY_ROTATION_H_
