#include <gtest/gtest.h>

#include "core/identity/service_halves.h"
#include "core/udf/udf.h"
#include "tests/unit/core_identity/signed_objects.h"

namespace recrypt {
namespace {

class LabelProfileTest : public testing::Test {
 protected:
  LabelProfile Accounting() const {
    const Principal alice{Account("alice@example.com"), KeyUdf(owner_.public_key())};
    return LabelProfile{Version(7),
                        Label("Accounting#example.com"),
                        master_.public_key(),
                        alice,
                        {alice},
                        3,
                        key_.public_key(),
                        {{1, old_.public_key()}, {2, older_.public_key()}},
                        {{"example.com", KeyUdf(service_.public_key())}},
                        {60, Writers::kAnyone}};
  }

  PrivateKey owner_ = PrivateKey::Generate(Curve::kEd25519);
  PrivateKey service_ = PrivateKey::Generate(Curve::kEd25519);
  PrivateKey master_ = PrivateKey::Generate(Curve::kEd25519);
  PrivateKey key_ = PrivateKey::Generate(Curve::kX25519);
  PrivateKey old_ = PrivateKey::Generate(Curve::kX25519);
  PrivateKey older_ = PrivateKey::Generate(Curve::kP256);
};

TEST_F(LabelProfileTest, ComesBackAsItWasSigned) {
  auto profile = VerifyLabelProfile(SignLabelProfile(Accounting(), master_));
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->version.version, 7u);
  EXPECT_EQ(profile->label, Label("Accounting#example.com"));
  EXPECT_EQ(profile->Udf(), KeyUdf(master_.public_key()));
  EXPECT_EQ(profile->owner, Accounting().owner);
  EXPECT_EQ(profile->administrators, Accounting().administrators);
  EXPECT_EQ(profile->epoch, 3u);
  EXPECT_EQ(profile->key, key_.public_key());
  ASSERT_EQ(profile->archived.size(), 2u);
  EXPECT_EQ(profile->archived[1].epoch, 2u);
  EXPECT_EQ(profile->archived[1].key, older_.public_key());
  ASSERT_EQ(profile->services.size(), 1u);
  EXPECT_EQ(profile->services[0].domain, "example.com");
  EXPECT_EQ(profile->policy.lease_seconds, 60u);
  EXPECT_EQ(profile->policy.writers, Writers::kAnyone);
}

TEST_F(LabelProfileTest, KnowsItsCurrentAndArchivedKeysOnly) {
  const LabelProfile profile = Accounting();
  EXPECT_TRUE(profile.HasKey(KeyUdf(key_.public_key())));
  EXPECT_TRUE(profile.HasKey(KeyUdf(old_.public_key())));
  EXPECT_FALSE(profile.HasKey(KeyUdf(master_.public_key())));
  EXPECT_FALSE(profile.HasKey(""));
}

TEST_F(LabelProfileTest, NamesTheNextKeyWhileARotationIsUnderWay) {
  const PrivateKey next = PrivateKey::Generate(Curve::kX25519);
  LabelProfile profile = Accounting();
  profile.next = LabelProfile::EpochKey{5, next.public_key()};
  auto read = VerifyLabelProfile(SignLabelProfile(profile, master_));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(read->next);
  EXPECT_EQ(read->next->key, next.public_key());
  EXPECT_EQ(read->EpochOf(KeyUdf(next.public_key())), 5u);
  EXPECT_EQ(read->epoch, 3u);
  EXPECT_EQ(read->Keys().size(), 4u);
  const Json good = SignLabelProfile(profile, master_);
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& p) { p["next"]["epoch"] = 3; },
      [](Json& p) { p["next"]["epoch"] = uint64_t{1} << 32; },
      [](Json& p) { p["next"]["key"] = p["key"]; },
      [](Json& p) { p["next"]["key"] = p["archived"][0]["key"]; },
      [](Json& p) { p["next"]["key"] = p["master"]; },
      [](Json& p) { p["next"] = "soon"; },
      [](Json& p) { p["next"].erase("key"); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    auto refused = VerifyLabelProfile(Resigned(good, master_, changes[i]));
    ASSERT_FALSE(refused) << "change " << i;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid) << "change " << i;
  }
}

