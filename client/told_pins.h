// Whom an account trusts, as one of its devices tells another: in a traveller's parcel and in the
// answer to a new device.
//
//   object["pins"] = WritePins(pins);
//   RECRYPT_TRY(TakePins(object, trust));
#ifndef RECRYPT_CLIENT_TOLD_PINS_H_
#define RECRYPT_CLIENT_TOLD_PINS_H_

#include <vector>

#include "client/trust.h"

namespace recrypt {

Json WritePins(const std::vector<TrustPin>& pins);
// Pins what the member "pins" says, in place of other fingerprints.
Status TakePins(const Json& object, TrustStore& trust);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_TOLD_PINS_H_
