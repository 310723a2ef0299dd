// GrantAccess: Access by grants from recryption services.
//
//   auto access = MakeGrantAccess({services, profiles, trust, clock, identity, receipts,
//                                 journal});
//
// Starts threads (the sweep of expired keys, headers made ahead): make it after any fork.
#ifndef RECRYPT_CLIENT_GRANT_ACCESS_H_
#define RECRYPT_CLIENT_GRANT_ACCESS_H_

#include <memory>

#include "client/access.h"
#include "client/receipts.h"
#include "client/recovered_keys.h"
#include "client/service_client.h"
#include "client/verified_profiles.h"

namespace recrypt {

// References outlive the Access.
struct GrantAccessParts {
  Services& services;
  VerifiedProfiles& profiles;
  TrustStore& trust;
  const Clock& clock;
  std::shared_ptr<const Identity> identity;  // null: only what needs no session, such as Create
  std::shared_ptr<const RecoveredKeys> recovered;  // null: none
  Receipts& receipts;
  std::string opens_journal;   // path; see OpenReports
  std::string offline_folder;  // see OfflineLeases
};

std::unique_ptr<Access> MakeGrantAccess(GrantAccessParts parts);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_GRANT_ACCESS_H_
