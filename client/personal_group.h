// PersonalGroup: opens what is sealed to this account's personal group, by grants of the group's
// service: member halves of labels, and the key that the group's devices write by (the draft, 4.7).
//
//   group.Prepare(halves, GrantUse::kOpen);           // one request for all that is not held
//   RECRYPT_ASSIGN(auto agreed, group.Agreed(jwe));    // agreed.secret is for OpenHalf
//
// What was agreed is held for as long as the group's lease lasts: a device that is taken out of the
// group opens nothing more afterwards. Thread safe.
#ifndef RECRYPT_CLIENT_PERSONAL_GROUP_H_
#define RECRYPT_CLIENT_PERSONAL_GROUP_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/verified_profiles.h"
#include "core/jcd/header.h"
#include "core/protocol/messages.h"

namespace recrypt {

struct GrantWanted;
struct Granted;

class PersonalGroup {
 public:
  using AskGrants =
      std::function<std::vector<Result<Granted>>(const std::vector<GrantWanted>&, GrantUse)>;

  // References outlive this object. `identity` may be null: nothing is opened then.
  PersonalGroup(VerifiedProfiles& profiles, const Clock& clock,
                std::shared_ptr<const Identity> identity, AskGrants ask);

  // Whether the JWE is to another key than this device's own.
  bool IsSealedToGroup(const Json& jwe) const;

  // Asks for grants for those that are not held, in one request. Failures are told by Agreed.
  void Prepare(const std::vector<const Json*>& sealed, GrantUse use);

  struct Opening {
    std::shared_ptr<const Secret> secret;
    int64_t lease_end_ms = 0;  // Clock::MonotonicMillis
    int64_t renew_ms = 0;      // when a new grant had better be asked for
  };
  Result<Opening> Agreed(const Json& jwe, GrantUse use = GrantUse::kOpen);

  // The key of the group that a label gave a credential for; kDenied when it is none.
  Result<PrivateKey> WritingKey(const PublicKey& sign);
  void Wipe();

 private:
  struct Held {
    Opening opening;
    std::optional<Error> failure;
  };
  Result<GrantWanted> WantedFor(const Header& header);
  std::optional<Held> Find(const std::string& name);

  VerifiedProfiles& profiles_;
  const Clock& clock_;
  const std::shared_ptr<const Identity> identity_;
  const AskGrants ask_;
  std::mutex mutex_;  // guards all below
  std::map<std::string, Held> held_;
  struct Writing {
    PrivateKey key;
    int64_t renew_ms = 0;
  };
  std::map<std::string, Writing> writing_;  // by UDF
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_PERSONAL_GROUP_H_
