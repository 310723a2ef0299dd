#include "client/administered_label.h"

#include <algorithm>
#include <future>

#include "client/object_life.h"
#include "core/identity/credential.h"
#include "core/identity/service_halves.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

const LabelSecrets::EpochKey* FindSecret(const LabelSecrets& secrets,
                                         const LabelProfile::EpochKey& key) {
  const auto found = std::find_if(secrets.keys.begin(), secrets.keys.end(), [&](const auto& one) {
    return one.epoch == key.epoch && one.key.public_key() == key.key;
  });
  return found == secrets.keys.end() ? nullptr : &*found;
}

// One entry for each service: the halves differ, all else is the same. `group`: the account whose
// personal group the device is, or empty.
Result<std::vector<EntryRecord>> MakeEntries(const AdministeredLabel& label,
                                             const LabelSecrets::EpochKey& key,
                                             const Device& device, const std::string& group) {
  EntryRecord entry;
  entry.device = KeyUdf(device.sign);
  entry.sign = ToJwk(device.sign);
  entry.epoch = key.epoch;
  entry.key = KeyUdf(key.key.public_key());
  entry.group = !group.empty();
  RECRYPT_ASSIGN(QuorumSplit split, QuorumsOf(label.profile)
                                        .Split(key.key, label.secrets.master.RevealBytes(),
                                               entry.key + " " + entry.device));
  const SealedHalf about{entry.device, entry.key, label.secrets.label.text()};
  SealedHalf to_member = about;
  if (entry.group) to_member.device = group;
  RECRYPT_ASSIGN(entry.member_half, SealHalf(to_member, split.member_half, device.encrypt));
  std::vector<EntryRecord> entries;
  for (const AdministeredService& service : label.services) {
    EntryRecord& one = entries.emplace_back(entry);
    if (!service.profile) continue;
    RECRYPT_ASSIGN(one.service_half,
                   SealServiceHalves(about, split.service_halves[service.named.domain],
                                     service.profile->encrypt));
  }
  return entries;
}

Result<Bytes> MakeCredential(const AdministeredLabel& label, const Profile& member,
                             const Device& device, uint32_t epoch, int64_t now) {
  return IssueCredential(
      label.secrets.master,
      {device.sign, true, epoch, static_cast<uint64_t>(now + kCredentialLifeSeconds),
       CredentialSubject(member.account.text(), member.Udf())});
}

// Every account that the profile names as owner or administrator.
std::vector<Principal> AdministratorsOf(const LabelProfile& profile) {
  std::vector<Principal> all = profile.administrators;
  if (std::find(all.begin(), all.end(), profile.owner) == all.end()) all.push_back(profile.owner);
  return all;
}

}  // namespace

Status CheckSecretsFit(const LabelProfile& profile, const LabelSecrets& secrets) {
  bool fits = secrets.label == profile.label && secrets.master.public_key() == profile.master;
  for (const LabelProfile::EpochKey& key : profile.Keys()) {
    fits = fits && FindSecret(secrets, key) != nullptr;
  }
  if (fits) return {};
  return Fail(ErrorCode::kDenied,
              "the secrets of " + profile.label.text() + " are not those that its profile names");
}

std::string Naming(const std::vector<ServiceLeft>& left) {
  std::string text;
  for (const ServiceLeft& one : left) {
    text += (text.empty() ? "" : "; ") + one.domain + " (" + one.why.message + ")";
  }
  return text;
}

Result<std::vector<ServiceLeft>> AtAll(const std::vector<AdministeredService>& services,
                                       const std::function<Status(size_t service)>& act) {
  std::vector<Status> done(services.size());
  const auto act_at = [&](size_t i) {
    done[i] = services[i].away ? Fail(*services[i].away) : act(i);
  };
  std::vector<std::future<void>> others;
  for (size_t i = 1; i < services.size(); ++i) {
    others.push_back(std::async(std::launch::async, act_at, i));
  }
  act_at(0);
  for (auto& other : others) other.get();
  if (services.size() == 1 && !done[0]) return Fail(std::move(done[0].error()));
  std::vector<ServiceLeft> left;
  for (size_t i = 0; i < services.size(); ++i) {
    if (done[i]) continue;
    const std::string& domain = services[i].named.domain;
    if (done[i].error().code != ErrorCode::kUnavailable) return Fail(done[i].error(), domain);
    left.push_back({domain, std::move(done[i].error())});
  }
  return left;
}

