// JOSE texts of any kind are read or refused; what ParseJwe reads, FormatJwe writes so that it
// reads as the same.
#include <cstdint>
#include <cstdlib>

#include "core/jose/jwe.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

const Json& OctKey() {
  static const Json key = ParseJson(R"({"kty":"oct","k":"GawgguFyGrWKav7AX4VKUg"})").value();
  return key;
}

const Json& AgreementKey() {
  static const Json key = ParseJson(R"({"kty":"OKP","crv":"X25519",
      "d":"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo",
      "x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"})")
                              .value();
  return key;
}

void TryKeys(const Json& value) {
  if (const auto key = PublicKeyFromJwk(value)) {
    Check(PublicKeyFromJwk(ToJwk(*key)).value() == *key);
  }
  (void)JwkThumbprint(value);
  (void)PeekJws(value);
  static const PublicKey signer = PrivateKey::Generate(Curve::kEd25519).public_key();
  Check(!VerifyJws(value, signer));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)DecryptJweAny(text, OctKey());
  (void)DecryptJweAny(text, AgreementKey());
  const auto value = ParseJson(text);
  if (!value) return 0;
  TryKeys(*value);
  const auto parts = ParseJwe(*value);
  if (!parts) return 0;
  Check(!parts->recipients.empty() && parts->recipients.size() <= kMaxJweRecipients);
  const Json written = FormatJwe(*parts);
  const auto again = ParseJwe(written);
  Check(again && FormatJwe(*again) == written);
  return 0;
}
