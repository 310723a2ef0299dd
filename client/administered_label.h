// AdministeredLabel: a label as its administrators have it: its profile, its secrets, its services;
// and what they make with those: recryption entries, writers' credentials, and the profile's next
// version.
//
//   RECRYPT_ASSIGN(AdministeredLabel label, OpenAdministered(client, name));
//   RECRYPT_ASSIGN(auto users, MakeUsers(label, wanted, now));        // one for each service
//   RECRYPT_ASSIGN(auto left, AtAll(label.services, [&](size_t i) {
//     return label.services[i].client->SetUser(users[i]);
//   }));
//   label.profile.policy = policy;
//   RECRYPT_TRY(PublishNext(client, label, {}));
//
// Not thread safe, but for MakeUsers and AtAll.
#ifndef RECRYPT_CLIENT_ADMINISTERED_LABEL_H_
#define RECRYPT_CLIENT_ADMINISTERED_LABEL_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/member_keys.h"

namespace recrypt {

// A service of a label over several that could not be reached: what was done at the others is still
// to be done there, by the same command.
struct ServiceLeft {
  std::string domain;
  Error why;
};
std::string Naming(const std::vector<ServiceLeft>& left);  // "b.example.net (why); …"

struct AdministeredService {
  LabelProfile::Service named;
  std::shared_ptr<ServiceClient> client;
  std::optional<ServiceProfile> profile;  // of the present session
  std::optional<Error> away;              // else why there is none
};

// Does something at all services at the same time, and says at which it was not done since they are
// away. The first other failure, naming its service, or a label's only service's. Thread safe.
Result<std::vector<ServiceLeft>> AtAll(const std::vector<AdministeredService>& services,
                                       const std::function<Status(size_t service)>& act);
// kUnavailable, naming those that are away, unless all are reached.
Status CheckAllReached(const std::vector<AdministeredService>& services);

struct AdministeredLabel {
  LabelProfile profile;
  LabelSecrets secrets;
  std::vector<std::string> holders;           // devices that have the secrets sealed to them, UDFs
  std::vector<AdministeredService> services;  // in the profile's order
};

// Sessions with all services of a label, where this account is made known as a guest of those of
// other domains. Of several, that some are away is no failure.
Result<std::vector<AdministeredService>> ReachServices(Client& client, const LabelProfile& profile);

// The newest, from the services, of which those that can be reached and lag behind are brought up
// to it. kDenied, or kNotFound, to who does not administer the label.
Result<AdministeredLabel> OpenAdministered(Client& client, const LabelName& label);

// kDenied unless every key that the profile names is among the secrets: entries are made from them.
Status CheckSecretsFit(const LabelProfile& profile, const LabelSecrets& secrets);

enum class MemberRights { kRead, kReadAndWrite };

struct EntriesWanted {
  const Profile& member;
  MemberKeys to;
  MemberRights rights = MemberRights::kRead;
  std::vector<LabelProfile::EpochKey> keys;  // of the label's
};
// An entry for each device, or the personal group, and key, for each service; without entries for
// one that is away. Made again for a label over several services they hold the same halves. Thread
// safe.
Result<std::vector<UserRecord>> MakeUsers(const AdministeredLabel& label,
                                          const EntriesWanted& wanted, int64_t now);

// The service of the label's own domain, which decides between two who publish at once; of a label
// whose services are all of other domains, the first. A place in `services`.
size_t HomePlace(const AdministeredLabel& label);

// The label's secrets, sealed to those of the administrators' devices that have them, and to this
// one. Fails when another administrator's profile cannot be had or is not trusted.
using SealedSecrets = std::map<std::string, Json>;
Result<SealedSecrets> SealForHolders(Client& client, const AdministeredLabel& label);

// Publishes `label.profile`, as changed, as the next version; without `secrets`, those that are
// stored stay. At the service of the label's own domain first, which decides between two who do so
// at once; others that are away get it from the next who administers the label. kStale when
// somebody else was quicker. What failed may have been done.
Status PublishNext(Client& client, AdministeredLabel& label, SealedSecrets secrets);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_ADMINISTERED_LABEL_H_
