#include <algorithm>

#include "core/udf/udf.h"
#include "service/set.h"

namespace recrypt {
namespace {

struct NewProfile {
  Profile profile;
  StoredProfile stored;
};

Result<NewProfile> ReadProfile(const Json& jws, int64_t now) {
  RECRYPT_ASSIGN(Profile profile, VerifyProfile(jws));
  RECRYPT_TRY(CheckNotExpired(profile.version, now));
  StoredProfile stored;
  stored.account = profile.account.text();
  stored.master = profile.Udf();
  stored.version = profile.version.version;
  stored.jws = DumpJson(jws);
  for (const Device& device : profile.devices) stored.devices.push_back(KeyUdf(device.sign));
  return NewProfile{std::move(profile), std::move(stored)};
}

bool Contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// Whether the account's personal group is a member of a label here: by its profile, its devices
// are. Accounts of other domains are guests; who has labels over several services is one, too.
// About the account itself, others ask the service of its own domain.
Result<bool> IsGroupMember(const ServiceContext& context, StoreTransaction& transaction,
                           const NewProfile& fresh) {
  if (fresh.profile.account.domain() == context.options.domain) return false;
  RECRYPT_ASSIGN(const auto lease,
                 transaction.FindGroupLease(fresh.stored.account, fresh.stored.master));
  return lease.has_value();
}

Result<ResponseStatus> CheckFirst(const ServiceContext& context, StoreTransaction& transaction,
                                  const Caller& caller, const NewProfile& fresh,
                                  bool group_member) {
  if (!group_member && context.options.registration == Registration::kClosed) {
    return Refusal("policy", "this service takes no new accounts");
  }
  if (!Contains(fresh.stored.devices, caller.device)) {
    return Refusal("policy", "a first profile is set by one of its devices");
  }
  if (!group_member && fresh.profile.account.domain() != context.options.domain) {
    RECRYPT_ASSIGN(const int64_t guests, transaction.CountGuests(context.options.domain));
    if (guests >= context.options.most_guests) {
      return Refusal("policy", "this service takes no more accounts of other domains than " +
                                   std::to_string(context.options.most_guests) +
                                   ": its operator can let it (guests)");
    }
  }
  return ResponseStatus{StatusCode::kOk, "", ""};
}

// A label of this name, of another account's, is taken for this account's personal group.
Result<ResponseStatus> CheckNameIsFree(StoreTransaction& transaction, const NewProfile& fresh) {
  RECRYPT_ASSIGN(const auto label, transaction.FindLabel(fresh.stored.account));
  if (!label || label->deleted) return ResponseStatus{};
  RECRYPT_ASSIGN(const Json jws, ParseJson(label->jws));
  RECRYPT_ASSIGN(const LabelProfile profile, VerifyLabelProfile(jws));
  if (profile.owner.udf == fresh.stored.master) return ResponseStatus{};
  return ResponseStatus{StatusCode::kExists, "exists",
                        "there is a label " + fresh.stored.account + " of " +
                            profile.owner.account.text() + ", so no account can be named so"};
}

Result<ResponseStatus> CheckSuccessor(StoreTransaction& transaction, const StoredProfile& before,
                                      const std::vector<std::string>& devices_before,
                                      const Caller& caller, const NewProfile& fresh) {
  if (before.master != fresh.stored.master) {
    return ResponseStatus{StatusCode::kExists, "exists",
                          "the account exists, with another master key"};
  }
  if (before.version >= fresh.stored.version) {
    return ResponseStatus{StatusCode::kExists, "stale",
                          "version " + std::to_string(before.version) + " is stored"};
  }
  if (!Contains(devices_before, caller.device) && !Contains(fresh.stored.devices, caller.device)) {
    return Refusal("policy", "a profile is set by one of its devices");
  }
  for (const std::string& device : fresh.stored.devices) {
    RECRYPT_ASSIGN(const bool revoked, transaction.IsDeviceRevoked(fresh.stored.account, device));
    if (revoked) return Refusal("revoked", "the profile lists a device that has been revoked");
  }
  return ResponseStatus{StatusCode::kUpdated, "", ""};
}

// A device that the account no longer lists is one that it has revoked.
Status RevokeDropped(ServiceContext& context, StoreTransaction& transaction,
                     const NewProfile& fresh, const std::vector<std::string>& devices_before) {
  for (const std::string& device : devices_before) {
    if (Contains(fresh.stored.devices, device)) continue;
    RECRYPT_ASSIGN([[maybe_unused]] const Revoked revoked,
                   RevokeDevice(context, transaction, fresh.stored.account, device));
  }
  return {};
}

Result<Response> PutFresh(ServiceContext& context, StoreTransaction& transaction,
                          const Caller& caller, const NewProfile& fresh) {
  RECRYPT_ASSIGN(const auto before, transaction.FindProfile(fresh.stored.account));
  RECRYPT_ASSIGN(const auto devices_before, transaction.DevicesOf(fresh.stored.account));
  // An answer may have been lost: the same object again is no mistake.
  if (before && before->jws == fresh.stored.jws) {
    return Response(SetResponse{{StatusCode::kUpdated, "", ""}});
  }
  RECRYPT_ASSIGN(const bool group_member, IsGroupMember(context, transaction, fresh));
  // One who has made new keys is a member by these: an administrator has compared them.
  const bool renewed = group_member && before && before->master != fresh.stored.master;
  ResponseStatus status;
  if (before && !renewed) {
    RECRYPT_ASSIGN(status, CheckSuccessor(transaction, *before, devices_before, caller, fresh));
  } else {
    RECRYPT_ASSIGN(status, CheckFirst(context, transaction, caller, fresh, group_member));
    if (status.ok() && !group_member) {
      RECRYPT_ASSIGN(status, CheckNameIsFree(transaction, fresh));
    }
  }
  if (!status.ok()) return Response(std::move(status));
  RECRYPT_TRY(transaction.PutProfile(fresh.stored));
  AuditRecord record;
  record.event = "set-profile";
  record.time = context.clock.NowSeconds();
  record.account = fresh.stored.account;
  record.device = caller.device;
  RECRYPT_TRY(AppendOne(transaction, record));
  RECRYPT_TRY(RevokeDropped(context, transaction, fresh, devices_before));
  return Response(SetResponse{std::move(status)});
}

}  // namespace

void SetProfile(ServiceContext& context, const Caller& caller, const Json& jws, Reply reply) {
  auto fresh = ReadProfile(jws, context.clock.NowSeconds());
  if (!fresh) return reply(Response(StatusFor(fresh.error())));
  CommitAndReply(
      context,
      [&context, caller, fresh = std::move(*fresh)](StoreTransaction& transaction) {
        return PutFresh(context, transaction, caller, fresh);
      },
      std::move(reply));
}

}  // namespace recrypt
