#include "core/jcd/bound_header.h"

#include <algorithm>

#include "core/jcd/check.h"
#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

class BoundHeader : public testing::TestWithParam<Curve> {
 protected:
  static std::vector<Label> OneLabel(Curve curve) {
    std::vector<Label> labels;
    labels.emplace_back("A#example.com", curve);
    return labels;
  }
  SealedHeader Seal(bool bound = true) {
    HeaderSpec spec = world_.Spec();
    spec.bound = bound;
    return Must(SealHeader(spec, World::MakeWrapper(uid_, World::NewKeys())));
  }
  static Json ObjectOf(const SealedHeader& sealed) {
    const std::string_view text = AsText(ByteSpan(sealed.region).subspan(1, kSlot0 - 1));
    return ParseJson(text.substr(0, text.find_last_not_of(' ') + 1)).value();
  }
  std::string kid() { return KeyUdf(world_.label().key.public_key()); }
  BoundTo To() { return {uid_, "A#example.com", kid_}; }

  World world_{OneLabel(GetParam())};
  const DocumentId uid_ = RandomArray<16>();
  const std::string kid_ = kid();
};

TEST_P(BoundHeader, ProvesWhichDocumentItIsOf) {
  const SealedHeader sealed = Seal();
  const Header header = Must(ParseHeader(sealed.region));
  EXPECT_EQ(header.digest, sealed.header.digest);
  EXPECT_TRUE(OpenHeader(header, world_.Secrets(header)));
  EXPECT_TRUE(CheckBoundHeader(header));
  const PublicKey ephemeral = Must(EphemeralFor(header, kid_));
  const auto proof = ProofOf(header, ephemeral);
  ASSERT_TRUE(proof);
  EXPECT_TRUE(CheckProof(*proof, ephemeral, To()));
}

TEST_P(BoundHeader, ProvesNothingElse) {
  const Header header = Seal().header;
  const PublicKey ephemeral = Must(EphemeralFor(header, kid_));
  const BindingProof proof = *ProofOf(header, ephemeral);
  const auto refused = [&](const BindingProof& shown, const BoundTo& to) {
    const Status checked = CheckProof(shown, ephemeral, to);
    return !checked && checked.error().code == ErrorCode::kInvalid;
  };
  EXPECT_TRUE(refused(proof, {RandomArray<16>(), "A#example.com", kid_}));
  EXPECT_TRUE(refused(proof, {uid_, "B#example.com", kid_}));
  EXPECT_TRUE(refused(proof, {uid_, "A#example.com", kid_.substr(1)}));
  EXPECT_TRUE(refused(proof, {uid_, "A#example.com", ""}));
  BindingProof other = proof;
  other.text.replace(other.text.find("A#example.com"), 1, "B");
  EXPECT_TRUE(refused(other, {uid_, "B#example.com", kid_}));
  for (const std::string text : {"", "jcd/1\n1\n", "jcd/2\n1\n\n\n\n\n"}) {
    EXPECT_TRUE(refused({text, proof.binding}, To()));
  }
  // The same document's next header has other ephemerals.
  const Header next = Seal().header;
  EXPECT_TRUE(refused(*ProofOf(next, Must(EphemeralFor(next, kid_))), To()));
}

TEST_P(BoundHeader, IsAskedForAndNotThereOtherwise) {
  const Header header = Seal(false).header;
  EXPECT_TRUE(header.bindings.empty());
  EXPECT_FALSE(ProofOf(header, Must(EphemeralFor(header, kid_))));
  EXPECT_TRUE(CheckBoundHeader(header));
}

TEST_P(BoundHeader, IsRefusedWhenItsBindingIsNone) {
  const SealedHeader sealed = Seal();
  const auto refused = [&](auto spoil) {
    Json changed = ObjectOf(sealed);
    spoil(changed["bound"]);
    const auto header = ParseHeaderObject(changed);
    const bool holds = header && CheckBoundHeader(*header);
    return !holds;
  };
  EXPECT_FALSE(refused([](Json&) {}));
  EXPECT_TRUE(refused([](Json& bound) { bound = Json::array(); }));
  EXPECT_TRUE(refused([](Json& bound) { bound = 1; }));
  EXPECT_TRUE(refused([](Json& bound) { bound.push_back(bound[0]); }));
  EXPECT_TRUE(refused([](Json& bound) { bound[0].erase("sig"); }));
  EXPECT_TRUE(refused([](Json& bound) { bound[0]["more"] = 1; }));
  EXPECT_TRUE(refused([](Json& bound) { bound[0]["key"] = "AAAA"; }));
  EXPECT_TRUE(refused([](Json& bound) { bound[0]["sig"] = Base64UrlEncode(Bytes(64)); }));
}

TEST_P(BoundHeader, IsFoundByACheckWhenItsBindingIsNone) {
  const SealedHeader sealed = Seal();
  Json changed = ObjectOf(sealed);
  const Header whole = Must(ParseHeaderObject(changed));
  changed["bound"][0]["sig"] = Base64UrlEncode(Bytes(64));
  const Header spoilt = Must(ParseHeaderObject(changed));
  MemoryFile file;
  for (const Header* header : {&whole, &spoilt}) {
    CheckReport report;
    (void)CheckState(file, *header, nullptr, report);
    const bool told =
        std::any_of(report.findings.begin(), report.findings.end(), [](const Finding& finding) {
          return finding.part == Part::kHeader && finding.harm == Harm::kDamage;
        });
    EXPECT_EQ(told, header == &spoilt);
  }
}

INSTANTIATE_TEST_SUITE_P(Curves, BoundHeader, testing::Values(Curve::kX25519, Curve::kP256),
                         [](const auto& info) {
                           return info.param == Curve::kP256 ? "P256" : "X25519";
                         });

TEST(BoundHeaders, OfBothCurvesBindBothEphemerals) {
  std::vector<Label> labels;
  labels.emplace_back("A#example.com");
  labels.emplace_back("B#example.com", Curve::kP256);
  World world(std::move(labels), "A#example.com + B#example.com");
  HeaderSpec spec = world.Spec();
  spec.bound = true;
  const SealedHeader sealed =
      Must(SealHeader(spec, World::MakeWrapper(RandomArray<16>(), World::NewKeys())));
  const Header header = Must(ParseHeader(sealed.region));
  EXPECT_EQ(header.bindings.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const std::string kid = KeyUdf(world.label(i).key.public_key());
    const PublicKey ephemeral = Must(EphemeralFor(header, kid));
    const auto proof = ProofOf(header, ephemeral);
    ASSERT_TRUE(proof);
    EXPECT_TRUE(CheckProof(*proof, ephemeral, {header.uid, world.label(i).name.text(), kid}));
  }
}

TEST(BoundHeaders, HoldEightAlternatives) {
  std::vector<Label> labels;
  std::string expression;
  for (const char name : {'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'}) {
    labels.emplace_back(std::string(1, name) + "#example.com");
    expression += (expression.empty() ? "" : " | ") + labels.back().name.text();
  }
  World world(std::move(labels), expression);
  HeaderSpec spec = world.Spec();
  spec.bound = true;
  EXPECT_TRUE(SealHeader(spec, World::MakeWrapper(RandomArray<16>(), World::NewKeys({1, 2}))));
}

}  // namespace
}  // namespace recrypt