Status CheckAllReached(const std::vector<AdministeredService>& services) {
  std::vector<ServiceLeft> left;
  for (const AdministeredService& service : services) {
    if (service.away) left.push_back({service.named.domain, *service.away});
  }
  if (left.empty()) return {};
  if (services.size() == 1) return Fail(left.front().why);
  return Fail(ErrorCode::kUnavailable, "this needs all services of the label, and away are " +
                                           Naming(left) + "; run it again when they answer");
}

namespace {

Result<ServiceProfile> Reach(Client& client, const AdministeredService& service, bool only) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(ServiceProfile profile, service.client->Service());
  if (profile.version.expires <= client.clock().NowSeconds()) {
    return Fail(ErrorCode::kStale,
                "the profile of the service of " + service.named.domain + " expired");
  }
  if (only || identity.account.domain() == service.named.domain) return profile;
  // A newer one that it has from another device of the account does as well.
  const Status guest = service.client->SetProfile(identity.profile);
  if (!guest && guest.error().code != ErrorCode::kStale) return Fail(guest.error());
  return profile;
}

// With its secrets from the first service that has them.
Result<AdministeredLabel> WithSecrets(Client& client, const LabelProfile& profile,
                                      std::vector<AdministeredService> services) {
  const Identity& identity = client.keystore().identity();
  Error why{ErrorCode::kUnavailable, "no service of the label answers", 0};
  for (const AdministeredService& service : services) {
    if (service.away) {
      why = *service.away;
      continue;
    }
    const auto value = service.client->GetStatic("Secrets", profile.label.text());
    if (!value) {
      why = value.error();
      continue;
    }
    RECRYPT_ASSIGN(const Json* jwe, GetObject(*value, "Secrets"));
    RECRYPT_ASSIGN(LabelSecrets secrets, OpenLabelSecrets(*jwe, identity.device_encrypt));
    RECRYPT_TRY(CheckSecretsFit(profile, secrets));
    RECRYPT_ASSIGN(const Json* devices, GetArray(*value, "Devices"));
    std::vector<std::string> holders;
    for (const Json& device : *devices) {
      if (device.is_string()) holders.push_back(device.get<std::string>());
    }
    return AdministeredLabel{profile, std::move(secrets), std::move(holders), std::move(services)};
  }
  return Fail(std::move(why));
}

// Services that were away when the label was made or changed get what they lack.
Status BringUpAll(Client& client, const AdministeredLabel& label) {
  if (label.services.size() == 1) return {};
  const std::string name = label.profile.label.text();
  RECRYPT_ASSIGN(const auto newest, client.trust().LastSeen(TrustSubject::kLabel, name));
  if (!newest || newest->version != label.profile.version.version) return {};
  std::optional<SealedSecrets> secrets;
  for (const AdministeredService& service : label.services) {
    if (service.away) continue;
    const auto has = service.client->GetStatic("KeySet", name);
    if (!has && has.error().code != ErrorCode::kNotFound) continue;
    if (has) {
      const auto profile = VerifyLabelProfile(*has);
      if (profile && profile->version.version >= newest->version) continue;
    }
    if (!secrets) {
      RECRYPT_ASSIGN(secrets, SealForHolders(client, label));
    }
    const Status brought = service.client->SetKeySet({newest->object, *secrets});
    if (!brought) return Fail(brought.error(), service.named.domain);
  }
  return {};
}

}  // namespace

Result<std::vector<AdministeredService>> ReachServices(Client& client,
                                                       const LabelProfile& profile) {
  std::vector<AdministeredService> services;
  for (const LabelProfile::Service& named : profile.services) {
    services.push_back({named, client.services().At(named.domain, named.udf), {}, {}});
  }
  const bool only = services.size() == 1;
  std::vector<std::future<Result<ServiceProfile>>> reached;
  for (const AdministeredService& service : services) {
    reached.push_back(
        std::async(only ? std::launch::deferred : std::launch::async,
                   [&client, &service, only] { return Reach(client, service, only); }));
  }
  std::optional<Error> failure;
  for (size_t i = 0; i < services.size(); ++i) {
    auto found = reached[i].get();
    if (found) {
      services[i].profile = std::move(*found);
      continue;
    }
    Error error = found.error();
    if (!only) error.message = services[i].named.domain + ": " + error.message;
    if (!failure && (only || error.code != ErrorCode::kUnavailable)) failure = error;
    services[i].away = std::move(error);
  }
  if (failure) return Fail(std::move(*failure));
  return services;
}

