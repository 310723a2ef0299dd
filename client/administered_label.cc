#include "client/administered_label.h"

#include <algorithm>

#include "client/object_life.h"
#include "core/identity/credential.h"
#include "core/jose/jwk.h"
#include "core/recryption/recryption.h"
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

Result<EntryRecord> MakeEntry(const AdministeredLabel& label, const LabelSecrets::EpochKey& key,
                              const Device& device) {
  RECRYPT_ASSIGN(const Split split, SplitKey(key.key));
  EntryRecord entry;
  entry.device = KeyUdf(device.sign);
  entry.sign = ToJwk(device.sign);
  entry.epoch = key.epoch;
  entry.key = KeyUdf(key.key.public_key());
  const SealedHalf about{entry.device, entry.key, label.secrets.label.text()};
  RECRYPT_ASSIGN(entry.service_half,
                 SealHalf(about, split.service_half, label.service_profile.encrypt));
  RECRYPT_ASSIGN(entry.member_half, SealHalf(about, split.member_half, device.encrypt));
  return entry;
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

Result<AdministeredLabel> OpenAdministered(Client& client, const LabelName& label) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(const auto profile,
                 client.profiles().Label(label, ProfileUse::kWrite, Freshness::kFetch));
  const LabelProfile::Service& named = profile->services.front();
  auto service = client.services().At(named.domain, named.udf);
  RECRYPT_ASSIGN(ServiceProfile service_profile, service->Service());
  if (service_profile.version.expires <= client.clock().NowSeconds()) {
    return Fail(ErrorCode::kStale, "the profile of the service of " + named.domain + " expired");
  }
  RECRYPT_ASSIGN(const Json value, service->GetStatic("Secrets", label.text()));
  RECRYPT_ASSIGN(const Json* jwe, GetObject(value, "Secrets"));
  RECRYPT_ASSIGN(LabelSecrets secrets, OpenLabelSecrets(*jwe, identity.device_encrypt));
  RECRYPT_TRY(CheckSecretsFit(*profile, secrets));
  RECRYPT_ASSIGN(const Json* devices, GetArray(value, "Devices"));
  std::vector<std::string> holders;
  for (const Json& device : *devices) {
    if (device.is_string()) holders.push_back(device.get<std::string>());
  }
  return AdministeredLabel{*profile, std::move(secrets), std::move(holders), std::move(service),
                           std::move(service_profile)};
}

Result<UserRecord> MakeUser(const AdministeredLabel& label, const EntriesWanted& wanted,
                            int64_t now) {
  UserRecord user;
  user.label = label.profile.label.text();
  user.account = wanted.member.account.text();
  user.profile_udf = wanted.member.Udf();
  for (const Device& device : wanted.devices) {
    std::map<uint32_t, Bytes> credentials;
    for (const LabelProfile::EpochKey& key : wanted.keys) {
      const LabelSecrets::EpochKey* secret = FindSecret(label.secrets, key);
      if (secret == nullptr) return Fail(ErrorCode::kInvalid, "a key that is not the label's");
      RECRYPT_ASSIGN(EntryRecord entry, MakeEntry(label, *secret, device));
      if (wanted.rights == MemberRights::kReadAndWrite) {
        // Writing is under the current key; with the next one's entry comes what that will ask for.
        const uint32_t epoch = std::max(key.epoch, label.profile.epoch);
        Bytes& credential = credentials[epoch];
        if (credential.empty()) {
          RECRYPT_ASSIGN(credential, MakeCredential(label, wanted.member, device, epoch, now));
        }
        entry.credential = credential;
      }
      user.entries.push_back(std::move(entry));
    }
  }
  return user;
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
  RECRYPT_TRY(label.service->SetKeySet({jws, std::move(secrets)}));
  return client.profiles().Learn(jws);
}

}  // namespace recrypt
