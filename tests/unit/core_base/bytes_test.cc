#include "core/base/bytes.h"

#include <gtest/gtest.h>

#include "tests/unit/hex.h"

namespace recrypt {
namespace {

TEST(Hex, ReadsBothCasesAndWritesLower) {
  EXPECT_EQ(HexDecode("00fFaB").value(), (Bytes{0x00, 0xff, 0xab}));
  EXPECT_EQ(HexEncode(Bytes{0x00, 0xff, 0xab}), "00ffab");
  EXPECT_EQ(HexDecode("").value(), Bytes());
}

TEST(Hex, RefusesOddLengthsAndOtherCharacters) {
  for (const char* text : {"0", "abc", "0g", "0x00", " 00", "00 ", "0\n"}) {
    const auto decoded = HexDecode(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code, ErrorCode::kInvalid);
  }
}

TEST(Base64Url, MatchesRfc4648WithoutPadding) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(Base64UrlEncode(AsBytes(plain)), encoded);
    EXPECT_EQ(AsText(Base64UrlDecode(encoded).value()), plain);
  }
  EXPECT_EQ(Base64UrlEncode(Bytes{0xfb, 0xff}), "-_8");
}

TEST(Base64Url, RefusesPaddingOtherAlphabetsAndLooseBits) {
  for (const char* text : {"Zg==", "Zm8=", "Zg ", "Z\ng", "+/8", "Z", "Zm9vY", "Zh", "Zm9"}) {
    EXPECT_FALSE(Base64UrlDecode(text)) << text;
  }
  EXPECT_FALSE(Base64UrlDecode(std::string_view("Zg\0", 3)));
}

TEST(Base32, MatchesRfc4648WithoutPadding) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "MY"},
                                                         {"fo", "MZXQ"},
                                                         {"foo", "MZXW6"},
                                                         {"foob", "MZXW6YQ"},
                                                         {"fooba", "MZXW6YTB"},
                                                         {"foobar", "MZXW6YTBOI"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(Base32Encode(AsBytes(plain)), encoded);
    EXPECT_EQ(AsText(Base32Decode(encoded).value()), plain);
  }
  EXPECT_EQ(AsText(Base32Decode("mzxw6").value()), "foo");
  for (const char* text : {"M", "MZ", "MZX", "M1", "M8", "MY======"}) {
    EXPECT_FALSE(Base32Decode(text)) << text;
  }
}

TEST(Encodings, RoundTripEveryLength) {
  Bytes bytes;
  for (int size = 0; size < 200; ++size) {
    EXPECT_EQ(HexDecode(HexEncode(bytes)).value(), bytes);
    EXPECT_EQ(Base64UrlDecode(Base64UrlEncode(bytes)).value(), bytes);
    EXPECT_EQ(Base32Decode(Base32Encode(bytes)).value(), bytes);
    bytes.push_back(static_cast<uint8_t>(size * 37 + 11));
  }
}

TEST(Integers, AreBigEndian) {
  Bytes bytes;
  AppendU16(bytes, 0x0102);
  AppendU32(bytes, 0x03040506);
  AppendU64(bytes, 0x0708090a0b0c0d0e);
  EXPECT_EQ(ToHex(bytes), "0102030405060708090a0b0c0d0e");
  EXPECT_EQ(LoadU16(bytes.data()), 0x0102);
  EXPECT_EQ(LoadU32(bytes.data() + 2), 0x03040506u);
  EXPECT_EQ(LoadU64(bytes.data() + 6), 0x0708090a0b0c0d0eu);
  uint8_t raw[8];
  StoreU64(raw, UINT64_MAX - 1);
  EXPECT_EQ(LoadU64(raw), UINT64_MAX - 1);
}

TEST(ToArray, RefusesAnotherLength) {
  EXPECT_TRUE(ToArray<3>(AsBytes("abc")));
  EXPECT_FALSE(ToArray<3>(AsBytes("ab")));
  EXPECT_FALSE(ToArray<3>(AsBytes("abcd")));
}

TEST(ConstantTimeEqual, ComparesContentAndLength) {
  EXPECT_TRUE(ConstantTimeEqual({}, {}));
  EXPECT_TRUE(ConstantTimeEqual(AsBytes("abc"), AsBytes("abc")));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes("abc"), AsBytes("abd")));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes("abc"), AsBytes("ab")));
}

}  // namespace
}  // namespace recrypt