Result<AdministeredLabel> OpenAdministered(Client& client, const LabelName& label) {
  RECRYPT_ASSIGN(const auto profile,
                 client.profiles().Label(label, ProfileUse::kWrite, Freshness::kFetch));
  RECRYPT_ASSIGN(auto services, ReachServices(client, *profile));
  RECRYPT_ASSIGN(AdministeredLabel opened, WithSecrets(client, *profile, std::move(services)));
  RECRYPT_TRY(BringUpAll(client, opened));
  return opened;
}

size_t HomePlace(const AdministeredLabel& label) {
  for (size_t i = 0; i < label.services.size(); ++i) {
    if (label.services[i].named.domain == label.profile.label.domain()) return i;
  }
  return 0;
}

Result<std::vector<UserRecord>> MakeUsers(const AdministeredLabel& label,
                                          const EntriesWanted& wanted, int64_t now) {
  UserRecord user;
  user.label = label.profile.label.text();
  user.account = wanted.member.account.text();
  user.profile_udf = wanted.member.Udf();
  std::vector<UserRecord> users(label.services.size(), user);
  const std::string group = wanted.to.group ? user.account : std::string();
  for (const Device& device : wanted.to.devices) {
    std::map<uint32_t, Bytes> credentials;
    for (const LabelProfile::EpochKey& key : wanted.keys) {
      const LabelSecrets::EpochKey* secret = FindSecret(label.secrets, key);
      if (secret == nullptr) return Fail(ErrorCode::kInvalid, "a key that is not the label's");
      RECRYPT_ASSIGN(std::vector<EntryRecord> entries, MakeEntries(label, *secret, device, group));
      Bytes credential;
      if (wanted.rights == MemberRights::kReadAndWrite) {
        // Writing is under the current key; with the next one's entry comes what that will ask for.
        const uint32_t epoch = std::max(key.epoch, label.profile.epoch);
        Bytes& made = credentials[epoch];
        if (made.empty()) {
          RECRYPT_ASSIGN(made, MakeCredential(label, wanted.member, device, epoch, now));
        }
        credential = made;
      }
      for (size_t i = 0; i < label.services.size(); ++i) {
        if (label.services[i].away) continue;
        entries[i].credential = credential;
        users[i].entries.push_back(std::move(entries[i]));
      }
    }
  }
  return users;
}

Result<SealedSecrets> SealForHolders(Client& client, const AdministeredLabel& label) {
  const Identity& identity = client.keystore().identity();
  SealedSecrets sealed;
  RECRYPT_ASSIGN(sealed[identity.DeviceUdf()],
                 SealLabelSecrets(label.secrets, identity.device_encrypt.public_key()));
  for (const Principal& one : AdministratorsOf(label.profile)) {
    if (sealed.size() == label.holders.size()) break;  // nobody else has them
    auto profile = client.profiles().Account(one.account, ProfileUse::kRead, Freshness::kFetch);
    if (profile && (*profile)->Udf() != one.udf) {
      profile = Fail(ErrorCode::kDenied,
                     "its fingerprint is " + (*profile)->Udf() + ", the label names " + one.udf);
    }
    if (!profile) {
      return Fail(profile.error(),
                  "sealing the label's secrets for its administrator " + one.account.text());
    }
    for (const Device& device : (*profile)->devices) {
      const std::string udf = KeyUdf(device.sign);
      const auto& holders = label.holders;
      if (std::find(holders.begin(), holders.end(), udf) == holders.end()) continue;
      RECRYPT_ASSIGN(sealed[udf], SealLabelSecrets(label.secrets, device.encrypt));
    }
  }
  return sealed;
}

Status PublishNext(Client& client, AdministeredLabel& label, SealedSecrets secrets) {
  LabelProfile& profile = label.profile;
  profile.version = VersionFrom(profile.version.version + 1, client.clock().NowSeconds());
  const Json jws = SignLabelProfile(profile, label.secrets.master);
  // Bounds are the reader's: nothing is published that others would refuse.
  RECRYPT_TRY(VerifyLabelProfile(jws));
  const size_t home = HomePlace(label);
  if (label.services[home].away) return Fail(*label.services[home].away);
  RECRYPT_TRY(label.services[home].client->SetKeySet({jws, secrets}));
  RECRYPT_TRY(client.profiles().Learn(jws));
  RECRYPT_TRY(AtAll(label.services, [&](size_t i) -> Status {
    if (i == home) return {};
    return label.services[i].client->SetKeySet({jws, secrets});
  }));
  return {};
}

}  // namespace recrypt
