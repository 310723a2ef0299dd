#include "service/grants.h"

#include "core/recryption/recryption.h"
#include "service/grant_policy.h"

namespace recrypt {
namespace {

constexpr int kMaxAttempts = 4;

// What is known of one of the request's keys: an opened entry, or why there is none.
struct KeyAccess {
  std::shared_ptr<const OpenedEntry> entry;
  ResponseStatus refusal;
  std::string label;    // empty when the key is none of this service's
  std::string account;  // as far as it is known
};

// One request on its way: computed on a server thread, recorded by the committer.
class GrantRun : public std::enable_shared_from_this<GrantRun> {
 public:
  GrantRun(ServiceContext& context, const Caller& caller, GetRequest request, GetResponse response,
           Reply reply)
      : context_(context),
        caller_(caller),
        request_(std::move(request)),
        response_(std::move(response)),
        reply_(std::move(reply)) {}

  void Start();

 private:
  Status FindKeys();
  Status FindKey(StoreView& view, const std::string& key, KeyAccess& access);
  Result<std::shared_ptr<const OpenedEntry>> Open(const StoredEntry& entry,
                                                  const StoredLabel& label) const;
  GrantResult Compute(const GrantRequest& grant, int64_t now) const;
  GrantQuestion QuestionOf(const GrantRequest& grant, const KeyAccess& access, int64_t now) const;
  Status JudgeHeld(StoreTransaction& transaction, int64_t now);
  Result<bool> StillHolds(StoreTransaction& transaction, const OpenedEntry& entry,
                          int64_t now) const;
  Status Record(StoreTransaction& transaction);
  AuditRecord RecordOf(const GrantRequest& grant, const GrantResult& result, int64_t now) const;
  void Finish(const Status& outcome);
  void FinishWithout(const Error& error);

