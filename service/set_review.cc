// Set of Review: a supervisor decides about a grant that is held.
#include <algorithm>

#include "service/grant_policy.h"
#include "service/set.h"

namespace recrypt {
namespace {

AuditRecord RecordOf(const StoredReview& review, const Caller& caller, int64_t now) {
  AuditRecord record;
  record.event = review.state == ReviewState::kApproved ? "review-approve" : "review-deny";
  record.time = now;
  record.label = review.label;
  record.account = review.account;
  record.device = caller.device;
  record.by = review.by;
  record.document = review.document;
  record.header = review.header;
  record.ephemeral = review.ephemeral;
  record.review = static_cast<uint64_t>(review.id);
  return record;
}

Result<Response> Refused(StoreTransaction& transaction, const Caller& caller,
                         const ReviewRecord& decision, int64_t now) {
  AuditRecord record;
  record.event = "refuse";
  record.time = now;
  record.label = decision.label;
  record.device = caller.device;
  record.reason = "not-supervisor";
  record.review = decision.id;
  RECRYPT_TRY(AppendOne(transaction, record));
  return Response(
      Refusal("not-supervisor", "the label's policy does not let this device decide about it"));
}

// By whatever name it supervises: a device that was of the asking account counts too.
Result<bool> IsOfTheAsker(StoreView& view, const StoredReview& review, const std::string& device) {
  if (review.device == device) return true;
  RECRYPT_ASSIGN(const auto entries, view.EntriesOfDevice(review.label, device));
  const bool member = std::any_of(entries.begin(), entries.end(), [&](const StoredEntry& entry) {
    return entry.account == review.account;
  });
  if (member) return true;
  RECRYPT_ASSIGN(const auto devices, view.DevicesOf(review.account));
  return std::find(devices.begin(), devices.end(), device) != devices.end();
}

Result<Response> Decide(StoreTransaction& transaction, const Caller& caller,
                        const ReviewRecord& decision, int64_t now) {
  RECRYPT_ASSIGN(const auto label, transaction.FindLabel(decision.label));
  if (!label || label->deleted) return Fail(ErrorCode::kNotFound, "there is no such label here");
  RECRYPT_ASSIGN(const LabelPolicy policy, PolicyOf(*label));
  RECRYPT_ASSIGN(const std::string by,
                 SupervisorOf(transaction, decision.label, policy, caller.device));
  if (by.empty()) return Refused(transaction, caller, decision, now);
  RECRYPT_ASSIGN(auto review,
                 transaction.FindReviewById(decision.label, static_cast<int64_t>(decision.id)));
  if (!review) return Fail(ErrorCode::kNotFound, "there is no such request for review");
  // Nobody lets themselves in.
  RECRYPT_ASSIGN(const bool own, IsOfTheAsker(transaction, *review, caller.device));
  if (own) return Refused(transaction, caller, decision, now);
  const uint32_t longest = policy.review.decision_seconds;
  review->state = decision.approved ? ReviewState::kApproved : ReviewState::kDenied;
  review->by = by;
  review->decided = now;
  review->until = now + (decision.seconds == 0 ? longest : std::min(decision.seconds, longest));
  RECRYPT_TRY(transaction.PutReview(*review));
  RECRYPT_TRY(AppendOne(transaction, RecordOf(*review, caller, now)));
  return Response(SetResponse{{StatusCode::kUpdated, "", ""}});
}

}  // namespace

void SetReview(ServiceContext& context, const Caller& caller, const ReviewRecord& record,
               Reply reply) {
  CommitAndReply(
      context,
      [&context, caller, record](StoreTransaction& transaction) {
        return Decide(transaction, caller, record, context.clock.NowSeconds());
      },
      std::move(reply));
}

}  // namespace recrypt
