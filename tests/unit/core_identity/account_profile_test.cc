#include <gtest/gtest.h>

#include "core/jose/jwe.h"
#include "core/recryption/recryption.h"
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

TEST_P(AccountProfileTest, KeepsTheKeysOfItsPersonalGroupInOrder) {
  const PrivateKey group = PrivateKey::Generate(Curve::kX25519);
  Profile alice = Alice();
  EXPECT_TRUE(VerifyProfile(SignProfile(alice, master_))->personal.empty());
  std::vector<PrivateKey> keys;
  for (size_t i = 0; i < kMaxPersonalKeys; ++i) {
    keys.push_back(PrivateKey::Generate(GetParam()));
    alice.personal.push_back({keys.back().public_key(),
                              *SealPersonalKey(alice.account, keys.back(), group.public_key())});
  }
  const auto profile = VerifyProfile(SignProfile(alice, master_));
  ASSERT_TRUE(profile) << profile.error().message;
  ASSERT_EQ(profile->personal.size(), keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(profile->personal[i].sign, keys[i].public_key());
  }
  EXPECT_EQ(profile->PersonalGroup().text(), "alice@example.com");
  alice.personal.push_back(alice.personal.front());
  EXPECT_FALSE(VerifyProfile(SignProfile(alice, master_)));
}

TEST_P(AccountProfileTest, APersonalKeyOpensByWhatIsAgreedOnAndForItsAccountAlone) {
  const PrivateKey group = PrivateKey::Generate(Curve::kX25519);
  const PrivateKey key = PrivateKey::Generate(GetParam());
  const Json sealed = *SealPersonalKey(Account("alice@example.com"), key, group.public_key());
  const auto parts = ParseJwe(sealed);
  ASSERT_TRUE(parts);
  std::vector<Secret> agreed;
  agreed.push_back(Secret::Random(32));
  agreed.push_back(*AgreeHalf(group, parts->ephemerals.empty()
                                         ? *parts->recipients.front().ephemeral
                                         : parts->ephemerals.front()));
  const auto open = [&](const char* account, const PublicKey& expected) {
    return OpenPersonalKey(sealed, agreed, Account(account), expected);
  };
  const auto opened = open("alice@example.com", key.public_key());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->public_key(), key.public_key());
  EXPECT_EQ(open("bob@example.com", key.public_key()).error().code, ErrorCode::kDenied);
  EXPECT_EQ(open("alice@example.com", sign_.public_key()).error().code, ErrorCode::kDenied);
  agreed.pop_back();
  EXPECT_EQ(open("alice@example.com", key.public_key()).error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace recrypt
