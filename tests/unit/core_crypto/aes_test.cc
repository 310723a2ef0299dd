// AES-GCM and AES key wrap against the examples of their standards.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/crypto/symmetric.h"
#include "tests/unit/hex.h"

namespace recrypt {
namespace {

const char* const kGcmKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const char* const kGcmNonce = "cafebabefacedbaddecaf888";
const char* const kGcmAad = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const char* const kGcmPlain =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const char* const kGcmCipher =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
const char* const kGcmTag = "76fc6ece0f4e1768cddf8853bb2d551b";

// Test case 16 of the submission of GCM to NIST.
TEST(Aead, MatchesTheSpecification) {
  Aead aead(Hex(kGcmKey));
  const Bytes plain = Hex(kGcmPlain);
  Bytes cipher(plain.size());
  Bytes tag(kAeadTagSize);
  for (int use = 0; use < 3; ++use) {  // a kept context gives the same each time
    aead.Seal(Hex(kGcmNonce), Hex(kGcmAad), plain, cipher.data(), tag.data());
    EXPECT_EQ(ToHex(cipher), kGcmCipher);
    EXPECT_EQ(ToHex(tag), kGcmTag);
    Bytes opened(cipher.size());
    ASSERT_TRUE(aead.Open(Hex(kGcmNonce), Hex(kGcmAad), cipher, tag, opened.data()));
    EXPECT_EQ(opened, plain);
  }
}

TEST(Aead, WorksInPlaceAndOnNothing) {
  Aead aead(Secret::Random(32));
  const auto nonce = RandomArray<kAeadNonceSize>();
  Bytes block(4096, 0x5a);
  Bytes tag(kAeadTagSize);
  aead.Seal(nonce, AsBytes("7"), block, block.data(), tag.data());
  EXPECT_NE(block, Bytes(4096, 0x5a));
  ASSERT_TRUE(aead.Open(nonce, AsBytes("7"), block, tag, block.data()));
  EXPECT_EQ(block, Bytes(4096, 0x5a));

  aead.Seal(nonce, {}, {}, nullptr, tag.data());
  EXPECT_TRUE(aead.Open(nonce, {}, {}, tag, nullptr));
  EXPECT_FALSE(aead.Open(nonce, AsBytes("x"), {}, tag, nullptr));
}

TEST(Aead, RefusesAnyFlippedBitAndWipesTheOutput) {
  Aead aead(Hex(kGcmKey));
  Bytes parts[] = {Hex(kGcmNonce), Hex(kGcmAad), Hex(kGcmCipher), Hex(kGcmTag)};
  Bytes opened(parts[2].size());
  for (Bytes& part : parts) {
    for (size_t bit = 0; bit < part.size() * 8; ++bit) {
      part[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
      std::ranges::fill(opened, uint8_t{0xaa});
      EXPECT_FALSE(aead.Open(parts[0], parts[1], parts[2], parts[3], opened.data()));
      EXPECT_EQ(opened, Bytes(opened.size()));
      part[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    }
  }
  EXPECT_TRUE(aead.Open(parts[0], parts[1], parts[2], parts[3], opened.data()));
}

TEST(Aead, RefusesATruncatedTag) {
  Aead aead(Hex(kGcmKey));
  const Bytes cipher = Hex(kGcmCipher);
  const Bytes tag = Hex(kGcmTag);
  Bytes opened(cipher.size());
  for (size_t size = 0; size < tag.size(); ++size) {
    EXPECT_FALSE(
        aead.Open(Hex(kGcmNonce), Hex(kGcmAad), cipher, ByteSpan(tag).first(size), opened.data()));
  }
}

TEST(Aead, ANonceOfAnotherLengthDoesNotDisturbTheNext) {
  Aead aead(Hex(kGcmKey));
  Bytes cipher(3);
  Bytes tag(kAeadTagSize);
  aead.Seal(Bytes(8, 1), {}, AsBytes("abc"), cipher.data(), tag.data());
  Bytes opened(3);
  EXPECT_TRUE(aead.Open(Bytes(8, 1), {}, cipher, tag, opened.data()));
  const Bytes plain = Hex(kGcmPlain);
  cipher.resize(plain.size());
  aead.Seal(Hex(kGcmNonce), Hex(kGcmAad), plain, cipher.data(), tag.data());
  EXPECT_EQ(ToHex(tag), kGcmTag);
}

struct WrapVector {
  const char* kek;
  const char* key;
  const char* wrapped;
};
// RFC 3394, 4.1 to 4.6.
const WrapVector kWraps[] = {
    {"000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF",
     "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"},
    {"000102030405060708090A0B0C0D0E0F1011121314151617", "00112233445566778899AABBCCDDEEFF",
     "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF", "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"},
    {"000102030405060708090A0B0C0D0E0F1011121314151617",
     "00112233445566778899AABBCCDDEEFF0001020304050607",
     "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2"},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF0001020304050607",
     "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
     "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
};

TEST(KeyWrap, MatchesRfc3394) {
  for (const WrapVector& vector : kWraps) {
    const Bytes key = Hex(vector.key);
    const Bytes wrapped = AesKeyWrap(Hex(vector.kek), key).value();
    EXPECT_EQ(ToHex(wrapped), vector.wrapped);
    EXPECT_EQ(ToHex(AesKeyUnwrap(Hex(vector.kek), wrapped).value()), ToHex(key));
  }
}

TEST(KeyWrap, RefusesAFlippedBit) {
  const Bytes kek = Hex(kWraps[5].kek);
  Bytes wrapped = Hex(kWraps[5].wrapped);
  for (size_t bit = 0; bit < wrapped.size() * 8; ++bit) {
    wrapped[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    const auto opened = AesKeyUnwrap(kek, wrapped);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
    wrapped[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
  }
}

TEST(KeyWrap, RefusesSizesThatCannotBe) {
  const Bytes kek(32);
  for (const size_t size : {0, 1, 7, 8, 15, 17, 23, 33}) {
    EXPECT_FALSE(AesKeyWrap(kek, Bytes(size))) << size;
    EXPECT_FALSE(AesKeyUnwrap(kek, Bytes(size))) << size;
  }
  EXPECT_FALSE(AesKeyUnwrap(kek, Bytes(16)));
  for (const size_t size : {0, 8, 15, 31, 33, 64}) {
    EXPECT_FALSE(AesKeyWrap(Bytes(size), Bytes(32))) << size;
    EXPECT_FALSE(AesKeyUnwrap(Bytes(size), Bytes(40))) << size;
  }
}

}  // namespace
}  // namespace recrypt
