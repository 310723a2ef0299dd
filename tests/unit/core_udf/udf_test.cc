#include "core/udf/udf.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

constexpr std::string_view kPlain = "text/plain";

// The examples of draft-hallambaker-mesh-udf-13.
TEST(ContentUdf, AgreesWithTheDraft) {
  EXPECT_EQ(ContentUdf(kPlain, AsBytes("UDF Data Value")), "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF");
  EXPECT_EQ(ContentUdfSha3(kPlain, AsBytes("UDF Data Value")),
            "KCFI-NCQG-DRKG-47R7-OVPT-TCHZ-7UXY");
}

TEST(ContentUdf, AgreesWithTheDraftOnCompressedForms) {
  EXPECT_EQ(ContentUdf(kPlain, AsBytes("UDF Compressed Document 4187123")),
            "MGHB-JWIZ-J3LA-EEWD-GCT3-WX6H-C5W2");
  EXPECT_EQ(ContentUdfSha3(kPlain, AsBytes("UDF Compressed Document 774665")),
            "KEJI-Y225-BDUG-XX22-MXKE-5ITF-YVYM");
}

TEST(ContentUdf, IsAPrefixOfTheLongerOnes) {
  const std::string longest = ContentUdf(kPlain, AsBytes("UDF Data Value"), 440);
  EXPECT_EQ(longest.size(), 22u * 5 - 1);
  for (int bits = 100; bits <= 440; bits += 20) {
    const std::string udf = ContentUdf(kPlain, AsBytes("UDF Data Value"), bits);
    EXPECT_EQ(udf.size(), static_cast<size_t>(bits) / 20 * 5 - 1);
    EXPECT_TRUE(longest.starts_with(udf)) << bits;
  }
}

TEST(ContentUdf, DependsOnTheContentType) {
  EXPECT_NE(ContentUdf("text/plain", AsBytes("x")), ContentUdf("text/html", AsBytes("x")));
}

TEST(KeyUdf, IsTheDigestOfTheSubjectPublicKeyInfo) {
  // RFC 8410, 10.1: the key info of an Ed25519 key; SHA-512 and base32 by other tools.
  const Bytes raw = *HexDecode("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
  const PublicKey key = *PublicKey::FromBytes(Curve::kEd25519, raw);
  EXPECT_EQ(KeyUdf(key), "MCPZ-H3ZU-IBGT-ZA24-BITA-RZFA-ZNFS");
}

TEST(NormalizeUdf, AcceptsLowerCaseAndAnyDashes) {
  const std::string udf = "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF";
  EXPECT_EQ(*NormalizeUdf(udf), udf);
  EXPECT_EQ(*NormalizeUdf("mddk7n6a727ajznostrxxks7djaf"), udf);
  EXPECT_EQ(*NormalizeUdf("MDDK7-N6A72-7AJZN-OSTRX-XKS7D-JAF"), udf);
}

TEST(NormalizeUdf, AcceptsEveryDigestKind) {
  for (int type : {80, 81, 82, 83, 84, 96, 97, 98, 99, 100}) {
    Bytes bytes(25, 0xA5);
    bytes[0] = static_cast<uint8_t>(type);
    EXPECT_TRUE(NormalizeUdf(Base32Encode(bytes))) << type;
  }
}

TEST(NormalizeUdf, RefusesOtherKinds) {
  for (int type : {0, 1, 32, 33, 79, 85, 95, 101, 104, 112, 144, 200, 255}) {
    Bytes bytes(25, 0xA5);
    bytes[0] = static_cast<uint8_t>(type);
    EXPECT_FALSE(NormalizeUdf(Base32Encode(bytes))) << type;
  }
}

TEST(NormalizeUdf, RefusesWhatIsNoFingerprint) {
  for (const char* text : {"", "-", "MDDK", "MDDK-7N6A-727A-JZNO",  // less than 100 bits
                           "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJA",     // a character short
                           "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF-A",  // one too many
                           "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJA1",    // no 1, 0, 8 and 9
                           "MDDK 7N6A 727A JZNO STRX XKS7 DJAF",    // white space
                           "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF\n",  //
                           "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF@example.com"}) {
    EXPECT_FALSE(NormalizeUdf(text)) << text;
  }
  EXPECT_FALSE(NormalizeUdf(std::string_view("MDDK-7N6A-727A-JZNO-STRX-XKS7-DJA\0", 34)));
  EXPECT_TRUE(NormalizeUdf("M" + std::string(87, 'A')));
  EXPECT_FALSE(NormalizeUdf("M" + std::string(91, 'A')));
}

}  // namespace
}  // namespace recrypt
