#include "client/document_opening.h"

#include <algorithm>
#include <array>

#include "core/recryption/recryption.h"

namespace recrypt {
namespace {

// From the reason that leaves most hope to the one that leaves least.
int Hopelessness(ErrorCode code) {
  constexpr std::array kOrder = {ErrorCode::kPending, ErrorCode::kUnavailable, ErrorCode::kQuota,
                                 ErrorCode::kForbidden, ErrorCode::kCorrupt};
  const auto place = std::find(kOrder.begin(), kOrder.end(), code);
  return static_cast<int>(place - kOrder.begin());
}

// What is missing is told by its label, also where the failure is of a service or an account.
Error Naming(const LabelName& label, Error failure) {
  if (failure.message.find(label.text()) == std::string::npos) {
    failure.message = label.text() + ": " + failure.message;
  }
  return failure;
}

}  // namespace

LabelTrust TrustOf(const LabelProfile& profile) {
  return {profile.master, profile.policy.writers == Writers::kAnyone};
}

DocumentOpening::DocumentOpening(const Header& header, VerifiedProfiles& profiles, HeldKeys held)
    : header_(header), held_(held) {
  const auto& alternatives = header.expression.alternatives();
  for (size_t i = 0; i < alternatives.size() && i < header.jwe.recipients.size(); ++i) {
    const std::vector<std::string>& kids = header.jwe.recipients[i].kids;
    for (size_t j = 0; j < alternatives[i].size() && j < kids.size(); ++j) {
      Prepare(alternatives[i][j], kids[j], profiles);
    }
  }
}

bool DocumentOpening::TakeHeld(const LabelName& label, LabelState& state) {
  const auto* found = held_.keys != nullptr ? held_.keys->Find(state.kid) : nullptr;
  if (found == nullptr || found->label->label != label) return false;
  const auto ephemeral = EphemeralFor(header_, state.kid);
  if (!ephemeral) return false;
  auto agreed = AgreeHalf(found->key, *ephemeral);
  if (!agreed) return false;
  LabelTrust trust = TrustOf(*found->label);
  trust.epoch = found->label->EpochOf(state.kid);
  trust_.emplace(label, std::move(trust));
  secrets_[state.kid].push_back(std::move(*agreed));
  state.lease_end_ms = held_.now_ms + int64_t{found->label->policy.lease_seconds} * 1000;
  return true;
}

void DocumentOpening::Prepare(const LabelName& label, const std::string& kid,
                              VerifiedProfiles& profiles) {
  if (labels_.contains(label)) return;
  LabelState& state = labels_[label];
  state.kid = kid;
  if (TakeHeld(label, state)) return;
  auto wanted = MakeWanted(label, kid, profiles);
  if (!wanted) {
    state.failure = Naming(label, std::move(wanted.error()));
    // A label that is not there is no file that is not there.
    if (state.failure->code == ErrorCode::kNotFound) state.failure->code = ErrorCode::kDenied;
    return;
  }
  state.wanted = wanted_.size();
  state.offline_seconds = wanted->label->policy.OfflineSeconds();
  wanted_.push_back(std::move(*wanted));
  wanted_labels_.push_back(label);
}

Result<GrantWanted> DocumentOpening::MakeWanted(const LabelName& label, const std::string& kid,
                                                VerifiedProfiles& profiles) {
  RECRYPT_ASSIGN(std::shared_ptr<const LabelProfile> profile,
                 profiles.Label(label, ProfileUse::kRead));
  uint32_t epoch = profile->EpochOf(kid);
  if (epoch == 0 || epoch > profile->epoch) {
    // The label may have got a new key a moment ago.
    RECRYPT_ASSIGN(profile, profiles.Label(label, ProfileUse::kRead, Freshness::kFetch));
    epoch = profile->EpochOf(kid);
  }
  LabelTrust trust = TrustOf(*profile);
  trust.epoch = epoch;
  trust_.emplace(label, std::move(trust));
  if (epoch == 0) {
    return Fail(ErrorCode::kDenied, "the document is encrypted to " + kid.substr(0, 64) +
                                        ", which is no key of " + label.text());
  }
  RECRYPT_ASSIGN(PublicKey ephemeral, EphemeralFor(header_, kid));
  return GrantWanted{std::move(profile), kid, std::move(ephemeral), &header_};
}

void DocumentOpening::Take(size_t index, Result<Granted> result) {
  LabelState& state = labels_[wanted_labels_[index]];
  if (!result) {
    state.failure = Naming(wanted_labels_[index], std::move(result.error()));
    return;
  }
  state.lease_end_ms = result->lease_end_ms;
  state.by = std::move(result->by);
  secrets_[state.kid].clear();
  secrets_[state.kid].push_back(std::move(result->secret));
}

Result<std::shared_ptr<const LeasedDocument>> DocumentOpening::Finish() {
  for (const std::vector<LabelName>& alternative : header_.expression.alternatives()) {
    int64_t lease_end_ms = INT64_MAX;
    uint32_t offline_seconds = UINT32_MAX;
    bool complete = true;
    for (const LabelName& label : alternative) {
      const auto state = labels_.find(label);
      complete = complete && state != labels_.end() && state->second.lease_end_ms > 0;
      if (!complete) break;
      lease_end_ms = std::min(lease_end_ms, state->second.lease_end_ms);
      offline_seconds = std::min(offline_seconds, state->second.offline_seconds);
    }
    if (!complete) continue;
    RECRYPT_ASSIGN(Wrapper wrapper, OpenHeader(header_, secrets_));
    return std::make_shared<const LeasedDocument>(
        DocumentKeys{header_.uid, header_.digest, header_.expression, std::move(wrapper.keys)},
        std::move(wrapper.name), std::move(trust_), lease_end_ms, GrantsOf(alternative),
        alternative, offline_seconds);
  }
  return Fail(WhyNot());
}

std::vector<GrantedBy> DocumentOpening::GrantsOf(const std::vector<LabelName>& alternative) const {
  std::vector<GrantedBy> grants;
  for (const LabelName& label : alternative) {
    // None for a key that is held here.
    const LabelState& state = labels_.at(label);
    for (const auto& [domain, udf] : state.by) grants.push_back({domain, udf, state.kid});
  }
  return grants;
}

// An alternative fails for the worst of its labels' reasons, the document for the best of its
// alternatives'. All are told: any of them may be what somebody can do something about.
Error DocumentOpening::WhyNot() const {
  std::vector<Error> reasons;  // of the alternatives
  for (const std::vector<LabelName>& alternative : header_.expression.alternatives()) {
    std::optional<Error> reason;
    for (const LabelName& label : alternative) {
      const auto state = labels_.find(label);
      if (state == labels_.end() || !state->second.failure) continue;
      const Error& failure = *state->second.failure;
      if (!reason) {
        reason = failure;
        continue;
      }
      reason->message += "; " + failure.message;
      if (Hopelessness(failure.code) > Hopelessness(reason->code)) reason->code = failure.code;
    }
    if (reason) reasons.push_back(std::move(*reason));
  }
  if (reasons.empty()) return {ErrorCode::kDenied, "no grant for any label of the document", 0};
  std::stable_sort(reasons.begin(), reasons.end(), [](const Error& a, const Error& b) {
    return Hopelessness(a.code) < Hopelessness(b.code);
  });
  Error all = reasons.front();
  for (size_t i = 1; i < reasons.size(); ++i) all.message += "; or, " + reasons[i].message;
  return all;
}

bool DocumentOpening::WasRefused(const LabelName& label) const {
  const auto state = labels_.find(label);
  return state != labels_.end() && state->second.failure &&
         state->second.failure->code != ErrorCode::kUnavailable;
}

std::map<LabelName, int64_t> DocumentOpening::LabelLeases() const {
  std::map<LabelName, int64_t> leases;
  for (const auto& [label, state] : labels_) {
    if (state.lease_end_ms > 0) leases.emplace(label, state.lease_end_ms);
  }
  return leases;
}

}  // namespace recrypt
