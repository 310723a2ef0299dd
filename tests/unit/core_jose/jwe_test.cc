#include "core/jose/jwe.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/jose/jwk.h"
#include "core/recryption/recryption.h"
#include "core/udf/udf.h"
#include "tests/unit/hex.h"

namespace recrypt {
namespace {

constexpr Curve kCurves[] = {Curve::kX25519, Curve::kP256};

// Two recipients of one curve, one of the other, and additional data.
struct Several {
  std::vector<PrivateKey> keys;
  Json jwe;
};

Several MakeSeveral() {
  Several made;
  made.keys.push_back(PrivateKey::Generate(Curve::kX25519));
  made.keys.push_back(PrivateKey::Generate(Curve::kP256));
  made.keys.push_back(PrivateKey::Generate(Curve::kX25519));
  const PrivateKey ephemerals[] = {PrivateKey::Generate(Curve::kX25519),
                                   PrivateKey::Generate(Curve::kP256)};
  const Secret cek = Secret::Random(kCekSize);
  JweParts parts;
  for (const PrivateKey& ephemeral : ephemerals) {
    parts.ephemerals.push_back(ephemeral.public_key());
  }
  for (const PrivateKey& key : made.keys) {
    const PrivateKey& ephemeral = ephemerals[key.curve() == Curve::kX25519 ? 0 : 1];
    parts.recipients.push_back(
        JweRecipient{std::string(kAlgEcdhEsA256Kw),
                     {KeyUdf(key.public_key())},
                     std::nullopt,
                     WrapKey(ephemeral, key.public_key(), kAlgEcdhEsA256Kw, cek.Reveal()).value()});
  }
  parts.aad = ToBytes(AsBytes("bound"));
  made.jwe = FormatJwe(SealJweContent(std::move(parts), cek, AsBytes("to all")));
  return made;
}

TEST(Jwe, OpensUnderTheRecipientsKeyAlone) {
  for (const Curve curve : kCurves) {
    const PrivateKey key = PrivateKey::Generate(curve);
    for (const size_t size : {0, 1, 16, 1000}) {
      const Bytes plaintext(size, 0x61);
      const Json jwe = EncryptJwe(key.public_key(), plaintext).value();
      EXPECT_EQ(ToHex(DecryptJwe(jwe, key).value()), ToHex(plaintext));
      EXPECT_EQ(ToHex(DecryptJweAny(DumpJson(jwe), ToPrivateJwk(key)).value()), ToHex(plaintext));
      EXPECT_EQ(DecryptJwe(jwe, PrivateKey::Generate(curve)).error().code, ErrorCode::kCorrupt);
    }
  }
}

TEST(Jwe, HasTheFormThatTheDocumentHeaderPromises) {
  const PrivateKey key = PrivateKey::Generate(Curve::kX25519);
  const Json jwe = EncryptJwe(key.public_key(), AsBytes("x")).value();
  EXPECT_EQ(jwe["protected"], kJweProtected);
  EXPECT_EQ(AsText(Base64UrlDecode(kJweProtected).value()), R"({"enc":"A256GCM"})");
  EXPECT_EQ(jwe["unprotected"]["alg"], kAlgEcdhEsA256Kw);
  EXPECT_EQ(jwe["unprotected"]["epk"]["crv"], "X25519");
  EXPECT_EQ(jwe["recipients"][0]["header"], (Json{{"kid", KeyUdf(key.public_key())}}));
  EXPECT_FALSE(jwe.contains("aad"));
}

TEST(Jwe, EverySealIsFresh) {
  const PublicKey key = PrivateKey::Generate(Curve::kX25519).public_key();
  const Json one = EncryptJwe(key, AsBytes("x")).value();
  const Json two = EncryptJwe(key, AsBytes("x")).value();
  EXPECT_NE(one["unprotected"]["epk"], two["unprotected"]["epk"]);
  EXPECT_NE(one["iv"], two["iv"]);
  EXPECT_NE(one["recipients"][0]["encrypted_key"], two["recipients"][0]["encrypted_key"]);
}

TEST(Jwe, EveryOneOfSeveralRecipientsOpensIt) {
  const Several several = MakeSeveral();
  for (const PrivateKey& key : several.keys) {
    EXPECT_EQ(AsText(DecryptJwe(several.jwe, key).value().Reveal()), "to all");
  }
  EXPECT_EQ(DecryptJwe(several.jwe, PrivateKey::Generate(Curve::kX25519)).error().code,
            ErrorCode::kDenied);
}

TEST(Jwe, PartsSurviveWritingAndReading) {
  const Several several = MakeSeveral();
  const JweParts parts = ParseJwe(several.jwe).value();
  EXPECT_EQ(parts.ephemerals.size(), 2u);
  EXPECT_EQ(parts.recipients.size(), 3u);
  EXPECT_EQ(AsText(parts.aad), "bound");
  EXPECT_EQ(FormatJwe(parts), several.jwe);
  EXPECT_EQ(parts.EphemeralOf(parts.recipients[1], Curve::kP256)->curve(), Curve::kP256);
  EXPECT_EQ(parts.EphemeralOf(parts.recipients[1], Curve::kEd25519), nullptr);
}

TEST(Jwe, KeepsSeveralKidsAndAlgorithmsOfOthers) {
  Json jwe = MakeSeveral().jwe;
  jwe["unprotected"].erase("alg");
  for (Json& recipient : jwe["recipients"]) recipient["header"]["alg"] = kAlgEcdhEsA256Kw;
  jwe["recipients"][1]["header"] = Json{{"alg", "x+AND"}, {"kids", {"a", "b"}}};
  const JweParts parts = ParseJwe(jwe).value();
  EXPECT_EQ(parts.recipients[1].alg, "x+AND");
  EXPECT_EQ(parts.recipients[1].kids, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(FormatJwe(parts), jwe);
}

TEST(Jwe, OpensWithTheCandidatesOfARecryption) {
  for (const Curve curve : kCurves) {
    const PrivateKey label = PrivateKey::Generate(curve);
    const Split split = SplitKey(label).value();
    const JweParts parts =
        ParseJwe(EncryptJwe(label.public_key(), AsBytes("granted")).value()).value();
    const PublicKey& t = parts.ephemerals.front();
    const Secret p = AgreeHalf(split.service_half, t).value();
    const auto candidates = Combine(t, p.Reveal(), split.member_half).value();
    const Secret cek =
        UnwrapKey(candidates, kAlgEcdhEsA256Kw, parts.recipients.front().encrypted_key).value();
    EXPECT_EQ(AsText(OpenJweContent(parts, cek).value().Reveal()), "granted");
  }
}

TEST(Jwe, AnyChangeIsRefused) {
  const PrivateKey key = PrivateKey::Generate(Curve::kX25519);
  const Json good = EncryptJwe(key.public_key(), AsBytes("content")).value();
  for (const char* name : {"iv", "ciphertext", "tag"}) {
    Json jwe = good;
    Bytes bytes = GetBytes(jwe, name).value();
    bytes[0] ^= 1;
    jwe[name] = Base64UrlEncode(bytes);
    EXPECT_EQ(DecryptJwe(jwe, key).error().code, ErrorCode::kCorrupt) << name;
  }
  Json jwe = good;
  jwe["aad"] = "AA";
  EXPECT_EQ(DecryptJwe(jwe, key).error().code, ErrorCode::kCorrupt);
  // Another text of the same protected header is another AAD.
  jwe = good;
  jwe["protected"] = Base64UrlEncode(AsBytes(R"({ "enc":"A256GCM"})"));
  EXPECT_EQ(DecryptJwe(jwe, key).error().code, ErrorCode::kCorrupt);
}

TEST(ParseJwe, RefusesWhatTheFormatRefuses) {
  const Json good =
      EncryptJwe(PrivateKey::Generate(Curve::kX25519).public_key(), AsBytes("x")).value();
  ASSERT_TRUE(ParseJwe(good));
  const auto refuses = [&](const char* what, auto change) {
    Json jwe = good;
    change(jwe);
    const auto parsed = ParseJwe(jwe);
    ASSERT_FALSE(parsed) << what;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid) << what;
  };
  const auto protect = [](const char* text) { return Base64UrlEncode(AsBytes(text)); };
  refuses("enc", [&](Json& j) { j["protected"] = protect(R"({"enc":"A128GCM"})"); });
  refuses("no enc", [&](Json& j) { j["protected"] = protect("{}"); });
  refuses("crit", [&](Json& j) { j["protected"] = protect(R"({"enc":"A256GCM","crit":[]})"); });
  refuses("zip", [&](Json& j) { j["unprotected"]["zip"] = "DEF"; });
  refuses("null crit", [&](Json& j) { j["unprotected"]["crit"] = nullptr; });
  refuses("unknown", [&](Json& j) { j["unprotected"]["apu"] = "QQ"; });
  refuses("top", [&](Json& j) { j["more"] = 1; });
  refuses("twice", [&](Json& j) { j["recipients"][0]["header"]["alg"] = kAlgEcdhEsA256Kw; });
  refuses("twice in protected",
          [&](Json& j) { j["protected"] = protect(R"({"enc":"A256GCM","alg":"x"})"); });
  refuses("duplicate key",
          [&](Json& j) { j["protected"] = protect(R"({"enc":"A256GCM","enc":"A256GCM"})"); });
  refuses("both forms", [&](Json& j) { j["header"] = Json::object(); });
  refuses("no recipients", [&](Json& j) { j["recipients"] = Json::array(); });
  refuses("many", [&](Json& j) {
    while (j["recipients"].size() <= kMaxJweRecipients) {
      j["recipients"].push_back(j["recipients"][0]);
    }
  });
  refuses("kid and kids", [&](Json& j) { j["recipients"][0]["header"]["kids"] = {"a"}; });
  refuses("long kid", [&](Json& j) {
    j["recipients"][0]["header"]["kid"] = std::string(kMaxJweKidSize + 1, 'a');
  });
  refuses("long key", [&](Json& j) {
    j["recipients"][0]["encrypted_key"] = Base64UrlEncode(Bytes(kMaxJweKids * 40 + 1));
  });
  refuses("kid type", [&](Json& j) { j["recipients"][0]["header"]["kid"] = 1; });
  refuses("aad", [&](Json& j) { j["aad"] = ""; });
  refuses("iv", [&](Json& j) { j["iv"] = Base64UrlEncode(Bytes(16)); });
  refuses("tag", [&](Json& j) { j["tag"] = Base64UrlEncode(Bytes(12)); });
  refuses("padding", [&](Json& j) { j["ciphertext"] = "AA=="; });
  refuses("no ciphertext", [&](Json& j) { j.erase("ciphertext"); });
  refuses("two of one curve", [&](Json& j) {
    j["unprotected"]["epk2"] = ToJwk(PrivateKey::Generate(Curve::kX25519).public_key());
  });
  refuses("signature key", [&](Json& j) {
    j["unprotected"]["epk"] = ToJwk(PrivateKey::Generate(Curve::kEd25519).public_key());
  });
}

TEST(ParseJwe, RefusesEphemeralsOnTheTwistOrOfNoValue) {
  const PrivateKey key = PrivateKey::Generate(Curve::kX25519);
  Json jwe = EncryptJwe(key.public_key(), AsBytes("x")).value();
  for (const char* u : {"0000000000000000000000000000000000000000000000000000000000000000",
                        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                        "31c4b11aa9181b5248ef040a06de1668cbcdbc12dfc456618f35bddd35bce07e"}) {
    jwe["unprotected"]["epk"]["x"] = Base64UrlEncode(Hex(u));
    EXPECT_EQ(ParseJwe(jwe).error().code, ErrorCode::kInvalid) << u;
    EXPECT_FALSE(DecryptJweAny(DumpJson(jwe), ToPrivateJwk(key))) << u;
  }
}

TEST(EncryptJwe, RefusesKeysThatCannotAgree) {
  EXPECT_FALSE(EncryptJwe(PrivateKey::Generate(Curve::kEd25519).public_key(), AsBytes("x")));
  EXPECT_FALSE(EncryptJwe(PublicKey::FromBytes(Curve::kX25519, Bytes(32)).value(), AsBytes("x")));
}

TEST(WrapKey, RefusesTwoCurves) {
  EXPECT_FALSE(WrapKey(PrivateKey::Generate(Curve::kX25519),
                       PrivateKey::Generate(Curve::kP256).public_key(), kAlgEcdhEsA256Kw,
                       Bytes(32)));
}

TEST(ConcatKdf, LongerKeysTakeSeveralRounds) {
  const Secret key = ConcatKdf(AsBytes("z"), "A256CBC-HS512", {}, {}, 512);
  EXPECT_EQ(key.size(), 64u);
  EXPECT_FALSE(ConstantTimeEqual(key.Reveal().first(32), key.Reveal().subspan(32)));
  // The length is part of what is hashed.
  const Secret shorter = ConcatKdf(AsBytes("z"), "A256CBC-HS512", {}, {}, 256);
  EXPECT_FALSE(ConstantTimeEqual(key.Reveal().first(32), shorter.Reveal()));
}

}  // namespace
}  // namespace recrypt
