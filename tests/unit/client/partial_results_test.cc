#include "client/partial_results.h"

#include <gtest/gtest.h>

#include "core/udf/udf.h"

namespace recrypt {
namespace {

// A document under a label over services a, b, c (…), what each of them gives, and who lies.
class PartialResultsTest : public testing::TestWithParam<Curve> {
 protected:
  void Make(size_t services, uint32_t threshold) {
    for (size_t i = 0; i < services; ++i) {
      label_.services.push_back({std::string(1, static_cast<char>('a' + i)) + ".test", ""});
    }
    label_.threshold = threshold;
    const HeaderSpec spec{LabelExpression::Parse(label_.label.text()).value(),
                          {{label_.label, label_.key}},
                          {"a.test"}};
    Wrapper wrapper{RandomArray<16>(), "", "", {}};
    wrapper.keys.push_back({1, Secret::Random(32)});
    auto sealed = SealHeader(spec, wrapper);
    ASSERT_TRUE(sealed) << sealed.error().message;
    header_ = std::move(sealed->header);
    kid_ = KeyUdf(label_.key);
    ephemeral_ = EphemeralFor(*header_, kid_).value();
    auto split = QuorumsOf(label_).Split(key_, Secret::Random(32), "about");
    ASSERT_TRUE(split);
    split_ = std::move(*split);
    results_.emplace(label_, *header_, kid_, *ephemeral_);
  }
  std::shared_ptr<const MemberHalf> Half() const {
    return std::make_shared<const MemberHalf>(MemberHalf{split_->member_half});
  }
  PartialResult ResultOf(size_t service) const {
    PartialResult result{service, {}, Half(), 1000 + static_cast<int64_t>(service)};
    for (const auto& [quorum, half] : split_->service_halves.at(label_.services[service].domain)) {
      result.parts[quorum] = ToBytes(AgreeHalf(half, *ephemeral_).value().Reveal());
    }
    return result;
  }
  PartialResult LieOf(size_t service) const {
    PartialResult lie = ResultOf(service);
    for (auto& [quorum, part] : lie.parts) {
      part = ToBytes(AgreeHalf(GenerateHalf(GetParam()), *ephemeral_).value().Reveal());
    }
    return lie;
  }
  void ExpectSecret() {
    ASSERT_TRUE(results_->found());
    EXPECT_TRUE(results_->found()->secret.Equals(AgreeHalf(key_, *ephemeral_).value()));
  }

  PrivateKey key_ = PrivateKey::Generate(GetParam());
  PrivateKey master_ = PrivateKey::Generate(Curve::kEd25519);
  Principal alice_{AccountName::Parse("alice@example.com").value(), KeyUdf(master_.public_key())};
  LabelProfile label_{{},
                      LabelName::Parse("A#example.com").value(),
                      master_.public_key(),
                      alice_,
                      {alice_},
                      1,
                      key_.public_key(),
                      {},
                      {},
                      {}};
  std::optional<Header> header_;
  std::string kid_;
  std::optional<PublicKey> ephemeral_;
  std::optional<QuorumSplit> split_;
  std::optional<PartialResults> results_;
};

INSTANTIATE_TEST_SUITE_P(Curves, PartialResultsTest, testing::Values(Curve::kX25519, Curve::kP256));

TEST_P(PartialResultsTest, OneServiceIsAQuorumOfOne) {
  Make(1, 1);
  EXPECT_FALSE(results_->Solve());
  results_->Add(ResultOf(0));
  EXPECT_TRUE(results_->Solve());
  ExpectSecret();
  EXPECT_EQ(results_->found()->lease_end_ms, 1000);
  EXPECT_TRUE(results_->Wrong().empty());
}

TEST_P(PartialResultsTest, AnyTwoOfThreeAreEnoughAndOneIsNot) {
  for (size_t away = 0; away < 3; ++away) {
    label_.services.clear();
    Make(3, 2);
    for (size_t service = 0; service < 3; ++service) {
      if (service == away) continue;
      EXPECT_FALSE(results_->Solve());
      results_->Add(ResultOf(service));
    }
    EXPECT_TRUE(results_->Solve());
    ExpectSecret();
    // The lease is the shortest of theirs.
    EXPECT_EQ(results_->found()->lease_end_ms, away == 0 ? 1001 : 1000);
    EXPECT_TRUE(results_->Wrong().empty());
  }
}

TEST_P(PartialResultsTest, WhoseResultsFitNobodysIsNamed) {
  for (size_t liar = 0; liar < 3; ++liar) {
    label_.services.clear();
    Make(3, 2);
    for (size_t service = 0; service < 3; ++service) {
      results_->Add(service == liar ? LieOf(service) : ResultOf(service));
      (void)results_->Solve();
    }
    ExpectSecret();
    // The last one was not tried, since the others did.
    const auto wrong = results_->Wrong();
    EXPECT_EQ(wrong, liar == 2 ? std::vector<size_t>() : std::vector<size_t>{liar});
  }
}

TEST_P(PartialResultsTest, OfFiveTwoWhoLieAreNamed) {
  Make(5, 3);
  for (size_t service = 0; service < 5; ++service) {
    results_->Add(service < 2 ? LieOf(service) : ResultOf(service));
    EXPECT_EQ(results_->Solve(), service == 4);
  }
  ExpectSecret();
  EXPECT_EQ(results_->Wrong(), (std::vector<size_t>{0, 1}));
}

TEST_P(PartialResultsTest, WhoGivesAnotherMemberHalfIsNamed) {
  Make(3, 2);
  PartialResult other = ResultOf(0);
  other.half = std::make_shared<const MemberHalf>(MemberHalf{GenerateHalf(GetParam())});
  results_->Add(std::move(other));
  results_->Add(ResultOf(1));
  EXPECT_TRUE(results_->Solve());
  ExpectSecret();
  EXPECT_EQ(results_->Wrong(), std::vector<size_t>{0});
}

TEST_P(PartialResultsTest, WhereAllAreNeededALieIsNoticedAndNobodyNamed) {
  Make(3, 3);
  for (size_t service = 0; service < 3; ++service) {
    results_->Add(service == 1 ? LieOf(service) : ResultOf(service));
  }
  EXPECT_FALSE(results_->Solve());
  EXPECT_TRUE(results_->IsQuorum());
  EXPECT_TRUE(results_->Wrong().empty());
}

TEST_P(PartialResultsTest, PartsThatAreAbsentOrNoPointsDoNotFit) {
  Make(3, 2);
  PartialResult absent = ResultOf(0), none = ResultOf(1);
  absent.parts.clear();
  for (auto& [quorum, part] : none.parts) part = Bytes(32, 0xff);
  results_->Add(std::move(absent));
  results_->Add(std::move(none));
  EXPECT_FALSE(results_->Solve());
  EXPECT_FALSE(results_->why().empty());
  results_->Add(ResultOf(2));
  EXPECT_FALSE(results_->Solve());
}

TEST_P(PartialResultsTest, AHalfThatIsKnownIsTheOneThatIsUsed) {
  Make(2, 2);
  results_->UseHalf(std::make_shared<const MemberHalf>(MemberHalf{GenerateHalf(GetParam())}));
  results_->Add(ResultOf(0));
  results_->Add(ResultOf(1));
  EXPECT_FALSE(results_->Solve());
}

}  // namespace
}  // namespace recrypt
