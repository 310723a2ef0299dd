#include "core/escrow/shamir.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

// draft-hallambaker-mesh-udf-13: a secret in three shares, all of which are needed.
constexpr std::array kPublished = {"SAYCUW4N56UIVTTZ62UNJ6FPETD3O", "SAY6OXXESUNLKUMX3ZG6TRDWUDAKY",
                                   "SAZMMCDKAD6BICWPBTJUQISCC3RY6"};
// 190071288928200631860159323512976374038
constexpr std::string_view kPublishedSecret = "8efe6610a594817555e409beeba2f916";

std::vector<const ShamirShare*> Pointers(const std::vector<ShamirShare>& shares,
                                         std::initializer_list<size_t> which) {
  std::vector<const ShamirShare*> out;
  for (const size_t i : which) out.push_back(&shares[i]);
  return out;
}

TEST(Shamir, AgreesWithThePublishedVectors) {
  std::vector<ShamirShare> shares;
  for (size_t i = 0; i < kPublished.size(); ++i) {
    auto share = ParseShareUdf(kPublished[i]);
    ASSERT_TRUE(share) << share.error().message;
    EXPECT_EQ(share->threshold, 3u);
    EXPECT_EQ(share->number, i + 1);
    EXPECT_EQ(ShareUdf(*share), kPublished[i]);
    shares.push_back(std::move(*share));
  }
  const auto secret = CombineShares(Pointers(shares, {0, 1, 2}));
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(HexEncode(secret->Reveal()), kPublishedSecret);
  EXPECT_TRUE(CombineShares(Pointers(shares, {2, 0, 1}))->Equals(*secret));
}

TEST(Shamir, AnyOfTheSharesThatAreEnoughGiveTheSecretBack) {
  for (const std::string_view hex :
       {std::string_view("00000000000000000000000000000000"), kPublishedSecret,
        std::string_view("ffffffffffffffffffffffffffffffff")}) {
    const Secret secret = Secret::CopyOf(*HexDecode(hex));
    const auto shares = SplitSecret(secret, 3, 5).value();
    ASSERT_EQ(shares.size(), 5u);
    for (size_t a = 0; a < 5; ++a) {
      for (size_t b = a + 1; b < 5; ++b) {
        for (size_t c = b + 1; c < 5; ++c) {
          EXPECT_TRUE(CombineShares(Pointers(shares, {a, b, c})).value().Equals(secret));
        }
      }
    }
  }
}

TEST(Shamir, AllNumbersOfSharesWork) {
  const Secret secret = Secret::Random(kSharedSecretSize);
  for (uint32_t threshold = 2; threshold <= kMaxShares; ++threshold) {
    const auto shares = SplitSecret(secret, threshold, kMaxShares).value();
    std::vector<const ShamirShare*> last;
    for (size_t i = kMaxShares - threshold; i < kMaxShares; ++i) last.push_back(&shares[i]);
    EXPECT_TRUE(CombineShares(last).value().Equals(secret)) << threshold;
  }
}

TEST(Shamir, TheSameSecretIsSplitDifferentlyEachTime) {
  const Secret secret = Secret::Random(kSharedSecretSize);
  const auto one = SplitSecret(secret, 2, 2).value(), other = SplitSecret(secret, 2, 2).value();
  EXPECT_FALSE(one[0].value.Equals(other[0].value));
  EXPECT_FALSE(one[0].value.Equals(secret));
}

TEST(Shamir, RefusesWhatDoesNotGoTogether) {
  const Secret secret = Secret::Random(kSharedSecretSize);
  EXPECT_FALSE(SplitSecret(secret, 1, 3));
  EXPECT_FALSE(SplitSecret(secret, 4, 3));
  EXPECT_FALSE(SplitSecret(secret, 3, 16));
  EXPECT_FALSE(SplitSecret(Secret::Random(15), 2, 3));
  const auto shares = SplitSecret(secret, 3, 5).value();
  EXPECT_FALSE(CombineShares(Pointers(shares, {})));
  EXPECT_FALSE(CombineShares(Pointers(shares, {0, 1})));
  EXPECT_FALSE(CombineShares(Pointers(shares, {0, 1, 1})));
  EXPECT_FALSE(CombineShares(Pointers(shares, {0, 1, 2, 3})));
}

TEST(ShareUdf, RefusesWhatIsNoShare) {
  for (const char* text :
       {"", "SAYC", "SAYCUW4N56UIVTTZ62UNJ6FPETD3", "SAYCUW4N56UIVTTZ62UNJ6FPETD3P",
        "MAYCUW4N56UIVTTZ62UNJ6FPETD3O", "SABSUW4N56UIVTTZ62UNJ6FPETD3O"}) {
    EXPECT_FALSE(ParseShareUdf(text)) << text;
  }
}

}  // namespace
}  // namespace recrypt
