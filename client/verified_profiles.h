// Profiles that are trusted: fetched, verified, pinned, and not older than ones seen before.
//
//   RECRYPT_ASSIGN(auto label, profiles.Label(name, ProfileUse::kWrite));
//   use(label->key);
//
// The chain for a label: its master is pinned; or the owner is pinned, and the owner's profile
// lists that master. Fetched ones are fresh for a tenth of the label's lease, a minute at most;
// when the service is away, the last one seen serves until it expires, and it serves too when one
// that was fetched before is due again and the answer takes long. Thread safe.
#ifndef RECRYPT_CLIENT_VERIFIED_PROFILES_H_
#define RECRYPT_CLIENT_VERIFIED_PROFILES_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "client/refresher.h"
#include "client/service_client.h"
#include "client/trust.h"

namespace recrypt {

// kWrite refuses expired objects (kStale).
enum class ProfileUse { kRead, kWrite };
enum class Freshness { kCached, kFetch };

class VerifiedProfiles {
 public:
  // All references outlive this object; `prompt` may be null: nothing is pinned at first use then.
  VerifiedProfiles(TrustStore& trust, Services& services, const Clock& clock, TrustPrompt* prompt);
  ~VerifiedProfiles();

  // kDenied when it is not pinned (says which command pins it) or another one is (names both);
  // kStale when it is older than one seen before; kNotFound; kUnavailable.
  Result<std::shared_ptr<const Profile>> Account(const AccountName& account, ProfileUse use,
                                                 Freshness freshness = Freshness::kCached);
  Result<std::shared_ptr<const LabelProfile>> Label(const LabelName& label, ProfileUse use,
                                                    Freshness freshness = Freshness::kCached);
  // Takes what this client itself has just signed and published.
  Status Learn(const Json& label_profile_jws);
  void Forget();  // the cache in memory

 private:
  template <typename T>
  struct Slot;
  struct Cache;

  template <typename T>
  Result<std::shared_ptr<const T>> Judged(std::shared_ptr<const T> value, ProfileUse use) const;
  template <typename T>
  std::optional<Result<std::shared_ptr<const T>>> Fresh(Slot<T>& slot, ProfileUse use) const;
  template <typename T, typename Fetch>
  Result<std::shared_ptr<const T>> Get(std::shared_ptr<Slot<T>> slot, ProfileUse use,
                                       Freshness freshness, const std::string& name,
                                       const Fetch& fetch);
  template <typename T, typename Fetch>
  Result<std::shared_ptr<const T>> FetchInto(Slot<T>& slot, ProfileUse use, Freshness freshness,
                                             const Fetch& fetch);
  Result<std::shared_ptr<const Profile>> FetchAccount(const AccountName& account);
  Result<std::shared_ptr<const LabelProfile>> FetchLabel(const LabelName& label);
  Result<Json> AskHome(const LabelName& label, const std::optional<Json>& seen);
  Result<Json> AskServices(const LabelProfile& before, const Json& seen);
  Status CheckAccountPin(const AccountName& account, const std::string& udf);
  Status CheckIsNoOthersName(const LabelProfile& profile);
  Status CheckLabelChain(const LabelProfile& profile);
  Result<std::string> MasterListedByOwner(const LabelProfile& profile, Freshness freshness);

  TrustStore& trust_;
  Services& services_;
  const Clock& clock_;
  TrustPrompt* const prompt_;
  std::unique_ptr<Cache> cache_;
  Refresher refresher_;  // last: its thread uses all else
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_VERIFIED_PROFILES_H_
