#include "core/identity/service_halves.h"

#include "core/identity/secret_json.h"

namespace recrypt {
namespace {

SecretJson AboutJson(const SealedHalf& about) {
  return SecretJson(Json{{"device", about.device}, {"key", about.key}, {"label", about.label}});
}

Status CheckIsAbout(const Json& object, std::string_view member, std::string_view expected) {
  RECRYPT_ASSIGN(const std::string found, GetString(object, member));
  if (found == expected) return {};
  return Fail(ErrorCode::kDenied, "the sealed half is for " + std::string(member) + " " +
                                      found.substr(0, 256) + ", expected " + std::string(expected));
}

// `with`: the key, or candidates for what was agreed with it.
template <typename Opener>
Status OpenAbout(const Json& jwe, const Opener& with, const SealedHalf& expected,
                 SecretJson& object) {
  if (auto opened = OpenSecretJson(jwe, with, object); !opened) {
    return Fail(opened.error(), "the sealed half");
  }
  RECRYPT_TRY(CheckIsAbout(object.value, "device", expected.device));
  RECRYPT_TRY(CheckIsAbout(object.value, "key", expected.key));
  return CheckIsAbout(object.value, "label", expected.label);
}

void PutHalf(Json& object, const std::string& name, const PrivateKey& half) {
  const Secret raw = half.RevealBytes();
  object[name] = Base64UrlEncode(raw.Reveal());
}

Result<PrivateKey> ReadHalf(const Json& object, const std::string& name, Curve curve) {
  RECRYPT_ASSIGN(Bytes raw, GetBytes(object, name));
  const Secret half = Secret::TakeFrom(raw);
  return PrivateKey::FromBytes(curve, half.Reveal());
}

}  // namespace

Result<Json> SealHalf(const SealedHalf& about, const PrivateKey& half, const PublicKey& to) {
  SecretJson object = AboutJson(about);
  PutHalf(object.value, "half", half);
  return SealSecretJson(object, to);
}

Result<PrivateKey> OpenHalf(const Json& jwe, const PrivateKey& with, const SealedHalf& expected,
                            Curve curve) {
  SecretJson object;
  RECRYPT_TRY(OpenAbout(jwe, with, expected, object));
  return ReadHalf(object.value, "half", curve);
}

Result<PrivateKey> OpenHalf(const Json& jwe, std::span<const Secret> agreed,
                            const SealedHalf& expected, Curve curve) {
  SecretJson object;
  RECRYPT_TRY(OpenAbout(jwe, agreed, expected, object));
  return ReadHalf(object.value, "half", curve);
}

Quorums QuorumsOf(const LabelProfile& profile) {
  std::vector<std::string> domains;
  for (const LabelProfile::Service& service : profile.services) domains.push_back(service.domain);
  return Quorums(std::move(domains), profile.threshold);
}

// Of a service that grants alone there is one half, and no names are needed.
Result<Json> SealServiceHalves(const SealedHalf& about, const ServiceHalves& halves,
                               const PublicKey& to) {
  const auto alone = halves.find(std::string(kAlone));
  if (alone != halves.end()) return SealHalf(about, alone->second, to);
  SecretJson object = AboutJson(about);
  Json& named = object.value["halves"] = Json::object();
  for (const auto& [quorum, half] : halves) PutHalf(named, quorum, half);
  return SealSecretJson(object, to);
}

Result<ServiceHalves> OpenServiceHalves(const Json& jwe, const PrivateKey& with,
                                        const SealedHalf& expected, Curve curve) {
  SecretJson object;
  RECRYPT_TRY(OpenAbout(jwe, with, expected, object));
  ServiceHalves halves;
  if (FindMember(object.value, "halves") == nullptr) {
    RECRYPT_ASSIGN(PrivateKey half, ReadHalf(object.value, "half", curve));
    halves.emplace(kAlone, std::move(half));
    return halves;
  }
  RECRYPT_ASSIGN(const Json* named, GetObject(object.value, "halves"));
  if (named->empty() || named->size() > kMaxQuorumsOfService) {
    return Fail(ErrorCode::kInvalid, "the sealed halves are none, or too many");
  }
  for (const auto& [quorum, value] : named->items()) {
    RECRYPT_ASSIGN(PrivateKey half, ReadHalf(*named, quorum, curve));
    halves.emplace(quorum, std::move(half));
  }
  return halves;
}

}  // namespace recrypt
