// SecretJson: a JSON value in which private keys stand, on its way into or out of a seal.
//
//   SecretJson object;
//   object.value["master"] = ToPrivateJwk(key);
//   RECRYPT_ASSIGN(Json jwe, SealSecretJson(object, device_key));
//
// Its texts are overwritten when it goes out of scope. Not thread safe.
#ifndef RECRYPT_CORE_IDENTITY_SECRET_JSON_H_
#define RECRYPT_CORE_IDENTITY_SECRET_JSON_H_

#include <span>
#include <utility>

#include "core/base/secret.h"
#include "core/crypto/keys.h"
#include "core/json/json.h"

namespace recrypt {

// Overwrites every text in the value.
inline void WipeTexts(Json& value) {
  if (value.is_string()) Wipe(value.get_ref<std::string&>());
  if (value.is_structured()) {
    for (Json& element : value) WipeTexts(element);
  }
}

struct SecretJson {
  Json value = Json::object();

  SecretJson() = default;
  explicit SecretJson(Json from) : value(std::move(from)) {}
  SecretJson(const SecretJson&) = delete;
  SecretJson& operator=(const SecretJson&) = delete;
  ~SecretJson() { WipeTexts(value); }
};

// As a JWE to the key.
Result<Json> SealSecretJson(const SecretJson& secret, const PublicKey& to);
// Fills `into` instead of returning it, so that no copy of the texts stays behind.
Status OpenSecretJson(const Json& jwe, const PrivateKey& with, SecretJson& into);
// By candidates for the secret that the JWE's key agreement gives (DecryptJweAgreed).
Status OpenSecretJson(const Json& jwe, std::span<const Secret> agreed, SecretJson& into);

// A member that is a private JWK.
Result<PrivateKey> ReadPrivateKey(const Json& object, std::string_view member);

}  // namespace recrypt

#endif  // RECRYPT_CORE_IDENTITY_SECRET_JSON_H_
