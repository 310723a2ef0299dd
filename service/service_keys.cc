#include "service/service_keys.h"

#include "core/jose/jwk.h"
#include "core/udf/udf.h"
#include "service/state_files.h"

namespace recrypt {
namespace {

constexpr int64_t kProfileLifeSeconds = int64_t{2} * 366 * 86400;

struct KeyPair {
  PrivateKey sign;
  PrivateKey encrypt;
};

Result<KeyPair> CreateKeys(const std::string& path) {
  KeyPair keys{PrivateKey::Generate(Curve::kEd25519), PrivateKey::Generate(Curve::kX25519)};
  std::string text =
      DumpJson({{"sign", ToPrivateJwk(keys.sign)}, {"encrypt", ToPrivateJwk(keys.encrypt)}});
  const Secret content = Secret::TakeFrom(text);
  RECRYPT_TRY(WriteStateFile(path, content.Reveal(), 0600));
  return keys;
}

Result<KeyPair> ParseKeys(const Secret& content) {
  RECRYPT_ASSIGN(const Json json, ParseJson(AsText(content.Reveal())));
  RECRYPT_ASSIGN(const Json* sign, GetObject(json, "sign"));
  RECRYPT_ASSIGN(const Json* encrypt, GetObject(json, "encrypt"));
  RECRYPT_ASSIGN(PrivateKey sign_key, PrivateKeyFromJwk(*sign));
  RECRYPT_ASSIGN(PrivateKey encrypt_key, PrivateKeyFromJwk(*encrypt));
  return KeyPair{std::move(sign_key), std::move(encrypt_key)};
}

Result<KeyPair> LoadOrCreateKeys(const std::string& path) {
  auto content = ReadSecretStateFile(path);
  if (!content && content.error().code == ErrorCode::kNotFound) return CreateKeys(path);
  if (!content) return Fail(content.error());
  auto keys = ParseKeys(*content);
  if (!keys) return Fail(keys.error(), "reading " + path);
  return keys;
}

Result<Json> SignNewProfile(const std::string& path, const std::string& domain, const KeyPair& keys,
                            uint64_t version, int64_t now) {
  const ServiceProfile profile{{version, now, now + kProfileLifeSeconds},
                               domain,
                               keys.sign.public_key(),
                               keys.encrypt.public_key()};
  Json jws = SignServiceProfile(profile, keys.sign);
  RECRYPT_TRY(WriteStateFile(path, AsBytes(DumpJson(jws)), 0644));
  return jws;
}

Result<Json> LoadOrSignProfile(const std::string& path, const std::string& domain,
                               const KeyPair& keys, int64_t now) {
  auto content = ReadStateFile(path);
  if (!content && content.error().code == ErrorCode::kNotFound) {
    return SignNewProfile(path, domain, keys, 1, now);
  }
  if (!content) return Fail(content.error());
  RECRYPT_ASSIGN(Json jws, ParseJson(AsText(content->Reveal())));
  const auto profile = VerifyServiceProfile(jws);
  if (!profile) return Fail(profile.error(), "reading " + path);
  if (profile->domain != domain) {
    return Fail(ErrorCode::kInvalid, "this state directory serves " + profile->domain);
  }
  const bool ours =
      profile->sign == keys.sign.public_key() && profile->encrypt == keys.encrypt.public_key();
  if (ours && profile->version.expires - now > kProfileLifeSeconds / 2) return jws;
  return SignNewProfile(path, domain, keys, profile->version.version + 1, now);
}

}  // namespace

Result<ServiceKeys> LoadOrCreateServiceKeys(const std::string& state, const std::string& domain,
                                            const Clock& clock) {
  RECRYPT_ASSIGN(KeyPair keys, LoadOrCreateKeys(state + "/service.key"));
  RECRYPT_ASSIGN(Json profile,
                 LoadOrSignProfile(state + "/service.profile", domain, keys, clock.NowSeconds()));
  std::string udf = KeyUdf(keys.sign.public_key());
  return ServiceKeys{std::move(keys.sign), std::move(keys.encrypt), std::move(profile),
                     std::move(udf)};
}

Result<ServiceProfile> ReadServiceProfile(const std::string& state) {
  const std::string path = state + "/service.profile";
  RECRYPT_ASSIGN(const Secret content, ReadStateFile(path));
  RECRYPT_ASSIGN(const Json jws, ParseJson(AsText(content.Reveal())));
  auto profile = VerifyServiceProfile(jws);
  if (!profile) return Fail(profile.error(), "reading " + path);
  return profile;
}

}  // namespace recrypt
