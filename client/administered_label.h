// AdministeredLabel: a label as its administrators have it: its profile, its secrets, its service;
// and what they make with those: recryption entries, writers' credentials, and the profile's next
// version.
//
//   RECRYPT_ASSIGN(AdministeredLabel label, OpenAdministered(client, name));
//   RECRYPT_ASSIGN(UserRecord user, MakeUser(label, wanted, now));
//   label.profile.policy = policy;
//   RECRYPT_TRY(PublishNext(client, label, {}));
//
// Not thread safe, but for MakeUser.
#ifndef RECRYPT_CLIENT_ADMINISTERED_LABEL_H_
#define RECRYPT_CLIENT_ADMINISTERED_LABEL_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"

namespace recrypt {

struct AdministeredLabel {
  LabelProfile profile;
  LabelSecrets secrets;
  std::vector<std::string> holders;  // devices that have the secrets sealed to them, UDFs
  std::shared_ptr<ServiceClient> service;
  ServiceProfile service_profile;
};

// The newest, from the service. kDenied, or kNotFound, to who does not administer the label.
Result<AdministeredLabel> OpenAdministered(Client& client, const LabelName& label);

// kDenied unless every key that the profile names is among the secrets: entries are made from them.
Status CheckSecretsFit(const LabelProfile& profile, const LabelSecrets& secrets);

enum class MemberRights { kRead, kReadAndWrite };

struct EntriesWanted {
  const Profile& member;
  std::vector<Device> devices;  // of the member's
  MemberRights rights = MemberRights::kRead;
  std::vector<LabelProfile::EpochKey> keys;  // of the label's
};
// An entry for each device and key. Thread safe.
Result<UserRecord> MakeUser(const AdministeredLabel& label, const EntriesWanted& wanted,
                            int64_t now);

// The label's secrets, sealed to those of the administrators' devices that have them, and to this
// one. Fails when another administrator's profile cannot be had or is not trusted.
using SealedSecrets = std::map<std::string, Json>;
Result<SealedSecrets> SealForHolders(Client& client, const AdministeredLabel& label);

// Publishes `label.profile`, as changed, as the next version; without `secrets`, those that are
// stored stay. kStale when somebody else was quicker. What failed may have been done.
Status PublishNext(Client& client, AdministeredLabel& label, SealedSecrets secrets);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_ADMINISTERED_LABEL_H_
