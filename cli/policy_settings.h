// The settings of a label's policy as people write and read them.
//
//   RECRYPT_TRY(ApplySetting("quota=member:100/1d", profiles, policy));
//   for (const auto& [name, value] : PolicyLines(policy)) …
//
// Thread safe.
#ifndef RECRYPT_CLI_POLICY_SETTINGS_H_
#define RECRYPT_CLI_POLICY_SETTINGS_H_

#include <string>
#include <utility>
#include <vector>

#include "client/verified_profiles.h"
#include "core/identity/label_policy.h"

namespace recrypt {

// NAME=VALUE. An account that is named has to be pinned: the policy holds its fingerprint.
Status ApplySetting(const std::string& setting, VerifiedProfiles& profiles, LabelPolicy& policy);

// Name and value of every setting, in the form that ApplySetting takes.
std::vector<std::pair<std::string, std::string>> PolicyLines(const LabelPolicy& policy);

}  // namespace recrypt

#endif  // RECRYPT_CLI_POLICY_SETTINGS_H_