  ServiceContext& context_;
  const Caller caller_;
  const GetRequest request_;
  GetResponse response_;
  const Reply reply_;
  std::map<std::string, KeyAccess> keys_;
  bool outdated_ = false;
  int attempt_ = 0;
};

void GrantRun::Start() {
  ++attempt_;
  outdated_ = false;
  keys_.clear();
  response_.grants.clear();
  if (const Status found = FindKeys(); !found) return FinishWithout(found.error());
  response_.grants.reserve(request_.grants.size());
  const int64_t now = context_.clock.NowSeconds();
  for (const GrantRequest& grant : request_.grants) {
    response_.grants.push_back(Compute(grant, now));
  }
  auto self = shared_from_this();
  context_.committer.Submit(
      [self](StoreTransaction& transaction) { return self->Record(transaction); },
      [self](const Status& outcome) { self->Finish(outcome); });
}

Status GrantRun::FindKeys() {
  bool all_cached = true;
  for (const GrantRequest& grant : request_.grants) {
    const auto [place, added] = keys_.try_emplace(grant.key);
    if (!added) continue;
    KeyAccess& access = place->second;
    access.entry = context_.opened.Find(caller_.device, grant.key);
    all_cached = all_cached && access.entry;
    if (!access.entry) continue;
    access.label = access.entry->label;
    access.account = access.entry->account;
  }
  if (all_cached) return {};
  return context_.store.Read([this](StoreView& view) -> Status {
    for (auto& [key, access] : keys_) {
      if (!access.entry) RECRYPT_TRY(FindKey(view, key, access));
    }
    return {};
  });
}

Status GrantRun::FindKey(StoreView& view, const std::string& key, KeyAccess& access) {
  access.refusal = Refusal("no-entry", "this device has no recryption entry for the key");
  RECRYPT_ASSIGN(const auto label_name, view.FindLabelOfKey(key));
  if (!label_name) return {};
  access.label = *label_name;
  RECRYPT_ASSIGN(const auto entry, view.FindEntry(caller_.device, key));
  if (!entry || entry->label != *label_name) return {};
  access.account = entry->account;
  RECRYPT_ASSIGN(const auto label, view.FindLabel(*label_name));
  if (!label || label->deleted) return {};
  if (entry->revoked) {
    access.refusal = Refusal("revoked", "this device's recryption entry has been revoked");
    return {};
  }
  RECRYPT_ASSIGN(access.entry, Open(*entry, *label));
  context_.opened.Put(access.entry);
  return {};
}

Result<std::shared_ptr<const OpenedEntry>> GrantRun::Open(const StoredEntry& entry,
                                                          const StoredLabel& label) const {
  // These were checked when they were stored: what does not parse now is damage, and answered as
  // the service's own failure.
  const auto damaged = [](const Error& error) {
    return Fail(ErrorCode::kCorrupt, "a stored entry: " + error.message);
  };
  auto jws = ParseJson(label.jws);
  if (!jws) return damaged(jws.error());
  auto profile = VerifyLabelProfile(*jws);
  if (!profile) return damaged(profile.error());
  auto sealed = ParseJson(entry.service_half);
  if (!sealed) return damaged(sealed.error());
  const auto key = FindLabelKey(*profile, entry.key);
  if (!key) return damaged({ErrorCode::kCorrupt, "its label does not name its key", 0});
  auto halves = OpenServiceHalf(*sealed, context_.keys, {entry.device, entry.key, entry.label},
                                key->key.curve());
  if (!halves) return damaged(halves.error());
  auto member_half = ParseJson(entry.member_half);
  if (!member_half) return damaged(member_half.error());
  return std::make_shared<const OpenedEntry>(
      OpenedEntry{entry.id, entry.label, entry.account, caller_.device, entry.key,
                  entry.group ? entry.profile_udf : std::string(), label.version,
                  std::make_shared<const LabelPolicy>(std::move(profile->policy)),
                  std::move(*halves), std::move(*member_half)});
}

GrantResult GrantRun::Compute(const GrantRequest& grant, int64_t now) const {
  const KeyAccess& access = keys_.at(grant.key);
  if (!access.entry) return {access.refusal, {}, 0};
  GrantVerdict verdict = JudgeNow(*access.entry->policy, QuestionOf(grant, access, now));
  if (!verdict.status.ok()) return {std::move(verdict.status), {}, 0};
  const auto refuse = [](const Error& error) {
    return GrantResult{{StatusCode::kInvalid, "invalid", "T: " + error.message}, {}, 0};
  };
  const Curve curve = access.entry->halves.begin()->second.curve();
  const auto ephemeral = PublicKey::FromBytes(curve, grant.ephemeral);
  if (!ephemeral) return refuse(ephemeral.error());
  ResponseStatus bound =
      JudgeBinding(*access.entry->policy, QuestionOf(grant, access, now), *ephemeral);
  if (!bound.ok()) return {std::move(bound), {}, 0};
  GrantResult granted{{}, {}, verdict.lease_seconds};
  for (const auto& [quorum, half] : access.entry->halves) {
    const auto p = AgreeHalf(half, *ephemeral);
    if (!p) return refuse(p.error());
    (quorum == kAlone ? granted.p : granted.parts[quorum]) = ToBytes(p->Reveal());
  }
  return granted;
}

GrantQuestion GrantRun::QuestionOf(const GrantRequest& grant, const KeyAccess& access,
                                   int64_t now) const {
  return {access.label, access.account, caller_, grant, request_.use, now};
}

// What only the store can tell: reviews, and quotas that this request itself uses up.
Status GrantRun::JudgeHeld(StoreTransaction& transaction, int64_t now) {
  for (size_t i = 0; i < request_.grants.size(); ++i) {
    GrantResult& result = response_.grants[i];
    const KeyAccess& access = keys_.at(request_.grants[i].key);
    if (!result.status.ok()) continue;
    const LabelPolicy& policy = *access.entry->policy;
    const GrantQuestion question = QuestionOf(request_.grants[i], access, now);
    if (!NeedsStore(policy, question)) continue;
    RECRYPT_ASSIGN(GrantVerdict verdict, JudgeByStore(transaction, policy, question));
    if (verdict.status.ok()) {
      result.lease_seconds = verdict.lease_seconds;
    } else {
      result = {std::move(verdict.status), {}, 0};
    }
  }
  return {};
}

// A personal group's entry is good for as long as its account's profile lists the device.
Result<bool> GrantRun::StillHolds(StoreTransaction& transaction, const OpenedEntry& entry,
                                  int64_t now) const {
  if (!entry.group_of.empty()) {
    RECRYPT_ASSIGN(const bool listed,
                   transaction.ListsDevice(entry.account, entry.group_of, caller_.device));
    if (!listed) return false;
  }
  return transaction.UseEntry(entry.id, entry.label_version, now + entry.policy->LongestUse());
}

Status GrantRun::Record(StoreTransaction& transaction) {
  const int64_t now = context_.clock.NowSeconds();
  for (const auto& [key, access] : keys_) {
    if (!access.entry) continue;
    RECRYPT_ASSIGN(const bool holds, StillHolds(transaction, *access.entry, now));
    if (holds) continue;
    outdated_ = true;
    return Fail(ErrorCode::kStale, "an entry or its label has changed meanwhile");
  }
  RECRYPT_TRY(JudgeHeld(transaction, now));
  std::vector<AuditRecord> records;
  records.reserve(request_.grants.size());
  for (size_t i = 0; i < request_.grants.size(); ++i) {
    // Keys that are none of this service's are not on record: there is nothing that they protect.
    if (keys_.at(request_.grants[i].key).label.empty()) continue;
    records.push_back(RecordOf(request_.grants[i], response_.grants[i], now));
  }
  if (records.empty()) return {};
  RECRYPT_ASSIGN(const AuditHead head, AppendAudit(transaction, records));
  response_.receipt_sequence = head.sequence;
  response_.receipt_head = ToBytes(head.hash);
  return {};
}

AuditRecord GrantRun::RecordOf(const GrantRequest& grant, const GrantResult& result,
                               int64_t now) const {
  const KeyAccess& access = keys_.at(grant.key);
  AuditRecord record;
  record.event = result.status.ok() ? "grant" : "refuse";
  record.time = now;
  record.label = access.label;
  record.account = access.account;
  record.device = caller_.device;
  record.key = grant.key;
  record.reason = result.status.reason;
  record.use = request_.use == GrantUse::kOpen ? "open" : "prefetch";
  record.document = grant.document;
  record.header = grant.header;
  record.ephemeral = grant.ephemeral;
  return record;
}

void GrantRun::Finish(const Status& outcome) {
  if (!outcome && outdated_ && attempt_ < kMaxAttempts) {
    for (const auto& [key, access] : keys_) context_.opened.Drop(caller_.device, key);
    return Start();
  }
  if (!outcome) return FinishWithout(outcome.error());
  for (const GrantResult& grant : response_.grants) {
    context_.metrics.CountGrant(grant.status.reason);
  }
  if (request_.halves) {
    for (size_t i = 0; i < request_.grants.size(); ++i) {
      if (!response_.grants[i].status.ok()) continue;
      const std::string& key = request_.grants[i].key;
      response_.halves.emplace(key, keys_.at(key).entry->member_half);
    }
  }
  reply_(Response(std::move(response_)));
}

// No grant at all.
void GrantRun::FinishWithout(const Error& error) {
  context_.metrics.CountGrant("failed", request_.grants.size());
  reply_(Response(StatusFor(error)));
}

}  // namespace

void RunGrants(ServiceContext& context, const Caller& caller, GetRequest request,
               GetResponse response, Reply reply) {
  std::make_shared<GrantRun>(context, caller, std::move(request), std::move(response),
                             std::move(reply))
      ->Start();
}

}  // namespace recrypt
