// All of tests/vectors/recryption.json, which an independent implementation made.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "core/jose/jwe.h"
#include "core/json/json.h"
#include "core/recryption/recryption.h"

namespace recrypt {
namespace {

Json LoadVectors() {
  std::ifstream file(std::string(RECRYPT_SOURCE_DIR) + "/tests/vectors/recryption.json");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return ParseJson(text).value();
}

const Json& Vectors() {
  static const Json vectors = LoadVectors();
  return vectors;
}

Bytes Hex(const Json& value) { return HexDecode(value.get<std::string>()).value(); }

PrivateKey Private(Curve curve, const Json& hex) {
  return PrivateKey::FromBytes(curve, Hex(hex)).value();
}

PublicKey P256Point(const Json& coordinates) {
  Bytes point{0x04};
  Append(point, Hex(coordinates[0]));
  Append(point, Hex(coordinates[1]));
  return PublicKey::FromBytes(Curve::kP256, point).value();
}

std::vector<std::string> HexOf(const std::vector<Secret>& candidates) {
  std::vector<std::string> out;
  for (const Secret& candidate : candidates) out.push_back(HexEncode(candidate.Reveal()));
  return out;
}

TEST(RecryptionVectors, X25519KeysAndResultsAreByteForByte) {
  ASSERT_EQ(Vectors()["x25519"].size(), 8u);
  for (const Json& vector : Vectors()["x25519"]) {
    const PrivateKey label = Private(Curve::kX25519, vector["group_private"]);
    EXPECT_EQ(HexEncode(label.public_key().bytes()), vector["group_public"]);
    const PrivateKey ephemeral = Private(Curve::kX25519, vector["ephemeral_private"]);
    const PublicKey t = ephemeral.public_key();
    EXPECT_EQ(HexEncode(t.bytes()), vector["ephemeral_public"]);
    EXPECT_TRUE(CheckEphemeral(t));

    const PrivateKey service = Private(Curve::kX25519, vector["service_half"]);
    const PrivateKey member = Private(Curve::kX25519, vector["member_half"]);
    const Secret p = AgreeHalf(service, t).value();
    EXPECT_EQ(HexEncode(p.Reveal()), vector["service_result"]);
    EXPECT_EQ(HexEncode(AgreeHalf(member, t).value().Reveal()), vector["member_result"]);
    EXPECT_EQ(HexEncode(AgreeHalf(label, t).value().Reveal()), vector["shared_secret"]);
    EXPECT_EQ(HexEncode(ephemeral.Agree(label.public_key()).value().Reveal()),
              vector["shared_secret"]);

    const auto candidates = HexOf(Combine(t, p.Reveal(), member).value());
    EXPECT_EQ(candidates, vector["candidates"].get<std::vector<std::string>>());
    EXPECT_EQ(std::ranges::count(candidates, vector["shared_secret"].get<std::string>()), 1);
    EXPECT_EQ(HexEncode(EcdhEsKek(Hex(vector["shared_secret"]), kAlgEcdhEsA256Kw).Reveal()),
              vector["kek_ECDH_ES_A256KW"]);
  }
}

TEST(RecryptionVectors, P256KeysAndResultsAreByteForByte) {
  ASSERT_EQ(Vectors()["p256"].size(), 8u);
  for (const Json& vector : Vectors()["p256"]) {
    const PrivateKey label = Private(Curve::kP256, vector["group_private"]);
    EXPECT_EQ(label.public_key(), P256Point(vector["group_public"]));
    const PublicKey t = P256Point(vector["ephemeral_public"]);
    EXPECT_EQ(Private(Curve::kP256, vector["ephemeral_private"]).public_key(), t);

    const PrivateKey service = Private(Curve::kP256, vector["service_share"]);
    const PrivateKey member = Private(Curve::kP256, vector["member_share"]);
    const Secret p = AgreeHalf(service, t).value();
    EXPECT_EQ(HexEncode(p.Reveal()), vector["service_result_x"]);
    EXPECT_EQ(HexEncode(AgreeHalf(label, t).value().Reveal()), vector["shared_secret"]);

    auto expected = vector["candidates"].get<std::vector<std::string>>();
    std::ranges::sort(expected);
    EXPECT_EQ(HexOf(Combine(t, p.Reveal(), member).value()), expected);
    EXPECT_EQ(HexEncode(EcdhEsKek(Hex(vector["shared_secret"]), kAlgEcdhEsA256Kw).Reveal()),
              vector["kek_ECDH_ES_A256KW"]);
  }
}

TEST(RecryptionVectors, InvalidX25519EphemeralsAreRefused) {
  ASSERT_EQ(Vectors()["invalid_x25519"].size(), 11u);
  for (const Json& vector : Vectors()["invalid_x25519"]) {
    const PublicKey t = PublicKey::FromBytes(Curve::kX25519, Hex(vector["u"])).value();
    const Status status = CheckEphemeral(t);
    ASSERT_FALSE(status) << vector;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalid);
  }
}

// A half's result in a point with a small component is that in the point without it, so nothing
// of the half shows, and whoever opens the document agrees.
TEST(RecryptionVectors, InvalidX25519EphemeralsAreRefusedOrHarmlessToHalves) {
  const PrivateKey label = PrivateKey::Generate(Curve::kX25519);
  const Split split = SplitKey(label).value();
  for (const Json& vector : Vectors()["invalid_x25519"]) {
    const PublicKey t = PublicKey::FromBytes(Curve::kX25519, Hex(vector["u"])).value();
    const auto p = AgreeHalf(split.service_half, t);
    if (vector["why"] != "on the curve, outside the prime-order subgroup") {
      EXPECT_FALSE(p) << vector;
      EXPECT_FALSE(AgreeHalf(label, t)) << vector;
      continue;
    }
    ASSERT_TRUE(p) << vector;
    const auto candidates = HexOf(Combine(t, p->Reveal(), split.member_half).value());
    const std::string z = HexEncode(AgreeHalf(label, t).value().Reveal());
    EXPECT_EQ(std::ranges::count(candidates, z), 1) << vector;
  }
}

}  // namespace
}  // namespace recrypt
