#include "core/identity/secret_json.h"

#include "core/jose/jwe.h"
#include "core/jose/jwk.h"

namespace recrypt {

Result<Json> SealSecretJson(const SecretJson& secret, const PublicKey& to) {
  std::string text = DumpJson(secret.value);
  auto jwe = EncryptJwe(to, AsBytes(text));
  Wipe(text);
  return jwe;
}

namespace {

Status ParseInto(const Secret& text, SecretJson& into) {
  auto parsed = ParseJson(AsText(text.Reveal()));
  if (!parsed) return Fail(ErrorCode::kCorrupt, "what is sealed in it is not JSON");
  into.value = std::move(*parsed);
  return {};
}

}  // namespace

Status OpenSecretJson(const Json& jwe, const PrivateKey& with, SecretJson& into) {
  RECRYPT_ASSIGN(const Secret text, DecryptJwe(jwe, with));
  return ParseInto(text, into);
}

Status OpenSecretJson(const Json& jwe, std::span<const Secret> agreed, SecretJson& into) {
  RECRYPT_ASSIGN(const Secret text, DecryptJweAgreed(jwe, agreed));
  return ParseInto(text, into);
}

Result<PrivateKey> ReadPrivateKey(const Json& object, std::string_view member) {
  RECRYPT_ASSIGN(const Json* jwk, GetObject(object, member));
  return PrivateKeyFromJwk(*jwk);
}

}  // namespace recrypt
