#include "core/jose/jws.h"

#include <cstdlib>

#include "core/udf/udf.h"

namespace recrypt {
namespace {

// A signature's three texts, as they stand in either serialization.
struct JwsTexts {
  std::string protected_b64;
  std::string payload_b64;
  std::string signature_b64;
};

Result<JwsTexts> ReadFlattened(const Json& jws) {
  JwsTexts texts;
  RECRYPT_ASSIGN(texts.protected_b64, GetString(jws, "protected"));
  RECRYPT_ASSIGN(texts.payload_b64, GetString(jws, "payload"));
  RECRYPT_ASSIGN(texts.signature_b64, GetString(jws, "signature"));
  if (jws.size() != 3) return Fail(ErrorCode::kInvalid, "JWS: a member that is not accepted");
  return texts;
}

Result<JwsTexts> ReadCompact(std::string_view compact) {
  const size_t first = compact.find('.');
  const size_t second = first == compact.npos ? first : compact.find('.', first + 1);
  if (second == compact.npos || compact.find('.', second + 1) != compact.npos) {
    return Fail(ErrorCode::kInvalid, "JWS: not three parts");
  }
  return JwsTexts{std::string(compact.substr(0, first)),
                  std::string(compact.substr(first + 1, second - first - 1)),
                  std::string(compact.substr(second + 1))};
}

Result<std::string> DecodeText(std::string_view b64) {
  RECRYPT_ASSIGN(const Bytes bytes, Base64UrlDecode(b64));
  return std::string(AsText(bytes));
}

Result<Json> DecodeHeader(const JwsTexts& texts) {
  RECRYPT_ASSIGN(const std::string text, DecodeText(texts.protected_b64));
  RECRYPT_ASSIGN(Json header, ParseJson(text));
  if (!header.is_object() || header.contains("crit") || header.contains("b64")) {
    return Fail(ErrorCode::kInvalid, "JWS: a header that is not accepted");
  }
  return header;
}

Result<std::string> VerifyTexts(const JwsTexts& texts, const PublicKey& key) {
  RECRYPT_ASSIGN(const Json header, DecodeHeader(texts));
  RECRYPT_ASSIGN(const std::string algorithm, GetString(header, "alg"));
  if (algorithm.empty() || algorithm != JwsAlgorithm(key.curve())) {
    return Fail(ErrorCode::kDenied, "JWS: the algorithm is not that of the key");
  }
  RECRYPT_ASSIGN(const Bytes signature, Base64UrlDecode(texts.signature_b64));
  RECRYPT_ASSIGN(std::string payload, DecodeText(texts.payload_b64));
  if (!key.Verify(AsBytes(texts.protected_b64 + "." + texts.payload_b64), signature)) {
    return Fail(ErrorCode::kDenied, "JWS: the signature does not match");
  }
  return payload;
}

JwsTexts SignTexts(const PrivateKey& key, std::string_view payload) {
  const Json header{{"alg", JwsAlgorithm(key.curve())}, {"kid", KeyUdf(key.public_key())}};
  JwsTexts texts;
  texts.protected_b64 = Base64UrlEncode(AsBytes(DumpJson(header)));
  texts.payload_b64 = Base64UrlEncode(AsBytes(payload));
  const auto signature = key.Sign(AsBytes(texts.protected_b64 + "." + texts.payload_b64));
  if (!signature) std::abort();
  texts.signature_b64 = Base64UrlEncode(*signature);
  return texts;
}

}  // namespace

std::string_view JwsAlgorithm(Curve curve) {
  switch (curve) {
    case Curve::kEd25519:
      return "EdDSA";
    case Curve::kP256:
      return "ES256";
    case Curve::kX25519:
      break;
  }
  return "";
}

Json SignJws(const PrivateKey& key, std::string_view payload) {
  JwsTexts texts = SignTexts(key, payload);
  return Json{{"protected", std::move(texts.protected_b64)},
              {"payload", std::move(texts.payload_b64)},
              {"signature", std::move(texts.signature_b64)}};
}

Result<std::string> VerifyJws(const Json& jws, const PublicKey& key) {
  RECRYPT_ASSIGN(const JwsTexts texts, ReadFlattened(jws));
  return VerifyTexts(texts, key);
}

Result<UnverifiedJws> PeekJws(const Json& jws) {
  RECRYPT_ASSIGN(const JwsTexts texts, ReadFlattened(jws));
  RECRYPT_ASSIGN(const Json header, DecodeHeader(texts));
  UnverifiedJws peeked;
  RECRYPT_ASSIGN(peeked.payload, DecodeText(texts.payload_b64));
  if (header.contains("kid")) {
    RECRYPT_ASSIGN(peeked.kid, GetString(header, "kid"));
  }
  return peeked;
}

std::string SignCompactJws(const PrivateKey& key, std::string_view payload) {
  const JwsTexts texts = SignTexts(key, payload);
  return texts.protected_b64 + "." + texts.payload_b64 + "." + texts.signature_b64;
}

Result<std::string> VerifyCompactJws(std::string_view compact, const PublicKey& key) {
  RECRYPT_ASSIGN(const JwsTexts texts, ReadCompact(compact));
  return VerifyTexts(texts, key);
}

}  // namespace recrypt
