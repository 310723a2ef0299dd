#include "core/identity/credential.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

constexpr int64_t kNow = 1'800'000'000;

Credential Fields(Curve curve, std::string subject = "alice@example.com") {
  return Credential{PrivateKey::Generate(curve).public_key(), true, 7, kNow + 100,
                    std::move(subject)};
}

TEST(Credential, HoldsForItsLabel) {
  for (const Curve master_curve : {Curve::kEd25519, Curve::kP256}) {
    for (const Curve curve : {Curve::kEd25519, Curve::kP256}) {
      const PrivateKey master = PrivateKey::Generate(master_curve);
      const Credential fields = Fields(curve);
      const auto text = IssueCredential(master, fields);
      ASSERT_TRUE(text);
      EXPECT_EQ(text->size(), (curve == Curve::kEd25519 ? 32u : 33u) + 15 + 17 + 64);
      const auto verified = VerifyCredential(*text, master.public_key(), kNow);
      ASSERT_TRUE(verified) << verified.error().message;
      EXPECT_TRUE(verified->device == fields.device);
      EXPECT_EQ(verified->epoch, 7u);
      EXPECT_EQ(verified->expires, static_cast<uint64_t>(kNow + 100));
      EXPECT_EQ(verified->subject, "alice@example.com");
    }
  }
}

TEST(Credential, HoldsForNoOtherLabel) {
  const PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
  const PrivateKey other = PrivateKey::Generate(Curve::kEd25519);
  const auto text = IssueCredential(master, Fields(Curve::kEd25519));
  EXPECT_EQ(VerifyCredential(*text, other.public_key(), kNow).error().code, ErrorCode::kDenied);
}

TEST(Credential, IsRefusedWhenItExpiredOrLetsNobodyWrite) {
  const PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
  Credential fields = Fields(Curve::kEd25519);
  const auto text = IssueCredential(master, fields);
  EXPECT_TRUE(VerifyCredential(*text, master.public_key(), kNow + 100));
  EXPECT_EQ(VerifyCredential(*text, master.public_key(), kNow + 101).error().code,
            ErrorCode::kDenied);
  fields.may_write = false;
  EXPECT_EQ(
      VerifyCredential(*IssueCredential(master, fields), master.public_key(), kNow).error().code,
      ErrorCode::kDenied);
}

TEST(Credential, IsRefusedWithAnyByteFlippedCutOrAdded) {
  const PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
  Bytes text = *IssueCredential(master, Fields(Curve::kP256));
  for (size_t i = 0; i < text.size(); ++i) {
    text[i] ^= 1;
    EXPECT_EQ(VerifyCredential(text, master.public_key(), kNow).error().code, ErrorCode::kDenied);
    text[i] ^= 1;
    EXPECT_FALSE(ParseCredential(ByteSpan(text).first(i)));
  }
  const size_t size = text.size();
  text.push_back(0);
  EXPECT_FALSE(VerifyCredential(text, master.public_key(), kNow));
  EXPECT_EQ(ParseCredential(text)->size, size);
}

TEST(Credential, IsIssuedForWhatFitsOnly) {
  const PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
  EXPECT_FALSE(IssueCredential(master, Fields(Curve::kX25519)));
  EXPECT_FALSE(IssueCredential(master, Fields(Curve::kEd25519, "")));
  EXPECT_FALSE(IssueCredential(master, Fields(Curve::kEd25519, std::string(37, 'a'))));
  EXPECT_TRUE(IssueCredential(master, Fields(Curve::kEd25519, std::string(36, 'a'))));
  EXPECT_FALSE(IssueCredential(PrivateKey::Generate(Curve::kX25519), Fields(Curve::kEd25519)));
}

TEST(Credential, NamesTheProfileWhenTheAccountIsLong) {
  EXPECT_EQ(CredentialSubject("alice@example.com", "MAAA"), "alice@example.com");
  EXPECT_EQ(CredentialSubject(std::string(37, 'a'), "MAAA"), "MAAA");
}

}  // namespace
}  // namespace recrypt
