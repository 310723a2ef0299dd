#include "core/crypto/keys.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/unit/hex.h"

namespace recrypt {
namespace {

PrivateKey Private(Curve curve, const char* hex) {
  return PrivateKey::FromBytes(curve, Hex(hex)).value();
}
PublicKey Public(Curve curve, const char* hex) {
  return PublicKey::FromBytes(curve, Hex(hex)).value();
}

constexpr Curve kAllCurves[] = {Curve::kX25519, Curve::kEd25519, Curve::kP256};

TEST(X25519, MatchesRfc7748) {
  // 5.2
  EXPECT_EQ(
      ToHex(Private(Curve::kX25519,
                    "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
                .Agree(Public(Curve::kX25519,
                              "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))
                .value()),
      "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  // 6.1
  const PrivateKey alice =
      Private(Curve::kX25519, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const PrivateKey bob =
      Private(Curve::kX25519, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(ToHex(alice.public_key().bytes()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(ToHex(bob.public_key().bytes()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  EXPECT_EQ(ToHex(alice.Agree(bob.public_key()).value()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST(X25519, RefusesAResultOfZero) {
  const PrivateKey key = PrivateKey::Generate(Curve::kX25519);
  for (const char* small : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"}) {
    const auto agreed = key.Agree(Public(Curve::kX25519, small));
    ASSERT_FALSE(agreed) << small;
    EXPECT_EQ(agreed.error().code, ErrorCode::kInvalid);
  }
}

struct Ed25519Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
// RFC 8032, 7.1: tests 1 to 3.
const Ed25519Vector kEd25519[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(Ed25519, MatchesRfc8032) {
  for (const Ed25519Vector& vector : kEd25519) {
    const PrivateKey key = Private(Curve::kEd25519, vector.seed);
    EXPECT_EQ(ToHex(key.public_key().bytes()), vector.public_key);
    const Bytes signature = key.Sign(Hex(vector.message)).value();
    EXPECT_EQ(ToHex(signature), vector.signature);
    EXPECT_TRUE(key.public_key().Verify(Hex(vector.message), signature));
  }
}

TEST(Signature, IsRefusedForAnyFlippedBitOrOtherMessage) {
  for (const Curve curve : {Curve::kEd25519, Curve::kP256}) {
    const PrivateKey key = PrivateKey::Generate(curve);
    const PrivateKey other = PrivateKey::Generate(curve);
    Bytes signature = key.Sign(AsBytes("message")).value();
    ASSERT_EQ(signature.size(), 64u);
    EXPECT_TRUE(key.public_key().Verify(AsBytes("message"), signature));
    EXPECT_FALSE(key.public_key().Verify(AsBytes("messagf"), signature));
    EXPECT_FALSE(other.public_key().Verify(AsBytes("message"), signature));
    for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
      signature[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
      EXPECT_FALSE(key.public_key().Verify(AsBytes("message"), signature));
      signature[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    }
    for (const size_t size : {0, 1, 63, 65, 128}) {
      Bytes resized = signature;
      resized.resize(size);
      EXPECT_FALSE(key.public_key().Verify(AsBytes("message"), resized)) << size;
    }
    EXPECT_FALSE(key.public_key().Verify(AsBytes("message"), Bytes(64)));
  }
}

TEST(X25519, NeitherSignsNorVerifies) {
  const PrivateKey key = PrivateKey::Generate(Curve::kX25519);
  EXPECT_EQ(key.Sign(AsBytes("m")).error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(key.public_key().Verify(AsBytes("m"), Bytes(64)));
}

TEST(P256, MatchesRfc6979sKey) {
  const PrivateKey key =
      Private(Curve::kP256, "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
  const char* const kX = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
  const char* const kY = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
  EXPECT_EQ(ToHex(key.public_key().bytes()), std::string("04") + kX + kY);
  EXPECT_EQ(ToHex(key.public_key().CompressedBytes()), std::string("03") + kX);
  // A.2.5, SHA-256, "sample"
  EXPECT_TRUE(key.public_key().Verify(
      AsBytes("sample"), Hex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
                             "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8")));
}

TEST(P256, TakesBothEncodingsAndRefusesWhatIsNotOnTheCurve) {
  const PublicKey key = PrivateKey::Generate(Curve::kP256).public_key();
  EXPECT_EQ(PublicKey::FromBytes(Curve::kP256, key.CompressedBytes()).value(), key);
  Bytes wrong = key.bytes();
  wrong.back() ^= 1;
  EXPECT_FALSE(PublicKey::FromBytes(Curve::kP256, wrong));
  Bytes hybrid = key.bytes();
  hybrid[0] = static_cast<uint8_t>(0x06 | (hybrid.back() & 1));
  EXPECT_FALSE(PublicKey::FromBytes(Curve::kP256, hybrid));
  EXPECT_FALSE(PublicKey::FromBytes(Curve::kP256, Bytes{0}));  // infinity
  EXPECT_FALSE(PublicKey::FromBytes(Curve::kP256, {}));
  EXPECT_FALSE(PublicKey::FromBytes(Curve::kP256, ByteSpan(key.bytes()).first(64)));
  EXPECT_FALSE(PublicKey::FromBytes(Curve::kP256, ByteSpan(key.bytes()).subspan(1)));
}

TEST(P256, RefusesPrivateKeysOutOfRange) {
  const char* const kOrder = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  EXPECT_FALSE(PrivateKey::FromBytes(Curve::kP256, Bytes(32)));
  EXPECT_FALSE(PrivateKey::FromBytes(Curve::kP256, Hex(kOrder)));
  EXPECT_FALSE(PrivateKey::FromBytes(Curve::kP256, Bytes(32, 0xff)));
  Bytes largest = Hex(kOrder);
  largest.back() -= 1;
  EXPECT_TRUE(PrivateKey::FromBytes(Curve::kP256, largest));
}

TEST(Keys, RefuseOtherSizes) {
  for (const Curve curve : kAllCurves) {
    for (const size_t size : {0, 1, 31, 33, 64}) {
      EXPECT_FALSE(PrivateKey::FromBytes(curve, Bytes(size, 1))) << size;
    }
  }
  for (const size_t size : {0, 31, 33, 65}) {
    EXPECT_FALSE(PublicKey::FromBytes(Curve::kX25519, Bytes(size, 1))) << size;
    EXPECT_FALSE(PublicKey::FromBytes(Curve::kEd25519, Bytes(size, 1))) << size;
  }
}

TEST(Keys, RoundTripThroughTheirBytes) {
  for (const Curve curve : kAllCurves) {
    const PrivateKey key = PrivateKey::Generate(curve);
    const Secret raw = key.RevealBytes();
    const PrivateKey again = PrivateKey::FromBytes(curve, raw.Reveal()).value();
    EXPECT_EQ(again.public_key(), key.public_key());
    EXPECT_EQ(PublicKey::FromBytes(curve, key.public_key().bytes()).value(), key.public_key());
    EXPECT_EQ(key.curve(), curve);
    EXPECT_FALSE(PrivateKey::Generate(curve).public_key() == key.public_key());
  }
}

TEST(Agreement, IsTheSameFromBothSidesAndRefusedBetweenCurves) {
  for (const Curve curve : {Curve::kX25519, Curve::kP256}) {
    const PrivateKey a = PrivateKey::Generate(curve);
    const PrivateKey b = PrivateKey::Generate(curve);
    EXPECT_TRUE(a.Agree(b.public_key()).value().Equals(b.Agree(a.public_key()).value()));
    for (const Curve other : kAllCurves) {
      if (other == curve) continue;
      EXPECT_FALSE(a.Agree(PrivateKey::Generate(other).public_key()));
    }
  }
  const PrivateKey signer = PrivateKey::Generate(Curve::kEd25519);
  EXPECT_FALSE(signer.Agree(signer.public_key()));
}

TEST(SubjectPublicKeyInfo, MatchesRfc8410And5480) {
  // RFC 8410, 10.1
  EXPECT_EQ(ToHex(Public(Curve::kEd25519,
                         "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1")
                      .SubjectPublicKeyInfo()),
            "302a300506032b6570032100"
            "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
  const PublicKey x25519 = PrivateKey::Generate(Curve::kX25519).public_key();
  EXPECT_EQ(ToHex(x25519.SubjectPublicKeyInfo()),
            "302a300506032b656e032100" + ToHex(x25519.bytes()));
  const PublicKey p256 = PrivateKey::Generate(Curve::kP256).public_key();
  EXPECT_EQ(ToHex(p256.SubjectPublicKeyInfo()),
            "3059301306072a8648ce3d020106082a8648ce3d030107034200" + ToHex(p256.bytes()));
  const PublicKey compressed = PublicKey::FromBytes(Curve::kP256, p256.CompressedBytes()).value();
  EXPECT_EQ(compressed.SubjectPublicKeyInfo(), p256.SubjectPublicKeyInfo());
}

TEST(Keys, MayBeUsedByManyThreads) {
  const PrivateKey x25519 = PrivateKey::Generate(Curve::kX25519);
  const PrivateKey p256 = PrivateKey::Generate(Curve::kP256);
  const PrivateKey sign = PrivateKey::Generate(Curve::kEd25519);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        for (const PrivateKey* key : {&x25519, &p256}) {
          const PrivateKey peer = PrivateKey::Generate(key->curve());
          const Secret expected = peer.Agree(key->public_key()).value();
          EXPECT_TRUE(key->Agree(peer.public_key()).value().Equals(expected));
        }
        EXPECT_TRUE(sign.public_key().Verify(AsBytes("m"), sign.Sign(AsBytes("m")).value()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace recrypt
