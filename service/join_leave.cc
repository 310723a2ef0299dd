#include <algorithm>

#include "core/udf/udf.h"
#include "service/transactions.h"

namespace recrypt {
namespace {

// Requests of strangers take no more room than this.
constexpr int64_t kMaxJoinsOfLabel = 1000;

Result<StoredJoin> ReadJoin(const Caller& caller, const JoinRequest& request, int64_t now) {
  RECRYPT_ASSIGN(const Profile profile, VerifyProfile(request.profile));
  if (profile.account.text() != request.account) {
    return Fail(ErrorCode::kInvalid, "the profile is another account's");
  }
  const bool lists =
      std::any_of(profile.devices.begin(), profile.devices.end(),
                  [&](const Device& device) { return KeyUdf(device.sign) == caller.device; });
  if (!lists) return Fail(ErrorCode::kInvalid, "the profile does not list this device");
  return StoredJoin{request.label,   request.account,
                    caller.device,   DumpJson(request.profile),
                    request.message, now};
}

Result<Response> Join(StoreTransaction& transaction, const StoredJoin& join) {
  RECRYPT_ASSIGN(const auto label, transaction.FindLabel(join.label));
  if (!label || label->deleted) return Fail(ErrorCode::kNotFound, "there is no such label here");
  RECRYPT_ASSIGN(const int64_t waiting, transaction.CountJoins(join.label));
  if (waiting >= kMaxJoinsOfLabel) {
    return Fail(ErrorCode::kQuota, "too many requests wait for the label's administrators");
  }
  RECRYPT_TRY(transaction.PutJoin(join));
  AuditRecord record;
  record.event = "join";
  record.time = join.time;
  record.label = join.label;
  record.account = join.account;
  record.device = join.device;
  RECRYPT_TRY(AppendOne(transaction, record));
  return Response(JoinResponse{});
}

Result<Response> Leave(ServiceContext& context, StoreTransaction& transaction, const Caller& caller,
                       const std::string& label) {
  const int64_t now = context.clock.NowSeconds();
  RECRYPT_ASSIGN(const auto entries, transaction.EntriesOfDevice(label, caller.device));
  const auto live = std::find_if(entries.begin(), entries.end(),
                                 [](const StoredEntry& entry) { return !entry.revoked; });
  if (live == entries.end()) {
    return Fail(ErrorCode::kNotFound, "this device has no recryption entry of the label");
  }
  RECRYPT_ASSIGN([[maybe_unused]] const Revoked revoked,
                 transaction.RevokeEntries({label, live->account, "", ""}, now));
  AuditRecord record;
  record.event = "leave";
  record.time = now;
  record.label = label;
  record.account = live->account;
  record.device = caller.device;
  RECRYPT_TRY(AppendOne(transaction, record));
  return Response(LeaveResponse{{StatusCode::kUpdated, "", ""}});
}

}  // namespace

void HandleJoin(ServiceContext& context, const Caller& caller, const JoinRequest& request,
                Reply reply) {
  auto join = ReadJoin(caller, request, context.clock.NowSeconds());
  if (!join) return reply(Response(StatusFor(join.error())));
  CommitAndReply(
      context,
      [join = std::move(*join)](StoreTransaction& transaction) { return Join(transaction, join); },
      std::move(reply));
}

void HandleLeave(ServiceContext& context, const Caller& caller, const LeaveRequest& request,
                 Reply reply) {
  CommitAndReply(
      context,
      [&context, caller, label = request.label](StoreTransaction& transaction) {
        return Leave(context, transaction, caller, label);
      },
      std::move(reply));
}

}  // namespace recrypt
