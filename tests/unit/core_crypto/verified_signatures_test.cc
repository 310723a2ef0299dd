#include "core/crypto/verified_signatures.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

// Both curves that sign, each time with keys that nobody has seen before.
class VerifiedSignatures : public testing::TestWithParam<Curve> {
 protected:
  PrivateKey key_ = PrivateKey::Generate(GetParam());
  Bytes message_ = ToBytes(AsBytes("a message"));
};

TEST_P(VerifiedSignatures, WhatVerifiedVerifiesAgain) {
  const Bytes signature = key_.Sign(message_).value();
  EXPECT_TRUE(VerifyRemembered(key_.public_key(), message_, signature));
  EXPECT_TRUE(VerifyRemembered(key_.public_key(), message_, signature));
}

TEST_P(VerifiedSignatures, WhatWasSignedHereIsAnOrdinarySignature) {
  const Bytes signature = SignRemembered(key_, message_).value();
  EXPECT_TRUE(VerifyRemembered(key_.public_key(), message_, signature));
  EXPECT_TRUE(key_.public_key().Verify(message_, signature));
}

TEST_P(VerifiedSignatures, NothingElseVerifiesBecauseOfWhatIsRemembered) {
  const Bytes signature = SignRemembered(key_, message_).value();
  const PrivateKey other = PrivateKey::Generate(GetParam());
  EXPECT_FALSE(VerifyRemembered(other.public_key(), message_, signature));
  for (size_t i = 0; i < signature.size(); ++i) {
    Bytes changed = signature;
    changed[i] ^= 1;
    EXPECT_FALSE(VerifyRemembered(key_.public_key(), message_, changed)) << i;
  }
  for (size_t i = 0; i < message_.size(); ++i) {
    Bytes changed = message_;
    changed[i] ^= 1;
    EXPECT_FALSE(VerifyRemembered(key_.public_key(), changed, signature)) << i;
  }
}

// The same bytes in a row, cut elsewhere between signature and message.
TEST_P(VerifiedSignatures, ASignatureOfAnotherLengthDoesNotVerify) {
  const Bytes signature = SignRemembered(key_, message_).value();
  Bytes longer = signature;
  longer.push_back(message_.front());
  EXPECT_FALSE(VerifyRemembered(key_.public_key(), ByteSpan(message_).subspan(1), longer));
  Bytes message(signature.end() - 1, signature.end());
  Append(message, message_);
  EXPECT_FALSE(VerifyRemembered(key_.public_key(), message, ByteSpan(signature).first(63)));
}

TEST_P(VerifiedSignatures, AFailureIsNotRemembered) {
  Bytes signature = key_.Sign(message_).value();
  signature[0] ^= 1;
  EXPECT_FALSE(VerifyRemembered(key_.public_key(), message_, signature));
  EXPECT_FALSE(VerifyRemembered(key_.public_key(), message_, signature));
  signature[0] ^= 1;
  EXPECT_TRUE(VerifyRemembered(key_.public_key(), message_, signature));
}

INSTANTIATE_TEST_SUITE_P(Curves, VerifiedSignatures, testing::Values(Curve::kEd25519, Curve::kP256),
                         [](const auto& info) {
                           return info.param == Curve::kP256 ? "P256" : "Ed25519";
                         });

TEST(SignRemembered, KeysThatOnlyAgreeDoNotSign) {
  EXPECT_FALSE(SignRemembered(PrivateKey::Generate(Curve::kX25519), {}).has_value());
}

}  // namespace
}  // namespace recrypt
