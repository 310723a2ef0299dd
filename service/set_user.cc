#include "core/identity/credential.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"
#include "service/set.h"

namespace recrypt {
namespace {

struct NewEntries {
  std::string label;
  std::string account;
  uint64_t label_version = 0;  // that they were checked against
  std::vector<StoredEntry> entries;
};

Result<LabelProfile> FindLabelProfile(ServiceContext& context, const std::string& label) {
  std::optional<StoredLabel> stored;
  RECRYPT_TRY(context.store.Read([&](StoreView& view) -> Status {
    RECRYPT_ASSIGN(stored, view.FindLabel(label));
    return {};
  }));
  if (!stored || stored->deleted) {
    return Fail(ErrorCode::kNotFound, "there is no such label here");
  }
  RECRYPT_ASSIGN(const Json jws, ParseJson(stored->jws));
  return VerifyLabelProfile(jws);
}

Status CheckCredential(const EntryRecord& entry, const PublicKey& sign, const LabelProfile& label,
                       const UserRecord& user, int64_t now) {
  if (entry.credential.empty()) return {};
  RECRYPT_ASSIGN(const Credential credential,
                 VerifyCredential(entry.credential, label.master, now));
  if (!(credential.device == sign)) {
    return Fail(ErrorCode::kInvalid, "a credential is for another device than its entry");
  }
  if (credential.subject != CredentialSubject(user.account, user.profile_udf)) {
    return Fail(ErrorCode::kInvalid, "a credential is for another account than its entry");
  }
  return {};
}

Result<StoredEntry> CheckEntry(const ServiceContext& context, const LabelProfile& label,
                               const UserRecord& user, const EntryRecord& entry, int64_t now) {
  RECRYPT_ASSIGN(const PublicKey sign, PublicKeyFromJwk(entry.sign));
  if (sign.curve() == Curve::kX25519 || KeyUdf(sign) != entry.device) {
    return Fail(ErrorCode::kInvalid, "Device is not the fingerprint of Sign");
  }
  const auto key = FindLabelKey(label, entry.key);
  if (!key || key->epoch != entry.epoch) {
    return Fail(ErrorCode::kInvalid, "Key and Epoch are none of the label's");
  }
  // A half that this service cannot open is of no use; one about something else is refused here
  // rather than with the first grant. What was opened is dropped again.
  const auto half = OpenServiceHalf(entry.service_half, context.keys,
                                    {entry.device, entry.key, user.label}, key->key.curve());
  if (!half) return Fail(ErrorCode::kInvalid, "ServiceHalf: " + half.error().message);
  RECRYPT_TRY(CheckCredential(entry, sign, label, user, now));
  StoredEntry stored;
  stored.label = user.label;
  stored.account = user.account;
  stored.profile_udf = user.profile_udf;
  stored.device = entry.device;
  stored.key = entry.key;
  stored.epoch = entry.epoch;
  stored.sign = DumpJson(ToJwk(sign));
  stored.service_half = DumpJson(entry.service_half);
  stored.member_half = DumpJson(entry.member_half);
  stored.credential = entry.credential;
  stored.created = now;
  return stored;
}

Result<NewEntries> CheckUser(ServiceContext& context, const UserRecord& user) {
  RECRYPT_ASSIGN(const AccountName account, AccountName::Parse(user.account));
  RECRYPT_ASSIGN(const std::string udf, NormalizeUdf(user.profile_udf));
  if (account.text() != user.account || udf != user.profile_udf) {
    return Fail(ErrorCode::kInvalid, "Account or Profile is not in its canonical spelling");
  }
  RECRYPT_ASSIGN(const LabelProfile label, FindLabelProfile(context, user.label));
  NewEntries fresh;
  fresh.label = user.label;
  fresh.account = user.account;
  fresh.label_version = label.version.version;
  for (const EntryRecord& entry : user.entries) {
    RECRYPT_ASSIGN(StoredEntry stored,
                   CheckEntry(context, label, user, entry, context.clock.NowSeconds()));
    fresh.entries.push_back(std::move(stored));
  }
  return fresh;
}

Status PutEntry(ServiceContext& context, StoreTransaction& transaction, const StoredEntry& entry) {
  RECRYPT_TRY(transaction.PutEntry(entry));
  AuditRecord record;
  record.event = "set-entry";
  record.time = context.clock.NowSeconds();
  record.label = entry.label;
  record.account = entry.account;
  record.device = entry.device;
  record.key = entry.key;
  RECRYPT_TRY(AppendOne(transaction, record));
  context.opened.Drop(entry.device, entry.key);
  return {};
}

Result<Response> PutFresh(ServiceContext& context, StoreTransaction& transaction,
                          const Caller& caller, const NewEntries& fresh) {
  const int64_t now = context.clock.NowSeconds();
  RECRYPT_ASSIGN(ResponseStatus status, CheckAdministrator(transaction, caller, fresh.label, now));
  if (!status.ok()) return Response(std::move(status));
  RECRYPT_ASSIGN(const auto label, transaction.FindLabel(fresh.label));
  if (!label || label->version != fresh.label_version) {
    return Fail(ErrorCode::kStale, "the label has changed meanwhile");
  }
  status.status = StatusCode::kOk;
  for (const StoredEntry& entry : fresh.entries) {
    RECRYPT_ASSIGN(const bool revoked, transaction.IsDeviceRevoked(entry.account, entry.device));
    if (revoked) return Fail(ErrorCode::kDenied, "the account has revoked one of the devices");
    RECRYPT_ASSIGN(const auto before, transaction.FindEntry(entry.device, entry.key));
    if (before && !before->revoked) status.status = StatusCode::kUpdated;
    RECRYPT_TRY(PutEntry(context, transaction, entry));
  }
  RECRYPT_ASSIGN([[maybe_unused]] const bool joined,
                 transaction.DeleteJoin(fresh.label, fresh.account));
  return Response(SetResponse{std::move(status)});
}

}  // namespace

void SetUser(ServiceContext& context, const Caller& caller, const UserRecord& record, Reply reply) {
  auto fresh = CheckUser(context, record);
  if (!fresh) return reply(Response(StatusFor(fresh.error())));
  CommitAndReply(
      context,
      [&context, caller, fresh = std::move(*fresh)](StoreTransaction& transaction) {
        return PutFresh(context, transaction, caller, fresh);
      },
      std::move(reply));
}

}  // namespace recrypt
