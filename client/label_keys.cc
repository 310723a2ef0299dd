#include "client/label_keys.h"

#include <set>

#include "core/crypto/symmetric.h"

namespace recrypt {

Result<std::shared_ptr<const LabelProfile>> FindLabel(VerifiedProfiles& profiles,
                                                      const LabelName& label, ProfileUse use) {
  auto profile = profiles.Label(label, use);
  if (!profile && profile.error().code == ErrorCode::kNotFound && label.is_personal()) {
    return Fail(ErrorCode::kDenied, "there is no personal group " + label.text() + ": " +
                                        profile.error().message +
                                        "; whose name it is makes one "
                                        "with 'recryptfs label create " +
                                        label.text() + "'");
  }
  if (!profile && profile.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kDenied,
                "there is no label " + label.text() + ": " + profile.error().message +
                    "; check its spelling: 'recryptfs label list' shows those that you are in");
  }
  return profile;
}

Result<HeaderSpec> SpecFor(VerifiedProfiles& profiles, const LabelExpression& expression) {
  HeaderSpec spec{expression, {}, {}};
  std::set<std::string> services;
  for (const LabelName& label : expression.Labels()) {
    RECRYPT_ASSIGN(const auto profile, FindLabel(profiles, label, ProfileUse::kWrite));
    spec.label_keys.emplace(label, profile->key);
    spec.bound = spec.bound || profile->policy.ephemerals != Ephemerals::kAny;
    for (const LabelProfile::Service& service : profile->services) services.insert(service.domain);
  }
  spec.services.assign(services.begin(), services.end());
  return spec;
}

Result<bool> LearnLaterKeys(VerifiedProfiles& profiles, const Header& header) {
  bool learned = false;
  const auto& alternatives = header.expression.alternatives();
  for (size_t i = 0; i < alternatives.size() && i < header.jwe.recipients.size(); ++i) {
    const std::vector<std::string>& kids = header.jwe.recipients[i].kids;
    for (size_t j = 0; j < alternatives[i].size() && j < kids.size(); ++j) {
      RECRYPT_ASSIGN(const auto known, FindLabel(profiles, alternatives[i][j], ProfileUse::kRead));
      const uint32_t epoch = known->EpochOf(kids[j]);
      if (epoch != 0 && epoch <= known->epoch) continue;
      RECRYPT_TRY(profiles.Label(alternatives[i][j], ProfileUse::kWrite, Freshness::kFetch));
      learned = true;
    }
  }
  return learned;
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
