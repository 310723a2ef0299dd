#include "service/set.h"

#include <algorithm>

#include "core/udf/udf.h"

namespace recrypt {
namespace {

struct NewLabel {
  LabelProfile profile;
  StoredLabel stored;
  std::map<std::string, std::string> secrets;  // JWE text by device
};

Status CheckNamesThisService(const ServiceContext& context, const LabelProfile& profile) {
  for (const LabelProfile::Service& service : profile.services) {
    if (service.domain == context.options.domain && service.udf == context.keys.udf) return {};
  }
  return Fail(ErrorCode::kInvalid, "the label does not name this service, " +
                                       context.options.domain + " " + context.keys.udf);
}

Result<NewLabel> ReadLabel(const ServiceContext& context, const KeySetRecord& record) {
  RECRYPT_ASSIGN(LabelProfile profile, VerifyLabelProfile(record.profile));
  RECRYPT_TRY(CheckNotExpired(profile.version, context.clock.NowSeconds()));
  RECRYPT_TRY(CheckNamesThisService(context, profile));
  StoredLabel stored;
  stored.label = profile.label.text();
  stored.master = profile.Udf();
  stored.version = profile.version.version;
  stored.jws = DumpJson(record.profile);
  stored.administrators[profile.owner.account.text()] = profile.owner.udf;
  for (const Principal& one : profile.administrators) {
    stored.administrators.try_emplace(one.account.text(), one.udf);
  }
  for (const LabelProfile::EpochKey& one : profile.Keys()) stored.keys.push_back(KeyUdf(one.key));
  NewLabel fresh{std::move(profile), std::move(stored), {}};
  for (const auto& [device, jwe] : record.secrets) fresh.secrets[device] = DumpJson(jwe);
  return fresh;
}

// A label over several services is at each of them; its name is one of its owner's domain.
bool MayBeHere(const ServiceContext& context, const LabelProfile& profile) {
  const std::string& here = context.options.domain;
  if (profile.owner.account.domain() == here) return true;
  return profile.services.size() > 1 && profile.label.domain() != here;
}

// The first profile of a label: its owner has an account here, and one of its devices asks.
Result<ResponseStatus> CheckFirst(const ServiceContext& context, StoreTransaction& transaction,
                                  const Caller& caller, const NewLabel& fresh) {
  const Principal& owner = fresh.profile.owner;
  if (!MayBeHere(context, fresh.profile)) {
    return Refusal("policy", "labels here belong to accounts of " + context.options.domain);
  }
  RECRYPT_ASSIGN(const auto account, transaction.FindProfile(owner.account.text()));
  RECRYPT_ASSIGN(const auto devices, transaction.DevicesOf(owner.account.text()));
  const bool asks = std::find(devices.begin(), devices.end(), caller.device) != devices.end();
  if (!account || account->master != owner.udf || !asks) {
    return Refusal("not-administrator",
                   "a label is created by a device of its owner's account: if this is one, run "
                   "'recryptfs profile publish'");
  }
  return ResponseStatus{StatusCode::kOk, "", ""};
}

// What is meant for a person must not reach another one by a label of that person's name.
Result<ResponseStatus> CheckIsNoOthersName(StoreTransaction& transaction, const NewLabel& fresh) {
  if (!fresh.profile.label.is_personal()) return ResponseStatus{};
  RECRYPT_ASSIGN(const auto named, transaction.FindProfile(fresh.stored.label));
  if (!named || named->master == fresh.profile.owner.udf) return ResponseStatus{};
  return ResponseStatus{
      StatusCode::kExists, "exists",
      "there is an account " + fresh.stored.label + ", and only that may have a label of its name"};
}

Result<ResponseStatus> CheckSuccessor(StoreTransaction& transaction, const StoredLabel& before,
                                      const Caller& caller, const NewLabel& fresh, int64_t now) {
  RECRYPT_ASSIGN(ResponseStatus status, CheckAdministrator(transaction, caller, before.label, now));
  if (!status.ok()) return status;
  if (before.master != fresh.stored.master) {
    return Refusal("not-administrator", "the label has another master key");
  }
  return ResponseStatus{StatusCode::kUpdated, "", ""};
}

Result<ResponseStatus> CheckVersion(const StoredLabel& before, const NewLabel& fresh) {
  if (fresh.stored.version <= before.version) {
    return ResponseStatus{StatusCode::kExists, "stale",
                          "version " + std::to_string(before.version) + " is stored"};
  }
  // More than one above it is that of a service that was restored from an older backup.
  return ResponseStatus{StatusCode::kOk, "", ""};
}

// Grants are given for keys that the label names; an entry for another one is of no more use.
Status RevokeDroppedKeys(StoreTransaction& transaction, const StoredLabel& before,
                         const NewLabel& fresh, int64_t now) {
  RECRYPT_ASSIGN(const Json jws, ParseJson(before.jws));
  RECRYPT_ASSIGN(const LabelProfile profile, VerifyLabelProfile(jws));
  for (const LabelProfile::EpochKey& one : profile.Keys()) {
    const std::string kid = KeyUdf(one.key);
    if (fresh.profile.HasKey(kid)) continue;
    RECRYPT_ASSIGN([[maybe_unused]] const Revoked revoked,
                   transaction.RevokeEntries({before.label, "", "", kid}, now));
  }
  return {};
}

Status PutLabel(StoreTransaction& transaction, const Caller& caller, const NewLabel& fresh,
                int64_t now) {
  Status put = transaction.PutLabel(fresh.stored);
  if (!put && put.error().code == ErrorCode::kExists) {
    return Fail(ErrorCode::kExists, "a key of the label is another label's");
  }
  RECRYPT_TRY(put);
  if (!fresh.secrets.empty()) {
    RECRYPT_TRY(transaction.PutSecrets(fresh.stored.label, fresh.secrets));
  }
  AuditRecord record;
  record.event = "set-label";
  record.time = now;
  record.label = fresh.stored.label;
  record.account = fresh.profile.owner.account.text();
  record.device = caller.device;
  record.key = fresh.stored.keys.front();
  return AppendOne(transaction, record);
}

Result<Response> PutFresh(ServiceContext& context, StoreTransaction& transaction,
                          const Caller& caller, const NewLabel& fresh) {
  const int64_t now = context.clock.NowSeconds();
  RECRYPT_ASSIGN(const auto before, transaction.FindLabel(fresh.stored.label));
  ResponseStatus status;
  if (!before || before->deleted) {
    RECRYPT_ASSIGN(status, CheckFirst(context, transaction, caller, fresh));
    if (status.ok()) {
      RECRYPT_ASSIGN(status, CheckIsNoOthersName(transaction, fresh));
    }
    if (status.ok() && before && before->master != fresh.stored.master) {
      status = {StatusCode::kExists, "exists", "the name was another label's, since deleted"};
    }
  } else {
    RECRYPT_ASSIGN(status, CheckSuccessor(transaction, *before, caller, fresh, now));
    // An answer may have been lost: the same object again is no mistake.
    if (status.ok() && before->jws == fresh.stored.jws) return Response(SetResponse{status});
  }
  if (status.ok() && before) {
    RECRYPT_ASSIGN(const ResponseStatus version, CheckVersion(*before, fresh));
    if (!version.ok()) status = version;
  }
  if (!status.ok()) return Response(std::move(status));
  if (before) RECRYPT_TRY(RevokeDroppedKeys(transaction, *before, fresh, now));
  RECRYPT_TRY(PutLabel(transaction, caller, fresh, now));
  return Response(SetResponse{std::move(status)});
}

}  // namespace

void SetKeySet(ServiceContext& context, const Caller& caller, const KeySetRecord& record,
               Reply reply) {
  auto fresh = ReadLabel(context, record);
  if (!fresh) return reply(Response(StatusFor(fresh.error())));
  CommitAndReply(
      context,
      [&context, caller, fresh = std::move(*fresh)](StoreTransaction& transaction) {
        return PutFresh(context, transaction, caller, fresh);
      },
      std::move(reply));
}

}  // namespace recrypt
