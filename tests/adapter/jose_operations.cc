#include "core/jose/jwe.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"
#include "tests/adapter/operations.h"

namespace recrypt::adapter {
namespace {

// A serialization: as a text, or, for the JSON ones, as the object itself.
Result<std::string> GetSerialized(const Json& request, std::string_view name) {
  const Json* member = FindMember(request, name);
  if (member != nullptr && member->is_object()) return DumpJson(*member);
  return GetString(request, name);
}

Result<Json> JweDecrypt(const Json& request) {
  RECRYPT_ASSIGN(const std::string jwe, GetSerialized(request, "jwe"));
  RECRYPT_ASSIGN(const Json* jwk, GetObject(request, "jwk"));
  RECRYPT_ASSIGN(const Secret plaintext, DecryptJweAny(jwe, *jwk));
  return HexText(plaintext.Reveal());
}

Result<Json> JweEncrypt(const Json& request) {
  RECRYPT_ASSIGN(const Bytes message, GetHex(request, "message"));
  RECRYPT_ASSIGN(const Json* jwk, GetObject(request, "jwk"));
  RECRYPT_ASSIGN(const PublicKey key, PublicKeyFromJwk(*jwk));
  RECRYPT_ASSIGN(const Json jwe, EncryptJwe(key, message));
  return HexText(AsBytes(DumpJson(jwe)));
}

Result<Json> JwsSign(const Json& request) {
  RECRYPT_ASSIGN(const Bytes message, GetHex(request, "message"));
  RECRYPT_ASSIGN(const Json* jwk, GetObject(request, "jwk"));
  RECRYPT_ASSIGN(const PrivateKey key, PrivateKeyFromJwk(*jwk));
  if (JwsAlgorithm(key.curve()).empty()) return Fail(ErrorCode::kInvalid, "not a signature key");
  const Json* form = FindMember(request, "form");
  if (form != nullptr && *form == "compact") return Json(SignCompactJws(key, AsText(message)));
  return Json(DumpJson(SignJws(key, AsText(message))));
}

Result<Json> JwsVerify(const Json& request) {
  RECRYPT_ASSIGN(const std::string jws, GetSerialized(request, "jws"));
  RECRYPT_ASSIGN(const Json* jwk, GetObject(request, "jwk"));
  RECRYPT_ASSIGN(const PublicKey key, PublicKeyFromJwk(*jwk));
  RECRYPT_TRY(CheckJwkPurpose(*jwk, {"sig", {"verify", "sign"}, JwsAlgorithm(key.curve())}));
  if (!jws.starts_with('{')) {
    RECRYPT_ASSIGN(const std::string payload, VerifyCompactJws(jws, key));
    return HexText(AsBytes(payload));
  }
  RECRYPT_ASSIGN(const Json object, ParseJson(jws));
  RECRYPT_ASSIGN(const std::string payload, VerifyJws(object, key));
  return HexText(AsBytes(payload));
}

Result<Json> Thumbprint(const Json& request) {
  RECRYPT_ASSIGN(const Json* jwk, GetObject(request, "jwk"));
  RECRYPT_ASSIGN(const std::string thumbprint, JwkThumbprint(*jwk));
  return Json(thumbprint);
}

constexpr Operation kOperations[] = {
    {"jwe-decrypt", JweDecrypt}, {"jwe-encrypt", JweEncrypt},    {"jws-sign", JwsSign},
    {"jws-verify", JwsVerify},   {"jwk-thumbprint", Thumbprint},
};

}  // namespace

std::span<const Operation> JoseOperations() { return kOperations; }

}  // namespace recrypt::adapter
