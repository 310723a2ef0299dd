#include "client/label_keys.h"

#include <set>

#include "core/crypto/symmetric.h"

namespace recrypt {

Result<std::shared_ptr<const LabelProfile>> FindLabel(VerifiedProfiles& profiles,
                                                      const LabelName& label, ProfileUse use) {
  auto profile = profiles.Label(label, use);
  if (!profile && profile.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kDenied,
                "there is no label " + label.text() + ": " + profile.error().message);
  }
  return profile;
}

Result<HeaderSpec> SpecFor(VerifiedProfiles& profiles, const LabelExpression& expression) {
  HeaderSpec spec{expression, {}, {}};
  std::set<std::string> services;
  for (const LabelName& label : expression.Labels()) {
    RECRYPT_ASSIGN(const auto profile, FindLabel(profiles, label, ProfileUse::kWrite));
    spec.label_keys.emplace(label, profile->key);
    for (const LabelProfile::Service& service : profile->services) services.insert(service.domain);
  }
  spec.services.assign(services.begin(), services.end());
  return spec;
}

Status CheckFits(VerifiedProfiles& profiles, const LabelExpression& expression) {
  RECRYPT_ASSIGN(const HeaderSpec spec, SpecFor(profiles, expression));
  Wrapper wrapper{RandomArray<16>(), "", "", {}};
  for (const uint32_t number : {998, 999}) {
    wrapper.keys.push_back({number, Secret::Random(kAeadKeySize)});
  }
  const auto sealed = SealHeader(spec, wrapper);
  if (!sealed) return Fail(sealed.error(), expression.text());
  return {};
}

}  // namespace recrypt
