#include "core/escrow/escrow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/crypto/symmetric.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Made {
  PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
  PrivateKey label_master = PrivateKey::Generate(Curve::kEd25519);
  PrivateKey label_key;
  Secret secret = Secret::Random(kSharedSecretSize);
  Json jws;
  std::vector<EscrowShare> shares;

  explicit Made(Curve curve = Curve::kX25519) : label_key(PrivateKey::Generate(curve)) {
    Escrow escrow{{1, 1000, 2000},
                  {AccountName::Parse("alice@example.com").value(), KeyUdf(master.public_key())},
                  master.public_key(),
                  3,
                  5,
                  RandomSetName(),
                  EscrowKeyOf(secret, curve).public_key(),
                  {Label().profile.label},
                  {}};
    const EscrowedLabel label = Label();
    escrow.sealed = SealEscrowedLabels({&label, 1}, escrow.key).value();
    jws = SignEscrow(escrow, master);
    auto split = SplitSecret(secret, 3, 5).value();
    for (ShamirShare& share : split) {
      shares.push_back({std::move(share), escrow.set});
    }
  }

  EscrowedLabel Label() const {
    const Principal owner{AccountName::Parse("alice@example.com").value(),
                          KeyUdf(master.public_key())};
    const LabelProfile profile{{1, 1000, 2000},
                               LabelName::Parse("Accounting#example.com").value(),
                               label_master.public_key(),
                               owner,
                               {owner},
                               1,
                               label_key.public_key(),
                               {},
                               {{"example.com", owner.udf}},
                               {}};
    return {SignLabelProfile(profile, label_master), profile, {{1, label_key}}};
  }

  std::vector<EscrowShare> Some(std::initializer_list<size_t> which) const {
    std::vector<EscrowShare> out;
    for (const size_t i : which) {
      const ShamirShare& from = shares[i].share;
      out.push_back({{from.threshold, from.number, from.value.Clone()}, shares[i].set});
    }
    return out;
  }
};

TEST(Escrow, GivesTheKeysBackForAsManySharesAsAreNeeded) {
  for (const Curve curve : {Curve::kX25519, Curve::kP256}) {
    const Made made(curve);
    const Escrow escrow = VerifyEscrow(made.jws).value();
    EXPECT_EQ(escrow.threshold, 3u);
    const auto recovered = RecoverEscrowKey(escrow, made.Some({4, 0, 2}));
    ASSERT_TRUE(recovered) << recovered.error().message;
    const auto labels = OpenEscrowedLabels(escrow.sealed, recovered->key).value();
    ASSERT_EQ(labels.size(), 1u);
    EXPECT_EQ(labels[0].profile.label.text(), "Accounting#example.com");
    EXPECT_TRUE(labels[0].keys[0].key.RevealBytes().Equals(made.label_key.RevealBytes()));
  }
}

TEST(Escrow, HoldsNoSignatureKey) {
  const Made made;
  EscrowedLabel label = made.Label();
  label.keys.push_back({1, made.label_master});
  EXPECT_FALSE(SealEscrowedLabels({&label, 1}, made.label_key.public_key()));
}

TEST(Escrow, SaysHowManySharesAreMissing) {
  const Made made;
  const auto recovered = RecoverEscrowKey(VerifyEscrow(made.jws).value(), made.Some({1, 1}));
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(recovered.error().message, HasSubstr("missing: 2"));
}

TEST(Escrow, SaysWhichShareIsOfAnother) {
  const Made made;
  auto shares = made.Some({0, 1, 2});
  shares[1].set = shares[1].set == "AAA" ? "AAB" : "AAA";
  const auto recovered = RecoverEscrowKey(VerifyEscrow(made.jws).value(), shares);
  ASSERT_FALSE(recovered);
  EXPECT_THAT(recovered.error().message, HasSubstr("share 2 is of another escrow"));
}

TEST(Escrow, FindsAFalseShareAmongOneMoreThanAreNeeded) {
  const Made made;
  const Escrow escrow = VerifyEscrow(made.jws).value();
  auto shares = made.Some({0, 1, 2});
  shares[1].share.value.RevealMutable()[3] ^= 1;
  const auto refused = RecoverEscrowKey(escrow, shares);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("another one more"));
  shares.push_back(std::move(made.Some({4})[0]));
  const auto recovered = RecoverEscrowKey(escrow, shares);
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_THAT(recovered->false_shares, ElementsAre(2));
}

TEST(Escrow, IsSignedByWhomItNames) {
  const Made made;
  Escrow escrow = VerifyEscrow(made.jws).value();
  const PrivateKey other = PrivateKey::Generate(Curve::kEd25519);
  EXPECT_FALSE(VerifyEscrow(SignEscrow(escrow, other)));
  escrow.master = other.public_key();
  EXPECT_FALSE(VerifyEscrow(SignEscrow(escrow, other)));
}

}  // namespace
}  // namespace recrypt
