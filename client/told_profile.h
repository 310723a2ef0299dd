// The profile of an account as its service gives it, whoever may stand behind it: for a person to
// compare its fingerprint, before that is pinned (client/profile_admin.h, TrustAccount).
//
//   RECRYPT_ASSIGN(Profile profile, ProfileAsTold(client, bob));
//   show(profile.Udf());
//
// Thread safe.
#ifndef RECRYPT_CLIENT_TOLD_PROFILE_H_
#define RECRYPT_CLIENT_TOLD_PROFILE_H_

#include "client/client.h"

namespace recrypt {

// kDenied when the service gives another account's; kNotFound; kUnavailable.
Result<Profile> ProfileAsTold(Client& client, const AccountName& account);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_TOLD_PROFILE_H_