TEST_F(LabelProfileTest, OverSeveralServicesSaysHowManyOfThemGrantTogether) {
  LabelProfile profile = Accounting();
  EXPECT_EQ(VerifyLabelProfile(SignLabelProfile(profile, master_))->threshold, 1u);
  profile.services.push_back({"example.net", KeyUdf(owner_.public_key())});
  profile.services.push_back({"example.org", KeyUdf(owner_.public_key())});
  profile.threshold = 2;
  const Json good = SignLabelProfile(profile, master_);
  EXPECT_EQ(VerifyLabelProfile(good)->threshold, 2u);
  EXPECT_EQ(QuorumsOf(profile).NamesFor("example.net"),
            (std::vector<std::string>{"example.com+example.net", "example.net+example.org"}));
  // Without it each grants alone.
  const auto absent = Resigned(good, master_, [](Json& p) { p.erase("threshold"); });
  EXPECT_EQ(VerifyLabelProfile(absent)->threshold, 1u);
  const auto add = [](Json& p, int services) {
    while (p["services"].size() < static_cast<size_t>(services)) {
      Json one = p["services"][0];
      one["domain"] = "s" + std::to_string(p["services"].size()) + ".example.com";
      p["services"].push_back(one);
    }
  };
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& p) { p["threshold"] = 0; },   [](Json& p) { p["threshold"] = 4; },
      [](Json& p) { p["threshold"] = "2"; }, [](Json& p) { p["threshold"] = -1; },
      [&](Json& p) { add(p, 6); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    auto refused = VerifyLabelProfile(Resigned(good, master_, changes[i]));
    ASSERT_FALSE(refused) << "change " << i;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid) << "change " << i;
  }
}

TEST_F(LabelProfileTest, OverOneServiceIsWrittenAsItAlwaysWas) {
  const Json jws = SignLabelProfile(Accounting(), master_);
  const Json payload = ParseJson(PeekJws(jws).value().payload).value();
  EXPECT_FALSE(payload.contains("threshold"));
}

TEST_F(LabelProfileTest, RefusesASignatureByAnotherKey) {
  EXPECT_EQ(VerifyLabelProfile(SignLabelProfile(Accounting(), owner_)).error().code,
            ErrorCode::kDenied);
  EXPECT_EQ(
      VerifyLabelProfile(WithWrongSignature(SignLabelProfile(Accounting(), master_))).error().code,
      ErrorCode::kDenied);
}

TEST_F(LabelProfileTest, RefusesWhatIsOutOfBounds) {
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& p) { p["label"] = "Accounting"; },
      [](Json& p) { p["label"] = "Accounting#EXAMPLE.com"; },
      [](Json& p) { p["epoch"] = 0; },
      [](Json& p) { p["epoch"] = 2; },
      [](Json& p) { p["epoch"] = uint64_t{1} << 32; },
      [](Json& p) { p["archived"][1]["epoch"] = 1; },
      [](Json& p) { p["archived"][0]["key"] = p["key"]; },
      [](Json& p) { p["key"] = p["master"]; },
      [](Json& p) { p["services"] = Json::array(); },
      [](Json& p) { p["services"].push_back(p["services"][0]); },
      [](Json& p) { p["administrators"] = Json::array(); },
      [](Json& p) { p["owner"]["udf"] = "nothing"; },
      [](Json& p) { p["policy"]["lease"] = 0; },
      [](Json& p) { p["policy"]["lease"] = 86401; },
      [](Json& p) { p["policy"]["writers"] = "nobody"; },
      [](Json& p) { p.erase("policy"); },
  };
  const Json good = SignLabelProfile(Accounting(), master_);
  for (size_t i = 0; i < changes.size(); ++i) {
    auto profile = VerifyLabelProfile(Resigned(good, master_, changes[i]));
    ASSERT_FALSE(profile) << "change " << i;
    EXPECT_EQ(profile.error().code, ErrorCode::kInvalid) << "change " << i;
  }
}

}  // namespace
}  // namespace recrypt
