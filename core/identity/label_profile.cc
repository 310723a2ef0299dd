#include <algorithm>
#include <limits>
#include <set>

#include "core/identity/profile.h"
#include "core/identity/signed_object.h"
#include "core/jose/jwk.h"
#include "core/recryption/recryption.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

using signed_object::KeyUse;

constexpr size_t kMaxAdministrators = 64;
constexpr size_t kMaxArchivedKeys = 1024;
constexpr size_t kMaxServicesNamed = 8;
constexpr uint32_t kMaxEpoch = std::numeric_limits<uint32_t>::max();

Json WriteAdministrators(const std::vector<Principal>& administrators) {
  Json list = Json::array();
  for (const Principal& administrator : administrators) {
    list.push_back(signed_object::WritePrincipal(administrator));
  }
  return list;
}

Json WriteEpochKey(const LabelProfile::EpochKey& key) {
  return {{"epoch", key.epoch}, {"key", ToJwk(key.key)}};
}

Json WriteArchived(const std::vector<LabelProfile::EpochKey>& archived) {
  Json list = Json::array();
  for (const LabelProfile::EpochKey& key : archived) list.push_back(WriteEpochKey(key));
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

Result<LabelProfile::EpochKey> ReadEpochKey(const Json& object, uint32_t from, uint32_t to) {
  RECRYPT_ASSIGN(const uint32_t epoch, signed_object::ReadUint32(object, "epoch", from, to));
  RECRYPT_ASSIGN(PublicKey key, signed_object::ReadKey(object, "key", KeyUse::kEncrypt));
  return LabelProfile::EpochKey{epoch, std::move(key)};
}

// Archived epochs rise and lie below the current one.
Result<std::vector<LabelProfile::EpochKey>> ReadArchived(const Json& payload, uint32_t current) {
  RECRYPT_ASSIGN(const Json* list,
                 signed_object::ReadList(payload, "archived", 0, kMaxArchivedKeys));
  std::vector<LabelProfile::EpochKey> archived;
  uint32_t from = 1;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(LabelProfile::EpochKey key, ReadEpochKey(element, from, current - 1));
    from = key.epoch + 1;
    archived.push_back(std::move(key));
  }
  return archived;
}

Result<std::optional<LabelProfile::EpochKey>> ReadNext(const Json& payload, uint32_t current) {
  if (FindMember(payload, "next") == nullptr) return std::optional<LabelProfile::EpochKey>();
  if (current == kMaxEpoch) return Fail(ErrorCode::kInvalid, "no epoch follows the last one");
  RECRYPT_ASSIGN(const Json* object, GetObject(payload, "next"));
  return ReadEpochKey(*object, current + 1, kMaxEpoch);
}

Status CheckKeysDiffer(const LabelProfile& profile) {
  std::set<Bytes> seen;
  for (const LabelProfile::EpochKey& one : profile.Keys()) {
    if (!seen.insert(one.key.bytes()).second) {
      return Fail(ErrorCode::kInvalid, "one key stands for two epochs");
    }
  }
  return {};
}

Result<std::vector<LabelProfile::Service>> ReadServices(const Json& payload) {
  RECRYPT_ASSIGN(const Json* list,
                 signed_object::ReadList(payload, "services", 1, kMaxServicesNamed));
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

// Where none is named, each service grants alone.
Result<uint32_t> ReadThreshold(const Json& payload, size_t services) {
  if (FindMember(payload, "threshold") == nullptr) return uint32_t{1};
  if (services > kMaxServices) {
    return Fail(ErrorCode::kInvalid, "a label's key is split over 5 services at most");
  }
  return signed_object::ReadUint32(payload, "threshold", 1, static_cast<uint32_t>(services));
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
  RECRYPT_ASSIGN(auto archived, ReadArchived(payload, epoch));
  RECRYPT_ASSIGN(auto next, ReadNext(payload, epoch));
  RECRYPT_ASSIGN(auto services, ReadServices(payload));
  RECRYPT_ASSIGN(const uint32_t threshold, ReadThreshold(payload, services.size()));
  RECRYPT_ASSIGN(const Json* policy_object, GetObject(payload, "policy"));
  RECRYPT_ASSIGN(LabelPolicy policy, ReadLabelPolicy(*policy_object));
  LabelProfile profile{version,           std::move(label),          std::move(master),
                       std::move(owner),  std::move(administrators), epoch,
                       std::move(key),    std::move(archived),       std::move(services),
                       std::move(policy), std::move(next),           threshold};
  RECRYPT_TRY(CheckKeysDiffer(profile));
  return profile;
}

Result<LabelProfile> ReadAndVerify(const Json& jws) {
  RECRYPT_ASSIGN(const Json payload, signed_object::Peek(jws, "label"));
  RECRYPT_ASSIGN(LabelProfile profile, ReadProfile(payload));
  RECRYPT_TRY(signed_object::Verify(jws, profile.master));
  return profile;
}

}  // namespace

std::string LabelProfile::Udf() const { return KeyUdf(master); }

std::vector<LabelProfile::EpochKey> LabelProfile::Keys() const {
  std::vector<EpochKey> keys{{epoch, key}};
  keys.insert(keys.end(), archived.begin(), archived.end());
  if (next) keys.push_back(*next);
  return keys;
}

uint32_t LabelProfile::EpochOf(std::string_view kid) const {
  if (KeyUdf(key) == kid) return epoch;
  const auto is = [kid](const EpochKey& one) { return KeyUdf(one.key) == kid; };
  if (next && is(*next)) return next->epoch;
  const auto old = std::find_if(archived.begin(), archived.end(), is);
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
  if (profile.next) payload["next"] = WriteEpochKey(*profile.next);
  if (profile.services.size() > 1) payload["threshold"] = profile.threshold;
  return signed_object::Sign(std::move(payload), "label", profile.version, master);
}

Result<LabelProfile> VerifyLabelProfile(const Json& jws) {
  auto profile = ReadAndVerify(jws);
  if (!profile) return Fail(profile.error(), "label profile");
  return profile;
}

}  // namespace recrypt
