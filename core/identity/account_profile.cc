#include <algorithm>
#include <set>

#include "core/identity/profile.h"
#include "core/identity/secret_json.h"
#include "core/identity/signed_object.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

using signed_object::KeyUse;

constexpr size_t kMaxDevices = 64;
constexpr size_t kMaxDeviceName = 128;
constexpr size_t kMaxOwnedLabels = 4096;

Result<Device> ReadDevice(const Json& object) {
  RECRYPT_ASSIGN(std::string name, GetString(object, "name"));
  const bool control = std::any_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (name.empty() || name.size() > kMaxDeviceName || control) {
    return Fail(ErrorCode::kInvalid, "a device's name is empty, too long or not printable");
  }
  RECRYPT_ASSIGN(PublicKey sign, signed_object::ReadKey(object, "sign", KeyUse::kSign));
  RECRYPT_ASSIGN(PublicKey encrypt, signed_object::ReadKey(object, "encrypt", KeyUse::kEncrypt));
  return Device{std::move(name), std::move(sign), std::move(encrypt)};
}

Result<std::vector<Device>> ReadDevices(const Json& payload) {
  RECRYPT_ASSIGN(const Json* list, signed_object::ReadList(payload, "devices", 1, kMaxDevices));
  std::vector<Device> devices;
  std::set<Bytes> seen;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(Device device, ReadDevice(element));
    if (!seen.insert(device.sign.bytes()).second) {
      return Fail(ErrorCode::kInvalid, "a device stands twice in the profile");
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

Result<std::vector<Profile::OwnedLabel>> ReadOwnedLabels(const Json& payload) {
  RECRYPT_ASSIGN(const Json* list, signed_object::ReadList(payload, "labels", 0, kMaxOwnedLabels));
  std::vector<Profile::OwnedLabel> labels;
  std::set<LabelName> seen;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(LabelName label, signed_object::ReadLabel(element, "label"));
    RECRYPT_ASSIGN(std::string master, signed_object::ReadUdf(element, "master"));
    if (!seen.insert(label).second) {
      return Fail(ErrorCode::kInvalid, "label " + label.text() + " stands twice in the profile");
    }
    labels.push_back({std::move(label), std::move(master)});
  }
  return labels;
}

Result<std::vector<Profile::PersonalKey>> ReadPersonalKeys(const Json& payload) {
  std::vector<Profile::PersonalKey> keys;
  if (FindMember(payload, "personal") == nullptr) return keys;
  RECRYPT_ASSIGN(const Json* list,
                 signed_object::ReadList(payload, "personal", 1, kMaxPersonalKeys));
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(PublicKey sign, signed_object::ReadKey(element, "sign", KeyUse::kSign));
    RECRYPT_ASSIGN(const Json* sealed, GetObject(element, "sealed"));
    keys.push_back({std::move(sign), *sealed});
  }
  return keys;
}

Result<Profile> ReadProfile(const Json& payload) {
  RECRYPT_ASSIGN(const ObjectVersion version, signed_object::ReadVersion(payload));
  RECRYPT_ASSIGN(AccountName account, signed_object::ReadAccount(payload, "account"));
  RECRYPT_ASSIGN(PublicKey master, signed_object::ReadKey(payload, "master", KeyUse::kSign));
  RECRYPT_ASSIGN(std::vector<Device> devices, ReadDevices(payload));
  RECRYPT_ASSIGN(std::vector<Profile::OwnedLabel> labels, ReadOwnedLabels(payload));
  RECRYPT_ASSIGN(std::vector<Profile::PersonalKey> personal, ReadPersonalKeys(payload));
  return Profile{version,           std::move(account), std::move(master), std::move(devices),
                 std::move(labels), std::move(personal)};
}

Result<Profile> ReadAndVerify(const Json& jws) {
  RECRYPT_ASSIGN(const Json payload, signed_object::Peek(jws, "profile"));
  RECRYPT_ASSIGN(Profile profile, ReadProfile(payload));
  RECRYPT_TRY(signed_object::Verify(jws, profile.master));
  return profile;
}

}  // namespace

std::string Profile::Udf() const { return KeyUdf(master); }

// An account's name follows the stricter rules.
LabelName Profile::PersonalGroup() const { return *LabelName::Parse(account.text()); }

Json SignProfile(const Profile& profile, const PrivateKey& master) {
  Json devices = Json::array();
  for (const Device& device : profile.devices) {
    devices.push_back(
        {{"name", device.name}, {"sign", ToJwk(device.sign)}, {"encrypt", ToJwk(device.encrypt)}});
  }
  Json labels = Json::array();
  for (const Profile::OwnedLabel& owned : profile.labels) {
    labels.push_back({{"label", owned.label.text()}, {"master", owned.master_udf}});
  }
  Json payload = {{"account", profile.account.text()},
                  {"master", ToJwk(profile.master)},
                  {"devices", std::move(devices)},
                  {"labels", std::move(labels)}};
  for (const Profile::PersonalKey& key : profile.personal) {
    payload["personal"].push_back({{"sign", ToJwk(key.sign)}, {"sealed", key.sealed}});
  }
  return signed_object::Sign(std::move(payload), "profile", profile.version, master);
}

Result<Profile> VerifyProfile(const Json& jws) {
  auto profile = ReadAndVerify(jws);
  if (!profile) return Fail(profile.error(), "profile");
  return profile;
}

Result<Json> SealPersonalKey(const AccountName& account, const PrivateKey& key,
                             const PublicKey& group) {
  SecretJson object(Json{{"account", account.text()}});
  object.value["sign"] = ToPrivateJwk(key);
  return SealSecretJson(object, group);
}

Result<PrivateKey> OpenPersonalKey(const Json& sealed, std::span<const Secret> agreed,
                                   const AccountName& account, const PublicKey& expected) {
  SecretJson object;
  RECRYPT_TRY(OpenSecretJson(sealed, agreed, object));
  RECRYPT_ASSIGN(const std::string found, GetString(object.value, "account"));
  RECRYPT_ASSIGN(PrivateKey key, ReadPrivateKey(object.value, "sign"));
  if (found == account.text() && key.public_key() == expected) return key;
  return Fail(ErrorCode::kDenied, "the profile of " + account.text() +
                                      " holds a key of its personal group that is another one");
}

}  // namespace recrypt
