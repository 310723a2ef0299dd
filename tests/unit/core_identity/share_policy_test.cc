#include <gtest/gtest.h>

#include "core/udf/udf.h"
#include "tests/unit/core_identity/signed_objects.h"

namespace recrypt {
namespace {

class SharePolicyTest : public testing::Test {
 protected:
  SharePolicy Policy() const {
    return SharePolicy{Version(2),
                       Bytes(16, 7),
                       {Account("alice@example.com"), KeyUdf(owner_.public_key())},
                       {{"Accounting", Expression("Accounting#example.com")},
                        {"Accounting/2026/q1", Expression("A#x.com + B#y.com")}}};
  }

  PrivateKey owner_ = PrivateKey::Generate(Curve::kEd25519);
};

TEST_F(SharePolicyTest, ComesBackAsItWasSigned) {
  const Json jws = SignSharePolicy(Policy(), owner_);
  auto policy = VerifySharePolicy(jws, owner_.public_key());
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->version.version, 2u);
  EXPECT_EQ(policy->share, Bytes(16, 7));
  EXPECT_EQ(policy->owner, Policy().owner);
  ASSERT_EQ(policy->paths.size(), 2u);
  EXPECT_EQ(policy->paths[1].path, "Accounting/2026/q1");
  EXPECT_EQ(policy->paths[1].label, Expression("A#x.com + B#y.com"));
  EXPECT_EQ(PeekSharePolicyOwner(jws).value(), Policy().owner);
}

TEST_F(SharePolicyTest, TheNearestLabelledAncestorRules) {
  SharePolicy policy = Policy();
  EXPECT_EQ(policy.Find("Accounting")->text(), "Accounting#example.com");
  EXPECT_EQ(policy.Find("Accounting/2026/report.odt")->text(), "Accounting#example.com");
  EXPECT_EQ(policy.Find("Accounting/2026/q1/report.odt")->text(), "A#x.com + B#y.com");
  EXPECT_EQ(policy.Find("Accounting2/report.odt"), nullptr);
  EXPECT_EQ(policy.Find(""), nullptr);
  policy.paths.push_back({"", Expression("Everybody#x.com")});
  EXPECT_EQ(policy.Find("Accounting2/report.odt")->text(), "Everybody#x.com");
  EXPECT_EQ(policy.Find("")->text(), "Everybody#x.com");
  EXPECT_EQ(policy.Find("Accounting/2026/q1/report.odt")->text(), "A#x.com + B#y.com");
}

TEST_F(SharePolicyTest, RefusesAnotherOwnersSignature) {
  const PrivateKey mallory = PrivateKey::Generate(Curve::kEd25519);
  const Json jws = SignSharePolicy(Policy(), mallory);
  EXPECT_EQ(VerifySharePolicy(jws, owner_.public_key()).error().code, ErrorCode::kDenied);
  auto refused = VerifySharePolicy(jws, mallory.public_key());
  EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
  EXPECT_NE(refused.error().message.find(KeyUdf(owner_.public_key())), std::string::npos);
  EXPECT_NE(refused.error().message.find(KeyUdf(mallory.public_key())), std::string::npos);
}

TEST_F(SharePolicyTest, RefusesPathsThatAreNotRelative) {
  for (const char* path : {"/a", "a/", "a//b", ".", "..", "a/../b", "a/."}) {
    SharePolicy policy = Policy();
    policy.paths[0].path = path;
    const Json jws = SignSharePolicy(policy, owner_);
    EXPECT_EQ(VerifySharePolicy(jws, owner_.public_key()).error().code, ErrorCode::kInvalid)
        << path;
  }
}

TEST_F(SharePolicyTest, RefusesWhatIsOutOfBounds) {
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& p) { p["share"] = "AAAA"; },
      [](Json& p) { p["paths"].push_back(p["paths"][0]); },
      [](Json& p) { p["paths"][0]["label"] = "A#x.com+B#y.com"; },
      [](Json& p) { p["paths"][0]["label"] = ""; },
      [](Json& p) { p["type"] = "profile"; },
  };
  const Json good = SignSharePolicy(Policy(), owner_);
  for (size_t i = 0; i < changes.size(); ++i) {
    auto policy = VerifySharePolicy(Resigned(good, owner_, changes[i]), owner_.public_key());
    ASSERT_FALSE(policy) << "change " << i;
    EXPECT_EQ(policy.error().code, ErrorCode::kInvalid) << "change " << i;
  }
}

}  // namespace
}  // namespace recrypt
