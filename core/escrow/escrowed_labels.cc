#include <limits>

#include "core/escrow/escrow.h"
#include "core/identity/secret_json.h"
#include "core/identity/signed_object.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr size_t kMaxEpochKeys = 1025;

// Nothing but a label's encryption keys goes into an escrow, and nothing else is believed out of
// it.
Status CheckIsEncryptionKey(const LabelProfile& profile, const LabelSecrets::EpochKey& key) {
  if (profile.EpochOf(KeyUdf(key.key.public_key())) == key.epoch) return {};
  return Fail(ErrorCode::kInvalid,
              "a key is none of the encryption keys of " + profile.label.text() + " in its epoch");
}

Result<EscrowedLabel> ReadLabel(const Json& object) {
  RECRYPT_ASSIGN(const Json* jws, GetObject(object, "profile"));
  RECRYPT_ASSIGN(LabelProfile profile, VerifyLabelProfile(*jws));
  RECRYPT_ASSIGN(const Json* list, signed_object::ReadList(object, "keys", 1, kMaxEpochKeys));
  EscrowedLabel label{*jws, std::move(profile), {}};
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(
        const uint32_t epoch,
        signed_object::ReadUint32(element, "epoch", 1, std::numeric_limits<uint32_t>::max()));
    RECRYPT_ASSIGN(PrivateKey key, ReadPrivateKey(element, "key"));
    label.keys.push_back({epoch, std::move(key)});
    RECRYPT_TRY(CheckIsEncryptionKey(label.profile, label.keys.back()));
  }
  return label;
}

Result<std::vector<EscrowedLabel>> ReadLabels(const Json& object) {
  RECRYPT_ASSIGN(const Json* list,
                 signed_object::ReadList(object, "labels", 1, kMaxEscrowedLabels));
  std::vector<EscrowedLabel> labels;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(EscrowedLabel label, ReadLabel(element));
    labels.push_back(std::move(label));
  }
  return labels;
}

}  // namespace

Result<Json> SealEscrowedLabels(std::span<const EscrowedLabel> labels, const PublicKey& to) {
  SecretJson object;
  Json& list = object.value["labels"] = Json::array();
  for (const EscrowedLabel& label : labels) {
    Json& one = list.emplace_back(Json{{"profile", label.jws}, {"keys", Json::array()}});
    for (const LabelSecrets::EpochKey& key : label.keys) {
      RECRYPT_TRY(CheckIsEncryptionKey(label.profile, key));
      Json& entry = one["keys"].emplace_back(Json::object());
      entry["epoch"] = key.epoch;
      entry["key"] = ToPrivateJwk(key.key);
    }
  }
  return SealSecretJson(object, to);
}

Result<std::vector<EscrowedLabel>> OpenEscrowedLabels(const Json& jwe, const PrivateKey& with) {
  SecretJson object;
  auto opened = OpenSecretJson(jwe, with, object);
  if (!opened) return Fail(opened.error(), "the escrowed keys");
  auto labels = ReadLabels(object.value);
  if (!labels) return Fail(labels.error(), "the escrowed keys");
  return labels;
}

}  // namespace recrypt
