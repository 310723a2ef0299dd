#include "service/service_keys.h"

#include "core/identity/secret_json.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"
#include "service/state_files.h"

namespace recrypt {
namespace {

constexpr int64_t kProfileLifeSeconds = int64_t{2} * 366 * 86400;

// What the key file holds: {"sign":{JWK},"encrypt":{JWK},"earlier":[{JWK},…]}.
struct KeyFile {
  PrivateKey sign;
  PrivateKey encrypt;
  std::vector<PrivateKey> earlier;
};

std::string KeyPath(const std::string& state) { return state + "/service.key"; }

std::string ProfilePath(const std::string& state) { return state + "/service.profile"; }

Status WriteKeys(const std::string& path, const KeyFile& keys) {
  SecretJson object;
  object.value["sign"] = ToPrivateJwk(keys.sign);
  object.value["encrypt"] = ToPrivateJwk(keys.encrypt);
  for (const PrivateKey& key : keys.earlier) object.value["earlier"].push_back(ToPrivateJwk(key));
  std::string text = DumpJson(object.value);
  const Secret content = Secret::TakeFrom(text);
  return WriteStateFile(path, content.Reveal(), 0600);
}

Result<KeyFile> ParseKeys(const Secret& content) {
  RECRYPT_ASSIGN(Json parsed, ParseJson(AsText(content.Reveal())));
  const SecretJson json(std::move(parsed));
  RECRYPT_ASSIGN(PrivateKey sign_key, ReadPrivateKey(json.value, "sign"));
  RECRYPT_ASSIGN(PrivateKey encrypt_key, ReadPrivateKey(json.value, "encrypt"));
  KeyFile keys{std::move(sign_key), std::move(encrypt_key), {}};
  if (FindMember(json.value, "earlier") == nullptr) return keys;
  RECRYPT_ASSIGN(const Json* earlier, GetArray(json.value, "earlier"));
  for (const Json& one : *earlier) {
    RECRYPT_ASSIGN(PrivateKey key, PrivateKeyFromJwk(one));
    keys.earlier.push_back(std::move(key));
  }
  return keys;
}

Result<KeyFile> LoadKeys(const std::string& path) {
  RECRYPT_ASSIGN(const Secret content, ReadSecretStateFile(path));
  auto keys = ParseKeys(content);
  if (!keys) return Fail(keys.error(), "reading " + path);
  return keys;
}

Result<KeyFile> LoadOrCreateKeys(const std::string& path) {
  auto keys = LoadKeys(path);
  if (keys || keys.error().code != ErrorCode::kNotFound) return keys;
  KeyFile made{PrivateKey::Generate(Curve::kEd25519), PrivateKey::Generate(Curve::kX25519), {}};
  RECRYPT_TRY(WriteKeys(path, made));
  return made;
}

Result<Json> SignNewProfile(const std::string& path, const std::string& domain, const KeyFile& keys,
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
                               const KeyFile& keys, int64_t now) {
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
  RECRYPT_ASSIGN(KeyFile keys, LoadOrCreateKeys(KeyPath(state)));
  RECRYPT_ASSIGN(Json profile,
                 LoadOrSignProfile(ProfilePath(state), domain, keys, clock.NowSeconds()));
  std::string udf = KeyUdf(keys.sign.public_key());
  return ServiceKeys{std::move(keys.sign), std::move(keys.encrypt), std::move(keys.earlier),
                     std::move(profile), std::move(udf)};
}

Status AdoptServiceProfile(const std::string& state, Json profile, ServiceKeys& keys) {
  if (profile == keys.profile) return {};
  RECRYPT_TRY(WriteStateFile(ProfilePath(state), AsBytes(DumpJson(profile)), 0644));
  keys.profile = std::move(profile);
  return {};
}

Result<ServiceHalves> OpenServiceHalf(const Json& jwe, const ServiceKeys& keys,
                                      const SealedHalf& expected, Curve curve) {
  auto half = OpenServiceHalves(jwe, keys.encrypt, expected, curve);
  for (auto key = keys.earlier.begin(); !half && key != keys.earlier.end(); ++key) {
    if (auto older = OpenServiceHalves(jwe, *key, expected, curve)) return older;
  }
  return half;
}

Status AddServiceKey(const std::string& state) {
  RECRYPT_ASSIGN(KeyFile keys, LoadKeys(KeyPath(state)));
  keys.earlier.push_back(std::move(keys.encrypt));
  keys.encrypt = PrivateKey::Generate(Curve::kX25519);
  return WriteKeys(KeyPath(state), keys);
}

Status ForgetEarlierKeys(const std::string& state) {
  RECRYPT_ASSIGN(KeyFile keys, LoadKeys(KeyPath(state)));
  keys.earlier.clear();
  return WriteKeys(KeyPath(state), keys);
}

Result<ServiceProfile> ReadServiceProfile(const std::string& state) {
  const std::string path = ProfilePath(state);
  RECRYPT_ASSIGN(const Secret content, ReadStateFile(path));
  RECRYPT_ASSIGN(const Json jws, ParseJson(AsText(content.Reveal())));
  auto profile = VerifyServiceProfile(jws);
  if (!profile) return Fail(profile.error(), "reading " + path);
  return profile;
}

}  // namespace recrypt
