#include "core/identity/profile.h"
#include "core/identity/signed_object.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

using signed_object::KeyUse;

Result<ServiceProfile> ReadAndVerify(const Json& jws) {
  RECRYPT_ASSIGN(const Json payload, signed_object::Peek(jws, "service"));
  RECRYPT_ASSIGN(const ObjectVersion version, signed_object::ReadVersion(payload));
  RECRYPT_ASSIGN(std::string domain, signed_object::ReadDomain(payload, "domain"));
  RECRYPT_ASSIGN(PublicKey sign, signed_object::ReadKey(payload, "sign", KeyUse::kSign));
  RECRYPT_ASSIGN(PublicKey encrypt, signed_object::ReadKey(payload, "encrypt", KeyUse::kEncrypt));
  RECRYPT_TRY(signed_object::Verify(jws, sign));
  return ServiceProfile{version, std::move(domain), std::move(sign), std::move(encrypt)};
}

}  // namespace

std::string ServiceProfile::Udf() const { return KeyUdf(sign); }

Json SignServiceProfile(const ServiceProfile& profile, const PrivateKey& sign) {
  Json payload = {{"domain", profile.domain},
                  {"sign", ToJwk(profile.sign)},
                  {"encrypt", ToJwk(profile.encrypt)}};
  return signed_object::Sign(std::move(payload), "service", profile.version, sign);
}

Result<ServiceProfile> VerifyServiceProfile(const Json& jws) {
  auto profile = ReadAndVerify(jws);
  if (!profile) return Fail(profile.error(), "service profile");
  return profile;
}

}  // namespace recrypt
