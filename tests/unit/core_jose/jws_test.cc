#include "core/jose/jws.h"

#include <gtest/gtest.h>

#include "core/udf/udf.h"
#include "tests/unit/hex.h"

namespace recrypt {
namespace {

constexpr Curve kSigners[] = {Curve::kEd25519, Curve::kP256};

// A JWS over a chosen protected header, correctly signed.
Json SignWith(const PrivateKey& key, const Json& header, std::string_view payload) {
  const std::string protected_b64 = Base64UrlEncode(AsBytes(DumpJson(header)));
  const std::string payload_b64 = Base64UrlEncode(AsBytes(payload));
  const Bytes signature = key.Sign(AsBytes(protected_b64 + "." + payload_b64)).value();
  return Json{{"protected", protected_b64},
              {"payload", payload_b64},
              {"signature", Base64UrlEncode(signature)}};
}

TEST(Jws, WhatIsSignedVerifiesAndNamesItsKey) {
  for (const Curve curve : kSigners) {
    const PrivateKey key = PrivateKey::Generate(curve);
    for (const std::string payload : {"", "text", "\x00\xff binary"}) {
      const Json jws = SignJws(key, payload);
      EXPECT_EQ(VerifyJws(jws, key.public_key()).value(), payload);
      EXPECT_EQ(PeekJws(jws).value().kid, KeyUdf(key.public_key()));
      EXPECT_EQ(PeekJws(jws).value().payload, payload);
      EXPECT_EQ(VerifyCompactJws(SignCompactJws(key, payload), key.public_key()).value(), payload);
    }
  }
}

TEST(Jws, IsDeniedUnderAnotherKeyOrPayload) {
  for (const Curve curve : kSigners) {
    const PrivateKey key = PrivateKey::Generate(curve);
    Json jws = SignJws(key, "payload");
    for (const Curve other : {Curve::kEd25519, Curve::kP256, Curve::kX25519}) {
      const auto verified = VerifyJws(jws, PrivateKey::Generate(other).public_key());
      ASSERT_FALSE(verified);
      EXPECT_EQ(verified.error().code, ErrorCode::kDenied);
    }
    jws["payload"] = Base64UrlEncode(AsBytes("Payload"));
    EXPECT_EQ(VerifyJws(jws, key.public_key()).error().code, ErrorCode::kDenied);
  }
}

TEST(Jws, RefusesAnAlgorithmThatIsNotTheKeys) {
  const PrivateKey key = PrivateKey::Generate(Curve::kEd25519);
  for (const char* alg : {"none", "", "ES256", "HS256", "eddsa", "Ed25519"}) {
    EXPECT_FALSE(VerifyJws(SignWith(key, Json{{"alg", alg}}, "p"), key.public_key())) << alg;
  }
  EXPECT_FALSE(VerifyJws(SignWith(key, Json{{"alg", 1}}, "p"), key.public_key()));
  EXPECT_FALSE(VerifyJws(SignWith(key, Json::object(), "p"), key.public_key()));
  EXPECT_TRUE(VerifyJws(SignWith(key, Json{{"alg", "EdDSA"}}, "p"), key.public_key()));
}

TEST(Jws, RefusesCritAndB64AndUnprotectedHeaders) {
  const PrivateKey key = PrivateKey::Generate(Curve::kEd25519);
  const Json crit{{"alg", "EdDSA"}, {"crit", Json::array({"exp"})}, {"exp", 1}};
  EXPECT_FALSE(VerifyJws(SignWith(key, crit, "p"), key.public_key()));
  EXPECT_FALSE(
      VerifyJws(SignWith(key, Json{{"alg", "EdDSA"}, {"crit", nullptr}}, "p"), key.public_key()));
  EXPECT_FALSE(
      VerifyJws(SignWith(key, Json{{"alg", "EdDSA"}, {"b64", false}}, "p"), key.public_key()));
  Json jws = SignJws(key, "p");
  jws["header"] = Json{{"kid", "x"}};
  EXPECT_FALSE(VerifyJws(jws, key.public_key()));
}

TEST(Jws, RefusesWhatIsNone) {
  const PrivateKey key = PrivateKey::Generate(Curve::kEd25519);
  const Json good = SignJws(key, "payload");
  for (const char* name : {"protected", "payload", "signature"}) {
    for (const Json& value : {Json(), Json(1), Json("*"), Json(""), Json("AA")}) {
      Json jws = good;
      jws[name] = value;
      EXPECT_FALSE(VerifyJws(jws, key.public_key())) << name << " " << value;
    }
    Json jws = good;
    jws.erase(name);
    EXPECT_FALSE(VerifyJws(jws, key.public_key())) << name;
    EXPECT_FALSE(PeekJws(jws));
  }
  EXPECT_FALSE(VerifyJws(Json("x"), key.public_key()));
  EXPECT_FALSE(PeekJws(Json::array()));
  const std::string compact = SignCompactJws(key, "payload");
  for (const std::string& text :
       {std::string(), std::string(".."), compact + ".", "." + compact, compact + "=",
        compact.substr(0, compact.rfind('.')), compact.substr(0, compact.size() - 1)}) {
    EXPECT_FALSE(VerifyCompactJws(text, key.public_key())) << text;
  }
}

}  // namespace
}  // namespace recrypt
