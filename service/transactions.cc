#include "service/transactions.h"

#include <algorithm>

#include "core/udf/udf.h"
#include "service/log.h"

namespace recrypt {

ResponseStatus Refusal(std::string_view reason, std::string description) {
  return {StatusCode::kUnauthorized, std::string(reason), std::move(description)};
}

ResponseStatus StatusFor(const Error& error) {
  ResponseStatus status = StatusOf(error);
  if (status.status == StatusCode::kInternal) LogError("answered 500: " + error.message);
  return status;
}

bool NeedsSession(const Request& request) {
  if (std::holds_alternative<HelloRequest>(request)) return false;
  const auto* get = std::get_if<GetRequest>(&request);
  if (get == nullptr || !get->grants.empty()) return true;
  return std::any_of(get->statics.begin(), get->statics.end(), [](const StaticRequest& item) {
    return item.type == "Entry" || item.type == "Secrets" || item.type == "Note";
  });
}

void CommitAndReply(ServiceContext& context, TransactionBody body, Reply reply) {
  // Shared by the two halves: what the body returns is told once the commit has succeeded.
  auto response = std::make_shared<Response>();
  auto write = [body = std::move(body), response](StoreTransaction& transaction) -> Status {
    RECRYPT_ASSIGN(*response, body(transaction));
    return {};
  };
  auto done = [response, reply = std::move(reply)](Status outcome) {
    reply(outcome ? std::move(*response) : Response(StatusFor(outcome.error())));
  };
  context.committer.Submit(std::move(write), std::move(done));
}

std::optional<LabelProfile::EpochKey> FindLabelKey(const LabelProfile& label,
                                                   const std::string& kid) {
  for (LabelProfile::EpochKey& one : label.Keys()) {
    if (KeyUdf(one.key) == kid) return std::move(one);
  }
  return std::nullopt;
}

Status AppendOne(StoreTransaction& transaction, const AuditRecord& record) {
  RECRYPT_ASSIGN([[maybe_unused]] const AuditHead head, AppendAudit(transaction, {&record, 1}));
  return {};
}

Result<ResponseStatus> CheckAdministrator(StoreTransaction& transaction, const Caller& caller,
                                          const std::string& label, int64_t now) {
  RECRYPT_ASSIGN(const auto found, transaction.FindLabel(label));
  if (!found || found->deleted) return Fail(ErrorCode::kNotFound, "there is no such label here");
  RECRYPT_ASSIGN(const bool administrator, transaction.IsAdministrator(label, caller.device));
  if (administrator) return ResponseStatus{};
  AuditRecord record;
  record.event = "refuse";
  record.time = now;
  record.label = label;
  record.device = caller.device;
  record.reason = "not-administrator";
  RECRYPT_TRY(AppendOne(transaction, record));
  return Refusal("not-administrator", "this device does not administer the label");
}

Result<Revoked> RevokeDevice(ServiceContext& context, StoreTransaction& transaction,
                             const std::string& account, const std::string& device) {
  const int64_t now = context.clock.NowSeconds();
  RECRYPT_TRY(transaction.RevokeDevice(account, device, now));
  RECRYPT_ASSIGN(Revoked revoked, transaction.RevokeEntries({"", account, device, ""}, now));
  // Of grants to the personal group it is not known to which device they went.
  RECRYPT_ASSIGN(const auto profile, transaction.FindProfile(account));
  if (profile) {
    RECRYPT_ASSIGN(const auto until, transaction.FindGroupLease(account, profile->master));
    revoked.lease_until = std::max(revoked.lease_until, until.value_or(0));
  }
  AuditRecord record;
  record.event = "delete-device";
  record.time = now;
  record.account = account;
  record.device = device;
  RECRYPT_TRY(AppendOne(transaction, record));
  // Before the commit: should that fail, the device merely has to say Hello again.
  RECRYPT_TRY(context.sessions.EndDevice(device));
  return revoked;
}

}  // namespace recrypt
