#include "core/jose/jwk.h"

#include <gtest/gtest.h>

#include "tests/unit/hex.h"

namespace recrypt {
namespace {

constexpr Curve kAllCurves[] = {Curve::kX25519, Curve::kEd25519, Curve::kP256};

TEST(Jwk, RoundTripsEveryKey) {
  for (const Curve curve : kAllCurves) {
    const PrivateKey key = PrivateKey::Generate(curve);
    EXPECT_EQ(PublicKeyFromJwk(ToJwk(key.public_key())).value(), key.public_key());
    EXPECT_FALSE(ToJwk(key.public_key()).contains("d"));
    const PrivateKey again = PrivateKeyFromJwk(ToPrivateJwk(key)).value();
    EXPECT_TRUE(again.RevealBytes().Equals(key.RevealBytes()));
    EXPECT_FALSE(PrivateKeyFromJwk(ToJwk(key.public_key())));
  }
}

TEST(Jwk, IgnoresMembersThatAreNotNeeded) {
  const PublicKey key = PrivateKey::Generate(Curve::kP256).public_key();
  Json jwk = ToJwk(key);
  jwk["kid"] = 7;
  jwk["future"] = Json::array();
  EXPECT_EQ(PublicKeyFromJwk(jwk).value(), key);
}

TEST(Jwk, RefusesAPrivateKeyThatIsNotThePublicOnes) {
  for (const Curve curve : kAllCurves) {
    Json jwk = ToPrivateJwk(PrivateKey::Generate(curve));
    jwk["d"] = ToPrivateJwk(PrivateKey::Generate(curve))["d"];
    EXPECT_EQ(PrivateKeyFromJwk(jwk).error().code, ErrorCode::kInvalid);
  }
}

TEST(Jwk, RefusesWrongSizesKindsAndPoints) {
  const Json good = ToJwk(PrivateKey::Generate(Curve::kP256).public_key());
  const std::pair<const char*, Json> changes[] = {
      {"kty", "OKP"},   {"kty", "RSA"},
      {"kty", nullptr}, {"crv", "P-384"},
      {"crv", 256},     {"crv", "X25519"},
      {"x", ""},        {"x", good["x"].get<std::string>() + "AA"},
      {"y", 5},         {"y", good["x"]},
      {"x", "****"},    {"y", Json::array()}};
  for (const auto& [name, value] : changes) {
    Json jwk = good;
    jwk[name] = value;
    EXPECT_FALSE(PublicKeyFromJwk(jwk)) << name << " " << value;
  }
  for (const char* name : {"kty", "crv", "x", "y"}) {
    Json jwk = good;
    jwk.erase(name);
    EXPECT_FALSE(PublicKeyFromJwk(jwk)) << name;
  }
  for (const Json& none : {Json(), Json("x"), Json::array(), Json(3)}) {
    EXPECT_FALSE(PublicKeyFromJwk(none));
    EXPECT_FALSE(PrivateKeyFromJwk(none));
    EXPECT_FALSE(JwkThumbprint(none));
  }
}

TEST(Jwk, PurposeIsCheckedWhereTheKeyNamesOne) {
  const JwkPurpose verify{"sig", {"verify"}, "ES256"};
  EXPECT_TRUE(CheckJwkPurpose(Json::object(), verify));
  EXPECT_TRUE(CheckJwkPurpose(
      Json{{"use", "sig"}, {"key_ops", {"sign", "verify"}}, {"alg", "ES256"}}, verify));
  EXPECT_FALSE(CheckJwkPurpose(Json{{"use", "enc"}}, verify));
  EXPECT_FALSE(CheckJwkPurpose(Json{{"key_ops", {"sign"}}}, verify));
  EXPECT_FALSE(CheckJwkPurpose(Json{{"key_ops", "verify"}}, verify));
  EXPECT_FALSE(CheckJwkPurpose(Json{{"alg", "ES384"}}, verify));
  EXPECT_FALSE(CheckJwkPurpose(Json{{"alg", 256}}, verify));
}

}  // namespace
}  // namespace recrypt
