// The key by which the devices of this account's personal group write: it is sealed to the group
// and stands in the account's profile.
//
//   RECRYPT_TRY(AddPersonalKey(client, group_profile.key));
//
// Not thread safe.
#ifndef RECRYPT_CLIENT_PERSONAL_KEY_H_
#define RECRYPT_CLIENT_PERSONAL_KEY_H_

#include "client/client.h"

namespace recrypt {

// Publishes the own profile with a new such key as the first. Earlier ones stay, since labels have
// given credentials for them, but for the oldest of too many.
Status AddPersonalKey(Client& client, const PublicKey& group);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_PERSONAL_KEY_H_
