#include "service/grant_policy.h"

#include <algorithm>

#include "core/crypto/symmetric.h"
#include "core/identity/profile.h"
#include "core/jcd/bound_header.h"
#include "service/audit.h"

namespace recrypt {
namespace {

// What one member can have waiting for review, so that nobody fills the store.
constexpr int64_t kMaxPending = 1000;

std::string SupervisorsText(const LabelPolicy& policy) {
  std::string text;
  for (const Principal& one : policy.review.supervisors) {
    text += (text.empty() ? "" : " or ") + one.account.text();
  }
  return text;
}

QuotaKey KeyOf(const Quota& quota, const GrantQuestion& question) {
  QuotaKey key{question.label, std::string(QuotaPerName(quota.per)), "", quota.seconds};
  if (quota.per == QuotaPer::kMember) key.subject = question.account;
  if (quota.per == QuotaPer::kDevice) key.subject = question.caller.device;
  return key;
}

// All quotas have to have room before any is used.
Result<ResponseStatus> UseQuotas(StoreTransaction& transaction, const LabelPolicy& policy,
                                 const GrantQuestion& question) {
  std::vector<QuotaUse> uses;
  for (const Quota& quota : policy.quotas) {
    RECRYPT_ASSIGN(QuotaUse use, transaction.FindQuotaUse(KeyOf(quota, question)));
    // A clock that was ahead, and is set right, keeps nobody out for as long as it was ahead.
    use.start = std::min(use.start, question.now);
    if (use.used == 0 || question.now >= use.start + quota.seconds) use = {question.now, 0};
    if (use.used >= quota.opens) {
      return Refusal("quota", "the quota of " + std::to_string(quota.opens) +
                                  (quota.opens == 1 ? " opening in " : " openings in ") +
                                  std::to_string(quota.seconds) + " seconds for each " +
                                  std::string(QuotaPerName(quota.per)) + " is used up until " +
                                  FormatTime(use.start + quota.seconds));
    }
    uses.push_back({use.start, use.used + 1});
  }
  for (size_t i = 0; i < uses.size(); ++i) {
    RECRYPT_TRY(transaction.PutQuotaUse(KeyOf(policy.quotas[i], question), uses[i]));
  }
  return ResponseStatus{};
}

Result<ResponseStatus> Ask(StoreTransaction& transaction, const LabelPolicy& policy,
                           const GrantQuestion& question) {
  RECRYPT_ASSIGN(const int64_t pending,
                 transaction.CountPendingReviews(question.label, question.account));
  if (pending >= kMaxPending) {
    return Refusal("quota", std::to_string(pending) + " documents wait for review already");
  }
  const GrantRequest& grant = question.grant;
  StoredReview review;
  review.label = question.label;
  review.account = question.account;
  review.ephemeral = grant.ephemeral;
  review.device = question.caller.device;
  review.document = grant.document;
  review.header = grant.header;
  review.requested = question.now;
  RECRYPT_TRY(transaction.PutReview(review));
  RECRYPT_ASSIGN(const auto stored,
                 transaction.FindReview(review.label, review.account, review.ephemeral));
  AuditRecord record;
  record.event = "review-request";
  record.time = question.now;
  record.label = review.label;
  record.account = review.account;
  record.device = review.device;
  record.key = grant.key;
  record.document = review.document;
  record.header = review.header;
  record.ephemeral = review.ephemeral;
  record.review = stored ? static_cast<uint64_t>(stored->id) : 0;
  RECRYPT_TRY(AppendOne(transaction, record));
  return Refusal("pending", "held for review: " + SupervisorsText(policy) + " has to decide");
}

// Granted to the end of the decision at most.
Result<GrantVerdict> JudgeByReview(StoreTransaction& transaction, const LabelPolicy& policy,
                                   const GrantQuestion& question) {
  const uint32_t lease = policy.LeaseAt(question.now);
  if (!policy.NeedsReview(question.account, question.grant.document)) {
    return GrantVerdict{{}, lease};
  }
  RECRYPT_ASSIGN(const auto review, transaction.FindReview(question.label, question.account,
                                                           question.grant.ephemeral));
  const bool pending = review && review->state == ReviewState::kPending;
  if (pending) {
    return GrantVerdict{
        Refusal("pending", "held for review: " + SupervisorsText(policy) + " has to decide"), 0};
  }
  if (!review || review->until <= question.now) {
    RECRYPT_ASSIGN(ResponseStatus status, Ask(transaction, policy, question));
    return GrantVerdict{std::move(status), 0};
  }
  if (review->state == ReviewState::kDenied) {
    return GrantVerdict{
        Refusal("denied", review->by + " has denied it, until " + FormatTime(review->until)), 0};
  }
  return GrantVerdict{
      {}, static_cast<uint32_t>(std::min<int64_t>(lease, review->until - question.now))};
}

}  // namespace

GrantVerdict JudgeNow(const LabelPolicy& policy, const GrantQuestion& question) {
  const uint32_t lease = policy.LeaseAt(question.now);
  if (lease == 0) {
    return {Refusal("hours", "outside of the hours in which " + question.label + " is open (" +
                                 policy.hours->zone + ")"),
            0};
  }
  if (!policy.AllowsAddress(question.caller.address)) {
    return {Refusal("network", question.label +
                                   " is not open to the network that this device is "
                                   "in: " +
                                   question.caller.address),
            0};
  }
  if (question.use == GrantUse::kPrefetch && !policy.MayPrefetch()) {
    return {Refusal("prefetch", "the policy of " + question.label + " lets nothing be prefetched"),
            0};
  }
  return {{}, lease};
}

ResponseStatus JudgeBinding(const LabelPolicy& policy, const GrantQuestion& question,
                            const PublicKey& ephemeral) {
  const auto& binding = question.grant.binding;
  if (!binding) {
    if (policy.ephemerals != Ephemerals::kRequired) return {};
    return Refusal("unbound", "the policy of " + question.label +
                                  " wants ephemeral keys that are bound to their document, and "
                                  "this one's is not: an administrator has to set "
                                  "ephemerals=bound and run 'recryptfs relabel --epoch' first");
  }
  const Status holds = CheckProof({binding->text, {binding->signer, binding->signature}}, ephemeral,
                                  {question.grant.document, question.label, question.grant.key});
  return holds ? ResponseStatus{} : Refusal("unbound", holds.error().message);
}

bool NeedsStore(const LabelPolicy& policy, const GrantQuestion& question) {
  return question.grant.binding ||
         (question.use == GrantUse::kOpen && (!policy.quotas.empty() || policy.review.any()));
}

Result<GrantVerdict> JudgeByStore(StoreTransaction& transaction, const LabelPolicy& policy,
                                  const GrantQuestion& question) {
  if (const auto& binding = question.grant.binding) {
    RECRYPT_ASSIGN(const bool bound, transaction.BindEphemeral(question.grant.ephemeral,
                                                               Sha256(AsBytes(binding->text))));
    if (!bound) {
      return GrantVerdict{
          Refusal("unbound", "this ephemeral key is bound to another header already"), 0};
    }
  }
  if (question.use != GrantUse::kOpen) {
    return GrantVerdict{{}, policy.LeaseAt(question.now)};
  }
  RECRYPT_ASSIGN(GrantVerdict verdict, JudgeByReview(transaction, policy, question));
  if (!verdict.status.ok()) return verdict;
  RECRYPT_ASSIGN(verdict.status, UseQuotas(transaction, policy, question));
  return verdict;
}

Result<LabelPolicy> PolicyOf(const StoredLabel& label) {
  RECRYPT_ASSIGN(const Json jws, ParseJson(label.jws));
  RECRYPT_ASSIGN(LabelProfile profile, VerifyLabelProfile(jws));
  return std::move(profile.policy);
}

Result<std::string> SupervisorOf(StoreView& view, const std::string& label,
                                 const LabelPolicy& policy, const std::string& device) {
  RECRYPT_ASSIGN(const auto entries, view.EntriesOfDevice(label, device));
  for (const Principal& one : policy.review.supervisors) {
    const std::string& account = one.account.text();
    const bool member = std::any_of(entries.begin(), entries.end(), [&](const StoredEntry& entry) {
      return !entry.revoked && entry.account == account && entry.profile_udf == one.udf;
    });
    if (member) return account;
    RECRYPT_ASSIGN(const auto profile, view.FindProfile(account));
    if (!profile || profile->master != one.udf) continue;
    RECRYPT_ASSIGN(const auto devices, view.DevicesOf(account));
    if (std::find(devices.begin(), devices.end(), device) != devices.end()) return account;
  }
  return std::string();
}

}  // namespace recrypt
