// A label's key over several services: any quorum opens, and fewer do not.
#include "core/recryption/quorums.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace recrypt {
namespace {

constexpr Curve kCurves[] = {Curve::kX25519, Curve::kP256};

std::vector<std::string> Services(size_t count) {
  const std::vector<std::string> all = {"e.test", "a.test", "d.test", "b.test", "c.test"};
  return {all.begin(), all.begin() + static_cast<ptrdiff_t>(count)};
}

struct Split {
  PrivateKey label;
  PublicKey t;
  QuorumSplit split;

  Split(Curve curve, const Quorums& quorums)
      : label(PrivateKey::Generate(curve)),
        t(PrivateKey::Generate(curve).public_key()),
        split(quorums.Split(label, Secret::Random(32), "key device").value()) {}

  Bytes Result(const std::string& service, const std::string& quorum) const {
    const PrivateKey& half = split.service_halves.at(service).at(quorum);
    return ToBytes(AgreeHalf(half, t).value().Reveal());
  }
  bool Opens(const std::vector<Bytes>& results, const PrivateKey& member) const {
    const Secret z = AgreeHalf(label, t).value();
    const auto candidates = CombineSeveral(t, results, member);
    return candidates && std::any_of(candidates->begin(), candidates->end(),
                                     [&](const Secret& one) { return one.Equals(z); });
  }
};

TEST(Quorums, OfAnyNumberAndThresholdEveryQuorumOpens) {
  for (const Curve curve : kCurves) {
    for (size_t n = 1; n <= kMaxServices; ++n) {
      for (size_t k = 1; k <= n; ++k) {
        const Quorums quorums(Services(n), k);
        const Split made(curve, quorums);
        for (const auto& quorum : quorums.all()) {
          ASSERT_EQ(quorum.size(), k);
          std::vector<Bytes> results;
          for (const std::string& service : quorum) {
            results.push_back(made.Result(service, Quorums::NameOf(quorum)));
          }
          EXPECT_TRUE(made.Opens(results, made.split.member_half)) << n << " " << k;
        }
      }
    }
  }
}

// All that fewer services than the threshold have, and members' halves: every way of putting some
// of it together, and the halves themselves as if they were the key.
TEST(Quorums, FewerServicesThanTheThresholdOpenNothingWithAnyMember) {
  for (const Curve curve : kCurves) {
    for (const auto& [n, k] : std::vector<std::pair<size_t, size_t>>{{2, 2}, {3, 2}, {3, 3}}) {
      const Quorums quorums(Services(n), k);
      const Split made(curve, quorums);
      const PrivateKey other_member =
          quorums.Split(made.label, Secret::Random(32), "key other").value().member_half;
      std::vector<std::string> coalition = Services(n);
      coalition.resize(k - 1);
      std::vector<Bytes> known;
      for (const std::string& service : coalition) {
        for (const auto& [quorum, half] : made.split.service_halves.at(service)) {
          known.push_back(made.Result(service, quorum));
          EXPECT_FALSE(
              AgreeHalf(half, made.t).value().Equals(AgreeHalf(made.label, made.t).value()));
        }
      }
      ASSERT_LE(known.size(), 4u);
      for (uint32_t bits = 1; bits < (uint32_t{1} << known.size()); ++bits) {
        std::vector<Bytes> some;
        for (size_t i = 0; i < known.size(); ++i) {
          if ((bits >> i & 1) != 0) some.push_back(known[i]);
        }
        EXPECT_FALSE(made.Opens(some, made.split.member_half));
        EXPECT_FALSE(made.Opens(some, other_member));
      }
    }
  }
}

TEST(Quorums, ResultsOfTwoQuorumsDoNotGoTogether) {
  for (const Curve curve : kCurves) {
    const Split made(curve, Quorums(Services(3), 2));  // a, d and e
    EXPECT_TRUE(
        made.Opens({made.Result("a.test", "a.test+d.test"), made.Result("d.test", "a.test+d.test")},
                   made.split.member_half));
    EXPECT_FALSE(
        made.Opens({made.Result("a.test", "a.test+e.test"), made.Result("d.test", "a.test+d.test")},
                   made.split.member_half));
  }
}

TEST(Quorums, AreNamedByTheirServicesWhateverTheOrder) {
  const Quorums quorums({"b.test", "c.test", "a.test"}, 2);
  EXPECT_EQ(quorums.all().size(), 3u);
  EXPECT_EQ(quorums.NamesFor("b.test"),
            (std::vector<std::string>{"a.test+b.test", "b.test+c.test"}));
  EXPECT_TRUE(quorums.NamesFor("d.test").empty());
  EXPECT_EQ(Quorums({"a.test", "b.test"}, 1).NamesFor("b.test"),
            std::vector<std::string>{std::string(kAlone)});
}

// What makes it harmless that an addition was interrupted, and repeated.
TEST(Quorums, TheSameSeedGivesTheSameHalvesAndAnotherKeyOrDeviceOthers) {
  for (const Curve curve : kCurves) {
    const PrivateKey label = PrivateKey::Generate(curve);
    const Secret seed = Secret::Random(32);
    const Quorums quorums(Services(3), 2);
    const QuorumSplit first = quorums.Split(label, seed, "key device").value();
    const QuorumSplit again =
        Quorums({"a.test", "d.test", "e.test"}, 2).Split(label, seed, "key device").value();
    const QuorumSplit other = quorums.Split(label, seed, "key other").value();
    EXPECT_EQ(first.member_half.public_key(), again.member_half.public_key());
    EXPECT_NE(first.member_half.public_key(), other.member_half.public_key());
    for (const auto& [service, halves] : first.service_halves) {
      for (const auto& [quorum, half] : halves) {
        const auto key = half.public_key();
        EXPECT_EQ(key, again.service_halves.at(service).at(quorum).public_key());
        EXPECT_NE(key, other.service_halves.at(service).at(quorum).public_key());
      }
    }
  }
}

TEST(Quorums, OfOneServiceHalvesAreDrawnAnew) {
  const Quorums quorums({"a"}, 1);
  const PrivateKey label = PrivateKey::Generate(Curve::kX25519);
  const Secret seed = Secret::Random(32);
  const QuorumSplit first = quorums.Split(label, seed, "key device").value();
  const QuorumSplit again = quorums.Split(label, seed, "key device").value();
  EXPECT_NE(first.member_half.public_key().bytes(), again.member_half.public_key().bytes());
}

TEST(Quorums, RefuseKeysOfOtherCurves) {
  EXPECT_FALSE(Quorums(Services(2), 2)
                   .Split(PrivateKey::Generate(Curve::kEd25519), Secret::Random(32), "x"));
}

}  // namespace
}  // namespace recrypt
