#include "core/jose/jwk.h"

#include <algorithm>

#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

constexpr size_t kCoordinateSize = 32;

struct CurveNames {
  Curve curve;
  std::string_view kty;
  std::string_view crv;
};
constexpr CurveNames kCurves[] = {{Curve::kX25519, "OKP", "X25519"},
                                  {Curve::kEd25519, "OKP", "Ed25519"},
                                  {Curve::kP256, "EC", "P-256"}};

const CurveNames& NamesOf(Curve curve) {
  return *std::ranges::find(kCurves, curve, &CurveNames::curve);
}

Result<Curve> CurveOf(const Json& jwk) {
  RECRYPT_ASSIGN(const std::string kty, GetString(jwk, "kty"));
  RECRYPT_ASSIGN(const std::string crv, GetString(jwk, "crv"));
  for (const CurveNames& names : kCurves) {
    if (names.kty == kty && names.crv == crv) return names.curve;
  }
  return Fail(ErrorCode::kInvalid, "JWK: not a key of X25519, Ed25519 or P-256");
}

Result<Bytes> Coordinate(const Json& jwk, std::string_view name) {
  RECRYPT_ASSIGN(Bytes value, GetBytes(jwk, name));
  if (value.size() != kCoordinateSize) {
    return Fail(ErrorCode::kInvalid, "JWK: a coordinate has not 32 bytes");
  }
  return value;
}

// The members that RFC 7638 (3.2), RFC 8037 (2) and RFC 7518 require for a kind of key.
Result<std::vector<std::string>> RequiredMembers(std::string_view kty) {
  using Names = std::vector<std::string>;
  if (kty == "OKP") return Names{"crv", "kty", "x"};
  if (kty == "EC") return Names{"crv", "kty", "x", "y"};
  if (kty == "RSA") return Names{"e", "kty", "n"};
  if (kty == "oct") return Names{"k", "kty"};
  return Fail(ErrorCode::kInvalid, "JWK: unknown kty");
}

bool HasOperation(const Json& key_ops, const std::vector<std::string_view>& operations) {
  return key_ops.is_array() && std::ranges::any_of(key_ops, [&](const Json& operation) {
           return operation.is_string() &&
                  std::ranges::count(operations, operation.get_ref<const std::string&>()) != 0;
         });
}

}  // namespace

Json ToJwk(const PublicKey& key) {
  const CurveNames& names = NamesOf(key.curve());
  Json jwk{{"kty", names.kty}, {"crv", names.crv}};
  if (key.curve() == Curve::kP256) {
    const ByteSpan point = key.bytes();
    jwk["x"] = Base64UrlEncode(point.subspan(1, kCoordinateSize));
    jwk["y"] = Base64UrlEncode(point.subspan(1 + kCoordinateSize));
  } else {
    jwk["x"] = Base64UrlEncode(key.bytes());
  }
  return jwk;
}

Json ToPrivateJwk(const PrivateKey& key) {
  Json jwk = ToJwk(key.public_key());
  const Secret raw = key.RevealBytes();
  jwk["d"] = Base64UrlEncode(raw.Reveal());
  return jwk;
}

Result<PublicKey> PublicKeyFromJwk(const Json& jwk) {
  RECRYPT_ASSIGN(const Curve curve, CurveOf(jwk));
  RECRYPT_ASSIGN(const Bytes x, Coordinate(jwk, "x"));
  if (curve != Curve::kP256) return PublicKey::FromBytes(curve, x);
  RECRYPT_ASSIGN(const Bytes y, Coordinate(jwk, "y"));
  Bytes point{0x04};
  Append(point, x);
  Append(point, y);
  return PublicKey::FromBytes(curve, point);
}

Result<PrivateKey> PrivateKeyFromJwk(const Json& jwk) {
  RECRYPT_ASSIGN(const PublicKey public_key, PublicKeyFromJwk(jwk));
  RECRYPT_ASSIGN(Bytes raw, GetBytes(jwk, "d"));
  const Secret secret = Secret::TakeFrom(raw);
  RECRYPT_ASSIGN(PrivateKey key, PrivateKey::FromBytes(public_key.curve(), secret.Reveal()));
  if (!(key.public_key() == public_key)) {
    return Fail(ErrorCode::kInvalid, "JWK: the private and the public members do not match");
  }
  return key;
}

Status CheckJwkPurpose(const Json& jwk, const JwkPurpose& purpose) {
  const Json* use = FindMember(jwk, "use");
  const Json* key_ops = FindMember(jwk, "key_ops");
  const Json* algorithm = FindMember(jwk, "alg");
  if ((use != nullptr && *use != purpose.use) ||
      (key_ops != nullptr && !HasOperation(*key_ops, purpose.operations)) ||
      (algorithm != nullptr && *algorithm != purpose.algorithm)) {
    return Fail(ErrorCode::kInvalid, "JWK: the key is meant for another use");
  }
  return {};
}

Result<std::string> JwkThumbprint(const Json& jwk) {
  RECRYPT_ASSIGN(const std::string kty, GetString(jwk, "kty"));
  RECRYPT_ASSIGN(const auto names, RequiredMembers(kty));
  Json required = Json::object();
  for (const std::string& name : names) {
    RECRYPT_ASSIGN(required[name], GetString(jwk, name));
  }
  return Base64UrlEncode(Sha256(AsBytes(DumpJson(required))));  // sorted, as RFC 7638 asks
}

}  // namespace recrypt
