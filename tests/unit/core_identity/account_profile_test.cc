#include <gtest/gtest.h>

#include "core/udf/udf.h"
#include "tests/unit/core_identity/signed_objects.h"

namespace recrypt {
namespace {

class AccountProfileTest : public testing::TestWithParam<Curve> {
 protected:
  Profile Alice() const {
    return Profile{Version(3),
                   Account("alice@example.com"),
                   master_.public_key(),
                   {{"laptop", sign_.public_key(), encrypt_.public_key()}},
                   {{Label("Accounting#example.com"), KeyUdf(sign_.public_key())}}};
  }

  PrivateKey master_ = PrivateKey::Generate(GetParam());
  PrivateKey sign_ = PrivateKey::Generate(GetParam());
  PrivateKey encrypt_ = PrivateKey::Generate(Curve::kX25519);
};

INSTANTIATE_TEST_SUITE_P(Curves, AccountProfileTest,
                         testing::Values(Curve::kEd25519, Curve::kP256));

TEST_P(AccountProfileTest, ComesBackAsItWasSigned) {
  auto profile = VerifyProfile(SignProfile(Alice(), master_));
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->version.version, 3u);
  EXPECT_EQ(profile->version.issued, Version(3).issued);
  EXPECT_EQ(profile->version.expires, Version(3).expires);
  EXPECT_EQ(profile->account, Account("alice@example.com"));
  EXPECT_EQ(profile->Udf(), KeyUdf(master_.public_key()));
  ASSERT_EQ(profile->devices.size(), 1u);
  EXPECT_EQ(profile->devices[0].name, "laptop");
  EXPECT_EQ(profile->devices[0].sign, sign_.public_key());
  EXPECT_EQ(profile->devices[0].encrypt, encrypt_.public_key());
  ASSERT_EQ(profile->labels.size(), 1u);
  EXPECT_EQ(profile->labels[0].label, Label("Accounting#example.com"));
  EXPECT_EQ(profile->labels[0].master_udf, KeyUdf(sign_.public_key()));
}

TEST_P(AccountProfileTest, RefusesASignatureByAnotherKey) {
  auto profile = VerifyProfile(SignProfile(Alice(), PrivateKey::Generate(GetParam())));
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, ErrorCode::kDenied);
  EXPECT_NE(profile.error().message.find(KeyUdf(master_.public_key())), std::string::npos);
}

TEST_P(AccountProfileTest, RefusesAWrongSignature) {
  auto profile = VerifyProfile(WithWrongSignature(SignProfile(Alice(), master_)));
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, ErrorCode::kDenied);
}

TEST_P(AccountProfileTest, RefusesAnotherType) {
  const Json jws = Resigned(SignProfile(Alice(), master_), master_,
                            [](Json& payload) { payload["type"] = "policy"; });
  EXPECT_EQ(VerifyProfile(jws).error().code, ErrorCode::kInvalid);
}

TEST_P(AccountProfileTest, RefusesWhatIsOutOfBounds) {
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& p) { p["version"] = 0; },
      [](Json& p) { p["version"] = uint64_t{1} << 53; },
      [](Json& p) { p["version"] = "1"; },
      [](Json& p) { p["expires"] = p["issued"]; },
      [](Json& p) { p.erase("expires"); },
      [](Json& p) { p["account"] = "alice@EXAMPLE.com"; },
      [](Json& p) { p["account"] = "alice"; },
      [](Json& p) { p["devices"] = Json::array(); },
      [](Json& p) { p["devices"].push_back(p["devices"][0]); },
      [](Json& p) { p["devices"][0]["name"] = ""; },
      [](Json& p) { p["devices"][0]["name"] = "a\nb"; },
      [](Json& p) { p["devices"][0]["name"] = std::string(129, 'x'); },
      [](Json& p) { p["devices"][0]["sign"] = p["devices"][0]["encrypt"]; },
      [](Json& p) { p["labels"].push_back(p["labels"][0]); },
      [](Json& p) { p["labels"][0]["master"] = "mddk"; },
      [](Json& p) { p.erase("labels"); },
  };
  const Json good = SignProfile(Alice(), master_);
  for (size_t i = 0; i < changes.size(); ++i) {
    auto profile = VerifyProfile(Resigned(good, master_, changes[i]));
    ASSERT_FALSE(profile) << "change " << i;
    EXPECT_EQ(profile.error().code, ErrorCode::kInvalid) << "change " << i;
  }
}

TEST_P(AccountProfileTest, IgnoresMembersThatItDoesNotKnow) {
  const Json jws = Resigned(SignProfile(Alice(), master_), master_, [](Json& payload) {
    payload["later"] = {1, 2};
  });
  EXPECT_TRUE(VerifyProfile(jws));
}

TEST(ServiceProfile, ComesBackAsItWasSignedAndByNobodyElse) {
  const PrivateKey sign = PrivateKey::Generate(Curve::kEd25519);
  const PrivateKey encrypt = PrivateKey::Generate(Curve::kX25519);
  const ServiceProfile service{Version(1), "example.com", sign.public_key(), encrypt.public_key()};
  auto back = VerifyServiceProfile(SignServiceProfile(service, sign));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->domain, "example.com");
  EXPECT_EQ(back->Udf(), KeyUdf(sign.public_key()));
  EXPECT_EQ(back->encrypt, encrypt.public_key());

  const PrivateKey other = PrivateKey::Generate(Curve::kEd25519);
  EXPECT_EQ(VerifyServiceProfile(SignServiceProfile(service, other)).error().code,
            ErrorCode::kDenied);
}

TEST(ServiceProfile, RefusesADomainThatIsNone) {
  const PrivateKey sign = PrivateKey::Generate(Curve::kEd25519);
  const PrivateKey encrypt = PrivateKey::Generate(Curve::kX25519);
  for (const char* domain : {"", "Example.com", "a/b", "a@b", "a b"}) {
    const ServiceProfile service{Version(1), domain, sign.public_key(), encrypt.public_key()};
    EXPECT_EQ(VerifyServiceProfile(SignServiceProfile(service, sign)).error().code,
              ErrorCode::kInvalid)
        << domain;
  }
}

}  // namespace
}  // namespace recrypt
