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

}  // namespace recrypt
