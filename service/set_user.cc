#include <algorithm>

#include "core/identity/credential.h"
#include "core/identity/service_halves.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"
#include "service/set.h"

namespace recrypt {
namespace {

struct NewEntries {
  std::string label;
  uint64_t label_version = 0;  // that they were checked against
  std::vector<std::string> accounts;
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

// Exactly those of the quorums that this service belongs to: what is absent would be missed by
// readers, when the service that stands in for it is away.
Status CheckQuorums(const ServiceContext& context, const LabelProfile& label,
                    const ServiceHalves& halves) {
  const std::vector<std::string> names = QuorumsOf(label).NamesFor(context.options.domain);
  const bool all = names.size() == halves.size() &&
                   std::all_of(names.begin(), names.end(),
                               [&](const std::string& name) { return halves.contains(name); });
  if (all) return {};
  return Fail(ErrorCode::kInvalid,
              "ServiceHalf: its halves are not those of the label's services and threshold");
}

Result<StoredEntry> CheckEntry(const ServiceContext& context, const LabelProfile& label,
                               const UserRecord& user, const EntryRecord& entry, int64_t now) {
  RECRYPT_ASSIGN(const PublicKey sign, PublicKeyFromJwk(entry.sign));
  if (sign.curve() == Curve::kX25519 || KeyUdf(sign) != entry.device) {
    return Fail(ErrorCode::kInvalid, "Device is not the fingerprint of Sign");
  }
  if (entry.group && label.label.text() == user.account) {
    return Fail(ErrorCode::kInvalid, "a personal group has entries of devices, not of itself");
  }
  const auto key = FindLabelKey(label, entry.key);
  if (!key || key->epoch != entry.epoch) {
    return Fail(ErrorCode::kInvalid, "Key and Epoch are none of the label's");
  }
  // A half that this service cannot open is of no use; one about something else is refused here
  // rather than with the first grant. What was opened is dropped again.
  const auto halves = OpenServiceHalf(entry.service_half, context.keys,
                                      {entry.device, entry.key, user.label}, key->key.curve());
  if (!halves) return Fail(ErrorCode::kInvalid, "ServiceHalf: " + halves.error().message);
  RECRYPT_TRY(CheckQuorums(context, label, *halves));
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
  stored.group = entry.group;
  stored.created = now;
  return stored;
}

// Whoever gives entries for archived keys and none for the current one does not know of a rotation.
Status CheckKnowsTheKey(const LabelProfile& label, const UserRecord& user) {
  const auto has = [&user](const auto& wanted) {
    return std::any_of(user.entries.begin(), user.entries.end(),
                       [&wanted](const EntryRecord& entry) { return wanted(entry.epoch); });
  };
  const bool archived = has([&label](uint32_t epoch) { return epoch < label.epoch; });
  if (!archived || has([&label](uint32_t epoch) { return epoch == label.epoch; })) return {};
  return Fail(ErrorCode::kStale,
              "the label has got another key meanwhile: ask for its profile again");
}

Status CheckUser(ServiceContext& context, const LabelProfile& label, const UserRecord& user,
                 NewEntries& fresh) {
  RECRYPT_ASSIGN(const AccountName account, AccountName::Parse(user.account));
  RECRYPT_ASSIGN(const std::string udf, NormalizeUdf(user.profile_udf));
  if (account.text() != user.account || udf != user.profile_udf) {
    return Fail(ErrorCode::kInvalid, "Account or Profile is not in its canonical spelling");
  }
  if (user.label != fresh.label) {
    return Fail(ErrorCode::kInvalid, "members of two labels are set one after the other");
  }
  fresh.accounts.push_back(user.account);
  for (const EntryRecord& entry : user.entries) {
    RECRYPT_ASSIGN(StoredEntry stored,
                   CheckEntry(context, label, user, entry, context.clock.NowSeconds()));
    fresh.entries.push_back(std::move(stored));
  }
  return CheckKnowsTheKey(label, user);
}

Result<NewEntries> CheckUsers(ServiceContext& context, const UsersRecord& record) {
  NewEntries fresh;
  fresh.label = record.users.front().label;
  RECRYPT_ASSIGN(const LabelProfile label, FindLabelProfile(context, fresh.label));
  fresh.label_version = label.version.version;
  for (const UserRecord& user : record.users) {
    Status checked = CheckUser(context, label, user, fresh);
    if (!checked) return Fail(checked.error(), user.account);
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
    if (revoked) {
      return Fail(ErrorCode::kDenied, entry.account + " has revoked one of the devices");
    }
    RECRYPT_ASSIGN(const auto before, transaction.FindEntry(entry.device, entry.key));
    if (before && !before->revoked) status.status = StatusCode::kUpdated;
    RECRYPT_TRY(PutEntry(context, transaction, entry));
  }
  for (const std::string& account : fresh.accounts) {
    RECRYPT_ASSIGN([[maybe_unused]] const bool joined,
                   transaction.DeleteJoin(fresh.label, account));
  }
  return Response(SetResponse{std::move(status)});
}

}  // namespace

void SetUsers(ServiceContext& context, const Caller& caller, const UsersRecord& record,
              Reply reply) {
  auto fresh = CheckUsers(context, record);
  if (!fresh) return reply(Response(StatusFor(fresh.error())));
  CommitAndReply(
      context,
      [&context, caller, fresh = std::move(*fresh)](StoreTransaction& transaction) {
        return PutFresh(context, transaction, caller, fresh);
      },
      std::move(reply));
}

}  // namespace recrypt
