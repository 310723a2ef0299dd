#include <algorithm>
#include <limits>
#include <set>

#include "core/identity/profile.h"
#include "core/identity/signed_object.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

using signed_object::KeyUse;

constexpr size_t kMaxAdministrators = 64;
constexpr size_t kMaxArchivedKeys = 1024;
constexpr size_t kMaxServices = 8;
constexpr uint32_t kMaxEpoch = std::numeric_limits<uint32_t>::max();

Json WriteAdministrators(const std::vector<Principal>& administrators) {
  Json list = Json::array();
  for (const Principal& administrator : administrators) {
    list.push_back(signed_object::WritePrincipal(administrator));
  }
  return list;
}

Json WriteArchived(const std::vector<LabelProfile::ArchivedKey>& archived) {
  Json list = Json::array();
  for (const auto& [epoch, key] : archived) {
    list.push_back({{"epoch", epoch}, {"key", ToJwk(key)}});
  }
  return list;
}

Json WriteServices(const std::vector<LabelProfile::Service>& services) {
  Json list = Json::array();
  for (const auto& [domain, udf] : services) list.push_back({{"domain", domain}, {"udf", udf}});
  return list;
}

Result<std::vector<Principal>> ReadAdministrators(const Json& payload) {
  RECRYPT_ASSIGN(const Json* list,
                 signed_object::ReadList(payload, "administrators", 1, kMaxAdministrators));
  std::vector<Principal> administrators;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(Principal administrator, signed_object::ReadPrincipal(element));
    administrators.push_back(std::move(administrator));
  }
  return administrators;
}

// Archived epochs rise and lie below the current one; no key stands for two epochs.
Result<std::vector<LabelProfile::ArchivedKey>> ReadArchived(const Json& payload, uint32_t current,
                                                            const PublicKey& current_key) {
  RECRYPT_ASSIGN(const Json* list,
                 signed_object::ReadList(payload, "archived", 0, kMaxArchivedKeys));
  std::vector<LabelProfile::ArchivedKey> archived;
  std::set<Bytes> seen{current_key.bytes()};
  uint32_t from = 1;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(const uint32_t epoch,
                   signed_object::ReadUint32(element, "epoch", from, current - 1));
    RECRYPT_ASSIGN(PublicKey key, signed_object::ReadKey(element, "key", KeyUse::kEncrypt));
    if (!seen.insert(key.bytes()).second) {
      return Fail(ErrorCode::kInvalid, "one key stands for two epochs");
    }
    archived.push_back({epoch, std::move(key)});
    from = epoch + 1;
  }
  return archived;
}

Result<std::vector<LabelProfile::Service>> ReadServices(const Json& payload) {
  RECRYPT_ASSIGN(const Json* list, signed_object::ReadList(payload, "services", 1, kMaxServices));
  std::vector<LabelProfile::Service> services;
  std::set<std::string> seen;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(std::string domain, signed_object::ReadDomain(element, "domain"));
    RECRYPT_ASSIGN(std::string udf, signed_object::ReadUdf(element, "udf"));
    if (!seen.insert(domain).second) {
      return Fail(ErrorCode::kInvalid, "service " + domain + " stands twice");
    }
    services.push_back({std::move(domain), std::move(udf)});
  }
  return services;
}

Result<LabelProfile> ReadProfile(const Json& payload) {
  RECRYPT_ASSIGN(const ObjectVersion version, signed_object::ReadVersion(payload));
  RECRYPT_ASSIGN(LabelName label, signed_object::ReadLabel(payload, "label"));
  RECRYPT_ASSIGN(PublicKey master, signed_object::ReadKey(payload, "master", KeyUse::kSign));
  RECRYPT_ASSIGN(const Json* owner_object, GetObject(payload, "owner"));
  RECRYPT_ASSIGN(Principal owner, signed_object::ReadPrincipal(*owner_object));
  RECRYPT_ASSIGN(std::vector<Principal> administrators, ReadAdministrators(payload));
  RECRYPT_ASSIGN(const uint32_t epoch, signed_object::ReadUint32(payload, "epoch", 1, kMaxEpoch));
  RECRYPT_ASSIGN(PublicKey key, signed_object::ReadKey(payload, "key", KeyUse::kEncrypt));
  RECRYPT_ASSIGN(auto archived, ReadArchived(payload, epoch, key));
  RECRYPT_ASSIGN(auto services, ReadServices(payload));
  RECRYPT_ASSIGN(const Json* policy_object, GetObject(payload, "policy"));
  RECRYPT_ASSIGN(LabelPolicy policy, ReadLabelPolicy(*policy_object));
  return LabelProfile{version,          std::move(label),          std::move(master),
                      std::move(owner), std::move(administrators), epoch,
                      std::move(key),   std::move(archived),       std::move(services),
                      std::move(policy)};
}

Result<LabelProfile> ReadAndVerify(const Json& jws) {
  RECRYPT_ASSIGN(const Json payload, signed_object::Peek(jws, "label"));
  RECRYPT_ASSIGN(LabelProfile profile, ReadProfile(payload));
  RECRYPT_TRY(signed_object::Verify(jws, profile.master));
  return profile;
}

}  // namespace

std::string LabelProfile::Udf() const { return KeyUdf(master); }

uint32_t LabelProfile::EpochOf(std::string_view kid) const {
  if (KeyUdf(key) == kid) return epoch;
  const auto old = std::find_if(archived.begin(), archived.end(),
                                [kid](const ArchivedKey& one) { return KeyUdf(one.key) == kid; });
  return old == archived.end() ? 0 : old->epoch;
}

bool LabelProfile::HasKey(std::string_view kid) const { return EpochOf(kid) != 0; }

Json SignLabelProfile(const LabelProfile& profile, const PrivateKey& master) {
  Json payload = {{"label", profile.label.text()},
                  {"master", ToJwk(profile.master)},
                  {"owner", signed_object::WritePrincipal(profile.owner)},
                  {"administrators", WriteAdministrators(profile.administrators)},
                  {"epoch", profile.epoch},
                  {"key", ToJwk(profile.key)},
                  {"archived", WriteArchived(profile.archived)},
                  {"services", WriteServices(profile.services)},
                  {"policy", WriteLabelPolicy(profile.policy)}};
  return signed_object::Sign(std::move(payload), "label", profile.version, master);
}

Result<LabelProfile> VerifyLabelProfile(const Json& jws) {
  auto profile = ReadAndVerify(jws);
  if (!profile) return Fail(profile.error(), "label profile");
  return profile;
}

}  // namespace recrypt
