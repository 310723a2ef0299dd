#include <limits>

#include "core/identity/profile.h"
#include "core/identity/secret_json.h"
#include "core/identity/signed_object.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr size_t kMaxEpochKeys = 1025;

Result<LabelSecrets> ReadSecrets(const Json& object) {
  RECRYPT_ASSIGN(LabelName label, signed_object::ReadLabel(object, "label"));
  RECRYPT_ASSIGN(PrivateKey master, ReadPrivateKey(object, "master"));
  RECRYPT_ASSIGN(const Json* list, signed_object::ReadList(object, "keys", 1, kMaxEpochKeys));
  LabelSecrets secrets{std::move(label), std::move(master), {}};
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(
        const uint32_t epoch,
        signed_object::ReadUint32(element, "epoch", 1, std::numeric_limits<uint32_t>::max()));
    RECRYPT_ASSIGN(PrivateKey key, ReadPrivateKey(element, "key"));
    secrets.keys.push_back({epoch, std::move(key)});
  }
  return secrets;
}

Status CheckIsAbout(const Json& object, std::string_view member, std::string_view expected) {
  RECRYPT_ASSIGN(const std::string found, GetString(object, member));
  if (found == expected) return {};
  return Fail(ErrorCode::kDenied, "the sealed half is for " + std::string(member) + " " +
                                      found.substr(0, 256) + ", expected " + std::string(expected));
}

}  // namespace

Result<Json> SealLabelSecrets(const LabelSecrets& secrets, const PublicKey& device_encrypt) {
  SecretJson object(Json{{"label", secrets.label.text()}});
  object.value["master"] = ToPrivateJwk(secrets.master);
  Json& keys = object.value["keys"] = Json::array();
  for (const auto& [epoch, key] : secrets.keys) {
    Json& entry = keys.emplace_back(Json::object());
    entry["epoch"] = epoch;
    entry["key"] = ToPrivateJwk(key);
  }
  return SealSecretJson(object, device_encrypt);
}

Result<LabelSecrets> OpenLabelSecrets(const Json& jwe, const PrivateKey& device_encrypt) {
  SecretJson object;
  if (auto opened = OpenSecretJson(jwe, device_encrypt, object); !opened) {
    return Fail(opened.error(), "the label's secrets");
  }
  auto secrets = ReadSecrets(object.value);
  if (!secrets) return Fail(secrets.error(), "the label's secrets");
  return secrets;
}

Result<Json> SealHalf(const SealedHalf& about, const PrivateKey& half, const PublicKey& to) {
  const Secret raw = half.RevealBytes();
  SecretJson object(Json{{"device", about.device}, {"key", about.key}, {"label", about.label}});
  object.value["half"] = Base64UrlEncode(raw.Reveal());
  return SealSecretJson(object, to);
}

Result<PrivateKey> OpenHalf(const Json& jwe, const PrivateKey& with, const SealedHalf& expected,
                            Curve curve) {
  SecretJson object;
  if (auto opened = OpenSecretJson(jwe, with, object); !opened) {
    return Fail(opened.error(), "the sealed half");
  }
  RECRYPT_TRY(CheckIsAbout(object.value, "device", expected.device));
  RECRYPT_TRY(CheckIsAbout(object.value, "key", expected.key));
  RECRYPT_TRY(CheckIsAbout(object.value, "label", expected.label));
  RECRYPT_ASSIGN(Bytes raw, GetBytes(object.value, "half"));
  const Secret half = Secret::TakeFrom(raw);
  return PrivateKey::FromBytes(curve, half.Reveal());
}

}  // namespace recrypt
