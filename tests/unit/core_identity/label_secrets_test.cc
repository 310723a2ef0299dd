#include <gtest/gtest.h>

#include "core/identity/service_halves.h"
#include "core/udf/udf.h"
#include "tests/unit/core_identity/signed_objects.h"

namespace recrypt {
namespace {

class LabelSecretsTest : public testing::TestWithParam<Curve> {
 protected:
  PrivateKey device_ = PrivateKey::Generate(GetParam());
  PrivateKey master_ = PrivateKey::Generate(Curve::kEd25519);
  PrivateKey key_ = PrivateKey::Generate(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Curves, LabelSecretsTest, testing::Values(Curve::kX25519, Curve::kP256));

TEST_P(LabelSecretsTest, OpenForTheDeviceThatTheyAreSealedTo) {
  LabelSecrets secrets{Label("Accounting#example.com"), master_, {}};
  secrets.keys.push_back({1, PrivateKey::Generate(Curve::kX25519)});
  secrets.keys.push_back({2, key_});
  const Json jwe = SealLabelSecrets(secrets, device_.public_key()).value();
  auto opened = OpenLabelSecrets(jwe, device_);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->label, secrets.label);
  EXPECT_EQ(opened->master.public_key(), master_.public_key());
  ASSERT_EQ(opened->keys.size(), 2u);
  EXPECT_EQ(opened->keys[1].epoch, 2u);
  EXPECT_TRUE(opened->keys[1].key.RevealBytes().Equals(key_.RevealBytes()));
}

TEST_P(LabelSecretsTest, StayClosedForAnotherDevice) {
  LabelSecrets secrets{Label("Accounting#example.com"), master_, {}};
  secrets.keys.push_back({1, key_});
  const Json jwe = SealLabelSecrets(secrets, device_.public_key()).value();
  EXPECT_FALSE(OpenLabelSecrets(jwe, PrivateKey::Generate(GetParam())));
}

TEST_P(LabelSecretsTest, AHalfOpensForWhatItIsSealedFor) {
  const SealedHalf about{KeyUdf(master_.public_key()), KeyUdf(key_.public_key()), "A#example.com"};
  const PrivateKey half = PrivateKey::Generate(GetParam());
  const Json jwe = SealHalf(about, half, device_.public_key()).value();
  auto opened = OpenHalf(jwe, device_, about, GetParam());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(opened->RevealBytes().Equals(half.RevealBytes()));
}

TEST_P(LabelSecretsTest, AHalfIsRefusedForAnotherDeviceKeyOrLabel) {
  const SealedHalf about{KeyUdf(master_.public_key()), KeyUdf(key_.public_key()), "A#example.com"};
  const Json jwe = SealHalf(about, PrivateKey::Generate(GetParam()), device_.public_key()).value();
  SealedHalf other = about;
  other.device = about.key;
  EXPECT_EQ(OpenHalf(jwe, device_, other, GetParam()).error().code, ErrorCode::kDenied);
  other = about;
  other.key = about.device;
  EXPECT_EQ(OpenHalf(jwe, device_, other, GetParam()).error().code, ErrorCode::kDenied);
  other = about;
  other.label = "B#example.com";
  auto refused = OpenHalf(jwe, device_, other, GetParam());
  EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
  EXPECT_NE(refused.error().message.find("A#example.com"), std::string::npos);
  EXPECT_NE(refused.error().message.find("B#example.com"), std::string::npos);
}

TEST_P(LabelSecretsTest, HalvesOfSeveralQuorumsOpenForWhatTheyAreSealedFor) {
  const SealedHalf about{KeyUdf(master_.public_key()), KeyUdf(key_.public_key()), "A#example.com"};
  ServiceHalves halves;
  halves.emplace("a.test+b.test", PrivateKey::Generate(GetParam()));
  halves.emplace("b.test+c.test", PrivateKey::Generate(GetParam()));
  const Json jwe = SealServiceHalves(about, halves, device_.public_key()).value();
  auto opened = OpenServiceHalves(jwe, device_, about, GetParam());
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_EQ(opened->size(), 2u);
  for (const auto& [quorum, half] : halves) {
    EXPECT_EQ(opened->at(quorum).public_key(), half.public_key());
  }
  SealedHalf other = about;
  other.label = "B#example.com";
  EXPECT_EQ(OpenServiceHalves(jwe, device_, other, GetParam()).error().code, ErrorCode::kDenied);
  EXPECT_FALSE(OpenHalf(jwe, device_, about, GetParam()));
}

TEST_P(LabelSecretsTest, TheHalfOfAServiceThatGrantsAloneIsWrittenAsItAlwaysWas) {
  const SealedHalf about{KeyUdf(master_.public_key()), KeyUdf(key_.public_key()), "A#example.com"};
  ServiceHalves alone;
  alone.emplace(kAlone, PrivateKey::Generate(GetParam()));
  const Json jwe = SealServiceHalves(about, alone, device_.public_key()).value();
  EXPECT_EQ(OpenHalf(jwe, device_, about, GetParam())->public_key(),
            alone.begin()->second.public_key());
  EXPECT_EQ(OpenServiceHalves(jwe, device_, about, GetParam())->count(std::string(kAlone)), 1u);
}

TEST_P(LabelSecretsTest, TooManyHalvesNoneAndThoseOfAnotherCurveAreRefused) {
  const SealedHalf about{KeyUdf(master_.public_key()), KeyUdf(key_.public_key()), "A#example.com"};
  ServiceHalves halves;
  for (int i = 0; i < 7; ++i) {
    halves.emplace("a+" + std::to_string(i), PrivateKey::Generate(GetParam()));
  }
  const Json many = SealServiceHalves(about, halves, device_.public_key()).value();
  EXPECT_FALSE(OpenServiceHalves(many, device_, about, GetParam()));
  const Json none = SealServiceHalves(about, {}, device_.public_key()).value();
  EXPECT_FALSE(OpenServiceHalves(none, device_, about, GetParam()));
}

TEST(LabelSecrets, AreNotSealedToAKeyOfLowOrder) {
  const PublicKey zero = PublicKey::FromBytes(Curve::kX25519, Bytes(32, 0)).value();
  const PrivateKey half = PrivateKey::Generate(Curve::kX25519);
  EXPECT_EQ(SealHalf({"device", "key", "label"}, half, zero).error().code, ErrorCode::kInvalid);
}

TEST_P(LabelSecretsTest, AFlippedBitIsDamage) {
  const SealedHalf about{KeyUdf(master_.public_key()), KeyUdf(key_.public_key()), "A#example.com"};
  Json jwe = SealHalf(about, PrivateKey::Generate(GetParam()), device_.public_key()).value();
  std::string& text = jwe["ciphertext"].get_ref<std::string&>();
  text[0] = text[0] == 'A' ? 'B' : 'A';
  EXPECT_EQ(OpenHalf(jwe, device_, about, GetParam()).error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace recrypt
