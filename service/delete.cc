#include "service/transactions.h"

namespace recrypt {
namespace {

Response Done(const Revoked& revoked, int64_t now) {
  // No lease may have been given at all: then access has ended already.
  return Response(DeleteResponse{{StatusCode::kUpdated, "", ""},
                                 FormatTime(std::max(revoked.lease_until, now))});
}

Result<Response> DeleteUser(ServiceContext& context, StoreTransaction& transaction,
                            const Caller& caller, const DeleteRequest& request) {
  const int64_t now = context.clock.NowSeconds();
  RECRYPT_ASSIGN(ResponseStatus status,
                 CheckAdministrator(transaction, caller, request.label, now));
  if (!status.ok()) return Response(std::move(status));
  RECRYPT_ASSIGN(
      const Revoked revoked,
      transaction.RevokeEntries({request.label, request.account, request.device, ""}, now));
  // To turn down who asked to join is the same request.
  RECRYPT_ASSIGN(const bool joining, transaction.DeleteJoin(request.label, request.account));
  if (revoked.count == 0 && !joining) {
    return Fail(ErrorCode::kNotFound, "there is no such member, or no entry of that device");
  }
  AuditRecord record;
  record.event = "revoke";
  record.time = now;
  record.label = request.label;
  record.account = request.account;
  record.device = request.device;
  RECRYPT_TRY(AppendOne(transaction, record));
  return Done(revoked, now);
}

Result<Response> DeleteKeySet(ServiceContext& context, StoreTransaction& transaction,
                              const Caller& caller, const DeleteRequest& request) {
  const int64_t now = context.clock.NowSeconds();
  RECRYPT_ASSIGN(ResponseStatus status,
                 CheckAdministrator(transaction, caller, request.label, now));
  if (!status.ok()) return Response(std::move(status));
  RECRYPT_ASSIGN(const Revoked revoked,
                 transaction.RevokeEntries({request.label, "", "", ""}, now));
  RECRYPT_TRY(transaction.MarkLabelDeleted(request.label));
  AuditRecord record;
  record.event = "delete-label";
  record.time = now;
  record.label = request.label;
  record.device = caller.device;
  RECRYPT_TRY(AppendOne(transaction, record));
  return Done(revoked, now);
}

// A device is an account's when its stored profile lists it or, for accounts of other domains, when
// an administrator has made it an entry as that account's.
Result<bool> IsDeviceOf(StoreTransaction& transaction, const std::string& account,
                        const std::string& device) {
  RECRYPT_ASSIGN(const auto devices, transaction.DevicesOf(account));
  for (const std::string& one : devices) {
    if (one == device) return true;
  }
  return transaction.HasEntryFor(account, device);
}

Result<Response> DeleteDevice(ServiceContext& context, StoreTransaction& transaction,
                              const Caller& caller, const DeleteRequest& request) {
  RECRYPT_ASSIGN(const bool own, IsDeviceOf(transaction, request.account, caller.device));
  if (!own) return Response(Refusal("policy", "only an account's own devices may do this"));
  RECRYPT_ASSIGN(const bool theirs, IsDeviceOf(transaction, request.account, request.device));
  if (!theirs) return Fail(ErrorCode::kNotFound, "the account has no such device here");
  RECRYPT_ASSIGN(const Revoked revoked,
                 RevokeDevice(context, transaction, request.account, request.device));
  return Done(revoked, context.clock.NowSeconds());
}

}  // namespace

void HandleDelete(ServiceContext& context, const Caller& caller, const DeleteRequest& request,
                  Reply reply) {
  auto body = [&context, caller, request](StoreTransaction& transaction) -> Result<Response> {
    switch (request.kind) {
      case DeleteRequest::Kind::kUser:
        return DeleteUser(context, transaction, caller, request);
      case DeleteRequest::Kind::kKeySet:
        return DeleteKeySet(context, transaction, caller, request);
      case DeleteRequest::Kind::kDevice:
        return DeleteDevice(context, transaction, caller, request);
    }
    return Fail(ErrorCode::kInvalid, "the request deletes nothing");
  };
  CommitAndReply(context, std::move(body), std::move(reply));
}

}  // namespace recrypt
