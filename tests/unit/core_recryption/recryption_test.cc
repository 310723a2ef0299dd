#include "core/recryption/recryption.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/hex.h"

namespace recrypt {
namespace {

constexpr Curve kCurves[] = {Curve::kX25519, Curve::kP256};

// Points of small order on the curve, of order 4 and 8.
const char* const kOrder4 = "0100000000000000000000000000000000000000000000000000000000000000";
const char* const kOrder8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";

PublicKey X25519Point(ByteSpan u) { return PublicKey::FromBytes(Curve::kX25519, u).value(); }

size_t CountOf(const std::vector<Secret>& candidates, const Secret& z) {
  return static_cast<size_t>(
      std::ranges::count_if(candidates, [&](const Secret& c) { return c.Equals(z); }));
}

PrivateKey LabelKey(ByteSpan raw) { return PrivateKey::FromBytes(Curve::kX25519, raw).value(); }

TEST(Recryption, OneOfTwoCandidatesIsTheSecret) {
  for (const Curve curve : kCurves) {
    for (int round = 0; round < 100; ++round) {
      const PrivateKey label = PrivateKey::Generate(curve);
      const PublicKey t = PrivateKey::Generate(curve).public_key();
      const Split split = SplitKey(label).value();
      const Secret p = AgreeHalf(split.service_half, t).value();
      const auto candidates = Combine(t, p.Reveal(), split.member_half).value();
      ASSERT_EQ(candidates.size(), 2u);
      EXPECT_EQ(CountOf(candidates, AgreeHalf(label, t).value()), 1u);
    }
  }
}

TEST(Recryption, WorksForTheSmallestAndTheLargestKeys) {
  for (const Bytes& raw : {Bytes(32), Bytes(32, 0xff)}) {
    const PrivateKey label = LabelKey(raw);
    const PublicKey t = PrivateKey::Generate(Curve::kX25519).public_key();
    const Split split = SplitKey(label).value();
    const Secret p = AgreeHalf(split.service_half, t).value();
    const auto candidates = Combine(t, p.Reveal(), split.member_half).value();
    EXPECT_EQ(CountOf(candidates, AgreeHalf(label, t).value()), 1u);
  }
}

TEST(Recryption, AnotherMembersHalfDoesNotOpen) {
  for (const Curve curve : kCurves) {
    const PrivateKey label = PrivateKey::Generate(curve);
    const PublicKey t = PrivateKey::Generate(curve).public_key();
    const Split alice = SplitKey(label).value();
    const Split bob = SplitKey(label).value();
    const Secret p = AgreeHalf(alice.service_half, t).value();
    const auto candidates = Combine(t, p.Reveal(), bob.member_half).value();
    EXPECT_EQ(CountOf(candidates, AgreeHalf(label, t).value()), 0u);
  }
}

TEST(SplitKey, MakesClampedX25519KeysThatDifferEachTime) {
  const PrivateKey label = PrivateKey::Generate(Curve::kX25519);
  std::set<std::string> seen;
  for (int round = 0; round < 50; ++round) {
    const Split split = SplitKey(label).value();
    for (const PrivateKey* half : {&split.service_half, &split.member_half}) {
      const Secret raw = half->RevealBytes();
      EXPECT_EQ(raw.Reveal()[0] & 7, 0);
      EXPECT_EQ(raw.Reveal()[31] & 0xc0, 0x40);
      seen.insert(ToHex(raw));
    }
  }
  EXPECT_EQ(seen.size(), 100u);
}

// Halves drawn inside the clamped range would be biased by the label's key; folded ones are not,
// whatever the key is: the bit under the fixed one is set in half of them.
TEST(SplitKey, HalvesShowNoLeadingBitOfTheKey) {
  for (const Bytes& raw : {Bytes(32), Bytes(32, 0xff)}) {
    const PrivateKey label = LabelKey(raw);
    int service_bits = 0;
    int member_bits = 0;
    constexpr int kRounds = 1000;
    for (int round = 0; round < kRounds; ++round) {
      const Split split = SplitKey(label).value();
      service_bits += (split.service_half.RevealBytes().Reveal()[31] >> 5) & 1;
      member_bits += (split.member_half.RevealBytes().Reveal()[31] >> 5) & 1;
    }
    EXPECT_NEAR(service_bits, kRounds / 2, 110);  // seven standard deviations
    EXPECT_NEAR(member_bits, kRounds / 2, 110);
  }
}

TEST(SplitKey, RefusesSignatureKeys) {
  EXPECT_EQ(SplitKey(PrivateKey::Generate(Curve::kEd25519)).error().code, ErrorCode::kInvalid);
}

TEST(LastHalf, MakesTheKeyWithAnyNumberOfOthers) {
  for (const Curve curve : kCurves) {
    for (size_t services = 1; services <= kMaxServices; ++services) {
      const PrivateKey label = PrivateKey::Generate(curve);
      const PublicKey t = PrivateKey::Generate(curve).public_key();
      const PrivateKey member = GenerateHalf(curve);
      std::vector<PrivateKey> halves{member};
      while (halves.size() < services) halves.push_back(GenerateHalf(curve));
      halves.push_back(LastHalf(label, halves).value());
      std::vector<Bytes> results;
      for (size_t i = 1; i < halves.size(); ++i) {
        results.push_back(ToBytes(AgreeHalf(halves[i], t).value().Reveal()));
      }
      const auto candidates = CombineSeveral(t, results, member).value();
      EXPECT_EQ(candidates.size(), size_t{1} << services);
      EXPECT_EQ(CountOf(candidates, AgreeHalf(label, t).value()), 1u);
      results.back() = ToBytes(AgreeHalf(GenerateHalf(curve), t).value().Reveal());
      EXPECT_EQ(CountOf(CombineSeveral(t, results, member).value(), AgreeHalf(label, t).value()),
                0u);
    }
  }
}

TEST(LastHalf, RefusesOtherCurvesAndNumbers) {
  const PrivateKey label = PrivateKey::Generate(Curve::kX25519);
  const std::vector<PrivateKey> other{GenerateHalf(Curve::kP256)};
  EXPECT_FALSE(LastHalf(label, other));
  EXPECT_FALSE(LastHalf(label, {}));
  EXPECT_FALSE(
      LastHalf(label, std::vector<PrivateKey>(kMaxServices + 1, GenerateHalf(Curve::kX25519))));
  // The label's own key as the member's half leaves nothing for a service.
  EXPECT_FALSE(LastHalf(label, {&label, 1}));
  const PrivateKey p256 = PrivateKey::Generate(Curve::kP256);
  EXPECT_FALSE(LastHalf(p256, {&p256, 1}));
}

TEST(HalfFrom, IsTheSameForTheSameBytesAndAnOrdinaryHalf) {
  for (const Curve curve : kCurves) {
    const Secret seed = Secret::Random(kHalfSeedSize);
    const PrivateKey half = HalfFrom(curve, seed).value();
    EXPECT_EQ(half.public_key(), HalfFrom(curve, seed).value().public_key());
    EXPECT_NE(half.public_key(),
              HalfFrom(curve, Secret::Random(kHalfSeedSize)).value().public_key());
    EXPECT_FALSE(HalfFrom(curve, Secret::Random(kHalfSeedSize - 1)));
  }
  EXPECT_FALSE(HalfFrom(Curve::kEd25519, Secret::Random(kHalfSeedSize)));
  // On X25519 as it stands: clamped, and a multiple of 8, so that a T of another order leaks
  // nothing.
  for (int round = 0; round < 100; ++round) {
    const PrivateKey half = HalfFrom(Curve::kX25519, Secret::Random(kHalfSeedSize)).value();
    const Secret raw = half.RevealBytes();
    EXPECT_EQ(raw.Reveal()[0] & 7, 0);
    EXPECT_EQ(raw.Reveal()[31] & 0xc0, 0x40);
  }
}

TEST(CheckEphemeral, AcceptsEveryOrdinaryPoint) {
  for (int round = 0; round < 100; ++round) {
    EXPECT_TRUE(CheckEphemeral(PrivateKey::Generate(Curve::kX25519).public_key()));
  }
  EXPECT_TRUE(CheckEphemeral(PrivateKey::Generate(Curve::kP256).public_key()));
  EXPECT_FALSE(CheckEphemeral(PrivateKey::Generate(Curve::kEd25519).public_key()));
}

TEST(CheckEphemeral, RefusesEveryTorsionComponentWhichIsHarmlessToHalves) {
  const PrivateKey half = GenerateHalf(Curve::kX25519);
  for (int round = 0; round < 20; ++round) {
    const PublicKey t = PrivateKey::Generate(Curve::kX25519).public_key();
    const Secret expected = AgreeHalf(half, t).value();
    for (const char* small : {kOrder4, kOrder8}) {
      const auto sums = CombineX25519(t.bytes(), Hex(small)).value();
      for (const Secret& sum : sums) {
        const PublicKey mixed = X25519Point(sum.Reveal());
        EXPECT_FALSE(CheckEphemeral(mixed));
        EXPECT_TRUE(CheckEphemeral(mixed, SubgroupCheck::kSkipSubgroup));
        EXPECT_TRUE(AgreeHalf(half, mixed).value().Equals(expected));
      }
    }
    // Twice the point of order 4: T itself, and T plus the point of order 2.
    const auto once = CombineX25519(t.bytes(), Hex(kOrder4)).value();
    int accepted = 0;
    const auto twice = CombineX25519(once[0].Reveal(), Hex(kOrder4)).value();
    for (const Secret& sum : twice) {
      if (CheckEphemeral(X25519Point(sum.Reveal()))) ++accepted;
    }
    EXPECT_EQ(accepted, 1);
  }
}

TEST(CheckEphemeral, RefusesThePointsOfTheTwist) {
  int refused = 0;
  for (uint8_t u = 2; u < 200; ++u) {
    Bytes encoded(32);
    encoded[0] = u;
    if (!CheckEphemeral(X25519Point(encoded), SubgroupCheck::kSkipSubgroup)) ++refused;
  }
  EXPECT_NEAR(refused, 99, 30);  // half of all u are on the twist
}

TEST(CheckEphemeral, RefusesEncodingsThatAreNotCanonical) {
  for (int i = 0; i < 19; ++i) {  // p to 2^255 - 1
    Bytes encoded(32, 0xff);
    encoded[0] = static_cast<uint8_t>(0xed + i);
    encoded[31] = 0x7f;
    EXPECT_FALSE(CheckEphemeral(X25519Point(encoded), SubgroupCheck::kSkipSubgroup)) << i;
  }
  Bytes high = PrivateKey::Generate(Curve::kX25519).public_key().bytes();
  high[31] |= 0x80;
  EXPECT_FALSE(CheckEphemeral(X25519Point(high), SubgroupCheck::kSkipSubgroup));
}

TEST(Combine, RefusesResultsThatCannotBeUsed) {
  for (const Curve curve : kCurves) {
    const PrivateKey member = GenerateHalf(curve);
    const PublicKey t = PrivateKey::Generate(curve).public_key();
    const Secret own = AgreeHalf(member, t).value();
    EXPECT_FALSE(Combine(t, own.Reveal(), member));  // equal coordinates
    EXPECT_FALSE(Combine(t, Bytes(32, 0xff), member));
    EXPECT_FALSE(Combine(t, {}, member));
    EXPECT_FALSE(Combine(t, Bytes(31, 1), member));
    EXPECT_FALSE(Combine(t, Bytes(33, 1), member));
    EXPECT_FALSE(CombineSeveral(t, {}, member));
  }
  // On P-256 there is a point with x = 0; on X25519 it is the one of order 2.
  EXPECT_FALSE(Combine(PrivateKey::Generate(Curve::kX25519).public_key(), Bytes(32),
                       GenerateHalf(Curve::kX25519)));
  EXPECT_FALSE(Combine(PrivateKey::Generate(Curve::kP256).public_key(), Bytes(32, 1),
                       GenerateHalf(Curve::kX25519)));
}

TEST(Combine, RefusesAServiceResultOnTheTwist) {
  const PrivateKey member = GenerateHalf(Curve::kX25519);
  const PublicKey t = PrivateKey::Generate(Curve::kX25519).public_key();
  EXPECT_FALSE(
      Combine(t, Hex("31c4b11aa9181b5248ef040a06de1668cbcdbc12dfc456618f35bddd35bce07e"), member));
}

TEST(AgreeHalf, RefusesPointsOfSmallOrder) {
  const PrivateKey half = GenerateHalf(Curve::kX25519);
  EXPECT_FALSE(AgreeHalf(half, X25519Point(Hex(kOrder4))));
  EXPECT_FALSE(AgreeHalf(half, X25519Point(Hex(kOrder8))));
}

}  // namespace
}  // namespace recrypt
