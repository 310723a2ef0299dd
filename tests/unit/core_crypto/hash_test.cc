// Hashes, HMAC, HKDF and scrypt against the examples of their standards.
#include <gtest/gtest.h>

#include "core/crypto/symmetric.h"
#include "tests/unit/hex.h"

namespace recrypt {
namespace {

TEST(Hash, MatchesFips180And202) {
  EXPECT_EQ(ToHex(Sha256(AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(Sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(Sha512(AsBytes("abc"))),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(ToHex(Sha3_512(AsBytes("abc"))),
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
            "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0");
}

TEST(Sha256Hasher, IsTheHashOfThePiecesAndReusable) {
  Sha256Hasher hasher;
  for (int round = 0; round < 3; ++round) {
    hasher.Update(AsBytes("a"));
    hasher.Update({});
    hasher.Update(AsBytes("bc"));
    EXPECT_EQ(hasher.Finish(), Sha256(AsBytes("abc")));
  }
}

TEST(Hmac, MatchesRfc4231) {
  const Bytes key1(20, 0x0b);
  EXPECT_EQ(ToHex(HmacSha256(key1, AsBytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(ToHex(HmacSha512(key1, AsBytes("Hi There"))),
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
            "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
  EXPECT_EQ(ToHex(Hmac(HashAlgorithm::kSha384, key1, AsBytes("Hi There"))),
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
            "faea9ea9076ede7f4af152e8b2fa9cb6");
  EXPECT_EQ(ToHex(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const Bytes key6(131, 0xaa);  // longer than a block
  EXPECT_EQ(
      ToHex(HmacSha256(key6, AsBytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, AnEmptyKeyIsAKeyAndNotTheLastOne) {
  (void)HmacSha256(AsBytes("another key"), AsBytes("x"));
  EXPECT_EQ(ToHex(HmacSha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hkdf, MatchesRfc5869) {
  const Bytes ikm1(22, 0x0b);
  EXPECT_EQ(ToHex(Hkdf(HashAlgorithm::kSha256, ikm1, Hex("000102030405060708090a0b0c"),
                       Hex("f0f1f2f3f4f5f6f7f8f9"), 42)
                      .value()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  Bytes ikm2, salt2, info2;
  for (int i = 0; i < 80; ++i) {
    ikm2.push_back(static_cast<uint8_t>(i));
    salt2.push_back(static_cast<uint8_t>(0x60 + i));
    info2.push_back(static_cast<uint8_t>(0xb0 + i));
  }
  EXPECT_EQ(
      ToHex(Hkdf(HashAlgorithm::kSha256, ikm2, salt2, info2, 82).value()),
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
      "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  EXPECT_EQ(ToHex(Hkdf(HashAlgorithm::kSha256, ikm1, {}, {}, 42).value()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  EXPECT_EQ(ToHex(Hkdf(HashAlgorithm::kSha1, Bytes(11, 0x0b), Hex("000102030405060708090a0b0c"),
                       Hex("f0f1f2f3f4f5f6f7f8f9"), 42)
                      .value()),
            "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896");
}

TEST(Hkdf, RefusesSizesOutOfRange) {
  EXPECT_TRUE(Hkdf(HashAlgorithm::kSha256, {}, {}, {}, 255 * 32));
  EXPECT_FALSE(Hkdf(HashAlgorithm::kSha256, {}, {}, {}, 255 * 32 + 1));
  EXPECT_FALSE(Hkdf(HashAlgorithm::kSha256, {}, {}, {}, 0));
}

TEST(Scrypt, MatchesRfc7914) {
  EXPECT_EQ(ToHex(Scrypt({}, {}, {16, 1, 1}, 64).value()),
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
            "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
  EXPECT_EQ(ToHex(Scrypt(AsBytes("password"), AsBytes("NaCl"), {1024, 8, 16}, 64).value()),
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
            "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
  EXPECT_EQ(
      ToHex(Scrypt(AsBytes("pleaseletmein"), AsBytes("SodiumChloride"), {16384, 8, 1}, 64).value()),
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
      "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

TEST(Scrypt, RefusesCostsThatAreNoneOrTakeOverAGibibyte) {
  const ScryptCost refused[] = {{0, 8, 1},
                                {1, 8, 1},
                                {1000, 8, 1},
                                {1024, 0, 1},
                                {1024, 8, 0},
                                {uint64_t{1} << 21, 8, 1},
                                {2, 1 << 20, 1},
                                {2, 8, 1u << 31},
                                {UINT64_MAX, 8, 1},
                                {1u << 31, 8, 1},
                                {2, UINT32_MAX, UINT32_MAX}};
  for (const ScryptCost& cost : refused) {
    EXPECT_FALSE(Scrypt(AsBytes("p"), AsBytes("s"), cost, 32)) << cost.n << " " << cost.r;
  }
}

TEST(RandomBytes, FillsAndDiffers) {
  const auto first = RandomArray<32>();
  const auto second = RandomArray<32>();
  EXPECT_NE(first, second);
  Bytes large((1 << 20) + 100);
  RandomBytes(large);
  EXPECT_NE(ToHex(ByteSpan(large).last(16)), std::string(32, '0'));
  RandomBytes({});
}

}  // namespace
}  // namespace recrypt
