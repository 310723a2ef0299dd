#include "client/label_admin.h"

#include <algorithm>
#include <map>

#include "client/object_life.h"
#include "client/profile_admin.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

// Key pairs and profile of a new label.
struct Drafted {
  LabelProfile profile;
  LabelSecrets secrets;
};

Drafted Draft(const NewLabel& wanted, const Identity& owner, const ServiceProfile& service,
              int64_t now) {
  const Curve sign = wanted.curve == Curve::kP256 ? Curve::kP256 : Curve::kEd25519;
  LabelSecrets secrets{wanted.name, PrivateKey::Generate(sign), {}};
  secrets.keys.push_back({1, PrivateKey::Generate(wanted.curve)});
  const Principal principal{owner.account, owner.Udf()};
  LabelProfile profile{VersionFrom(1, now),
                       wanted.name,
                       secrets.master.public_key(),
                       principal,
                       {principal},
                       1,
                       secrets.keys.front().key.public_key(),
                       {},
                       {{service.domain, service.Udf()}},
                       wanted.policy};
  return {std::move(profile), std::move(secrets)};
}

Status CheckMayCreate(const NewLabel& wanted, const Identity& owner) {
  if (wanted.name.domain() != owner.account.domain()) {
    return Fail(ErrorCode::kInvalid, "a label of " + std::string(wanted.name.domain()) +
                                         " belongs to an account there; this one is " +
                                         owner.account.text());
  }
  if (wanted.curve != Curve::kX25519 && wanted.curve != Curve::kP256) {
    return Fail(ErrorCode::kInvalid, "a label's key is on X25519 or P-256");
  }
  return {};
}

}  // namespace

Result<LabelProfile> LabelAdmin::Create(const NewLabel& wanted) {
  const Identity& identity = client_.keystore().identity();
  RECRYPT_TRY(CheckMayCreate(wanted, identity));
  const auto service = client_.services().At(std::string(identity.account.domain()));
  const auto there = service->GetStatic("KeySet", wanted.name.text());
  if (there) return Complete(wanted.name, *there);
  if (there.error().code != ErrorCode::kNotFound) return Fail(there.error());
  RECRYPT_ASSIGN(ServiceProfile service_profile, service->Service());
  Drafted draft = Draft(wanted, identity, service_profile, client_.clock().NowSeconds());
  const Json jws = SignLabelProfile(draft.profile, draft.secrets.master);
  // Bounds are the reader's: nothing is published that others would refuse.
  RECRYPT_TRY(VerifyLabelProfile(jws));
  KeySetRecord record{jws, {}};
  RECRYPT_ASSIGN(record.secrets[identity.DeviceUdf()],
                 SealLabelSecrets(draft.secrets, identity.device_encrypt.public_key()));
  if (auto set = service->SetKeySet(std::move(record)); !set) {
    return Fail(set.error(), "creating " + wanted.name.text());
  }
  RECRYPT_TRY(ListAsOwned(wanted.name, draft.profile.Udf()));
  RECRYPT_TRY(client_.profiles().Learn(jws));
  const AdministeredLabel opened{
      draft.profile, std::move(draft.secrets), {}, service, std::move(service_profile)};
  RECRYPT_ASSIGN(const Profile own, OwnProfile(client_));
  RECRYPT_TRY(AddEntries(opened, own, MemberRights::kReadAndWrite));
  return std::move(draft.profile);
}

// A creation that published the label and was interrupted before the rest.
Result<LabelProfile> LabelAdmin::Complete(const LabelName& label, const Json& jws) {
  const Identity& identity = client_.keystore().identity();
  const auto taken = Fail(ErrorCode::kExists, "there is a label " + label.text() + " already");
  const auto service = client_.services().At(std::string(label.domain()));
  RECRYPT_ASSIGN(const LabelProfile profile, VerifyLabelProfile(jws));
  if (profile.owner.udf != identity.Udf()) return taken;
  auto value = service->GetStatic("Secrets", label.text());
  if (!value) return taken;
  RECRYPT_ASSIGN(const Json* jwe, GetObject(*value, "Secrets"));
  RECRYPT_ASSIGN(LabelSecrets secrets, OpenLabelSecrets(*jwe, identity.device_encrypt));
  // Only what this account's own secrets stand behind is taken for its own.
  RECRYPT_TRY(CheckSecretsFit(profile, secrets));
  RECRYPT_ASSIGN(const Profile own, OwnProfile(client_));
  const bool listed = std::any_of(own.labels.begin(), own.labels.end(), [&](const auto& owned) {
    return owned.label == label && owned.master_udf == profile.Udf();
  });
  const auto entries = service->GetEntries(label);
  if (listed && entries) return taken;
  RECRYPT_TRY(ListAsOwned(label, profile.Udf()));
  RECRYPT_TRY(client_.profiles().Learn(jws));
  RECRYPT_ASSIGN(ServiceProfile service_profile, service->Service());
  const AdministeredLabel opened{
      profile, std::move(secrets), {}, service, std::move(service_profile)};
  RECRYPT_TRY(AddEntries(opened, own, MemberRights::kReadAndWrite));
  return profile;
}

Status LabelAdmin::ListAsOwned(const LabelName& label, const std::string& master_udf) {
  RECRYPT_ASSIGN(const Profile own, OwnProfile(client_));
  std::vector<Profile::OwnedLabel> labels = own.labels;
  const auto found = std::find_if(labels.begin(), labels.end(),
                                  [&](const auto& owned) { return owned.label == label; });
  if (found == labels.end()) {
    labels.push_back({label, master_udf});
  } else if (found->master_udf == master_udf) {
    return PublishProfile(client_);
  } else {
    found->master_udf = master_udf;
  }
  RECRYPT_TRY(UpdateOwnedLabels(client_, std::move(labels)));
  return {};
}

Status LabelAdmin::AddEntries(const AdministeredLabel& opened, const Profile& member,
                              MemberRights rights) {
  RECRYPT_ASSIGN(UserRecord user,
                 MakeUser(opened, {member, member.devices, rights, opened.profile.Keys()},
                          client_.clock().NowSeconds()));
  auto set = opened.service->SetUser(std::move(user));
  if (!set) {
    return Fail(set.error(),
                "adding " + member.account.text() + " to " + opened.profile.label.text());
  }
  return {};
}

Status LabelAdmin::AddMember(const LabelName& label, const AccountName& account,
                             MemberRights rights) {
  RECRYPT_ASSIGN(const auto member,
                 client_.profiles().Account(account, ProfileUse::kWrite, Freshness::kFetch));
  RECRYPT_ASSIGN(const AdministeredLabel opened, OpenAdministered(client_, label));
  return AddEntries(opened, *member, rights);
}

Result<int64_t> LabelAdmin::RemoveMember(const LabelName& label, const AccountName& account) {
  RECRYPT_ASSIGN(const auto service, ServiceOf(label));
  auto until = service->DeleteUser(label, account, "");
  if (!until) return Fail(until.error(), "removing " + account.text() + " from " + label.text());
  return until;
}

Result<std::shared_ptr<ServiceClient>> LabelAdmin::ServiceOf(const LabelName& label) {
  RECRYPT_ASSIGN(const auto profile, client_.profiles().Label(label, ProfileUse::kRead));
  const LabelProfile::Service& service = profile->services.front();
  return client_.services().At(service.domain, service.udf);
}

Result<std::vector<LabelMember>> LabelAdmin::Members(const LabelName& label) {
  RECRYPT_ASSIGN(const auto service, ServiceOf(label));
  SelectRequest request;
  request.type = "Members";
  request.label = label.text();
  request.limit = 1000;
  RECRYPT_ASSIGN(const Json items, service->SelectAll(request));
  std::vector<LabelMember> members;
  for (const Json& item : items) {
    LabelMember member;
    RECRYPT_ASSIGN(member.account, GetString(item, "Account"));
    RECRYPT_ASSIGN(member.profile_udf, GetString(item, "Profile"));
    if (const Json* devices = FindMember(item, "Devices"); devices && devices->is_array()) {
      for (const Json& device : *devices) {
        if (device.is_string()) member.devices.push_back(device.get<std::string>());
      }
    }
    members.push_back(std::move(member));
  }
  return members;
}

Result<LabelProfile> LabelAdmin::SetPolicy(const LabelName& label, const LabelPolicy& policy) {
  RECRYPT_ASSIGN(AdministeredLabel opened, OpenAdministered(client_, label));
  opened.profile.policy = policy;
  if (auto set = PublishNext(client_, opened, {}); !set) {
    return Fail(set.error(), "changing the policy of " + label.text());
  }
  return std::move(opened.profile);
}

Result<Json> LabelAdmin::Reviews(const LabelName& label) {
  RECRYPT_ASSIGN(const auto service, ServiceOf(label));
  SelectRequest request;
  request.type = "Reviews";
  request.label = label.text();
  request.limit = 1000;
  return service->SelectAll(request);
}

Status LabelAdmin::Decide(const LabelName& label, uint64_t id, ReviewDecision decision,
                          uint32_t seconds) {
  RECRYPT_ASSIGN(const auto service, ServiceOf(label));
  const bool approved = decision == ReviewDecision::kApprove;
  Status set = service->SetReview({label.text(), id, approved, seconds});
  if (!set) return Fail(set.error(), "review " + std::to_string(id) + " of " + label.text());
  return {};
}

Result<uint64_t> LabelAdmin::Publish(const LabelName& label) {
  RECRYPT_ASSIGN(const auto seen, client_.trust().LastSeen(TrustSubject::kLabel, label.text()));
  if (!seen) return Fail(ErrorCode::kNotFound, "this device has not seen " + label.text());
  RECRYPT_ASSIGN(const LabelProfile profile, VerifyLabelProfile(seen->object));
  const LabelProfile::Service& at = profile.services.front();
  const auto service = client_.services().At(at.domain, at.udf);
  if (auto set = service->SetKeySet({seen->object, {}}); !set) {
    return Fail(set.error(), "publishing " + label.text());
  }
  return profile.version.version;
}

Result<LabelProfile> LabelAdmin::Show(const LabelName& label) {
  RECRYPT_ASSIGN(const auto profile,
                 client_.profiles().Label(label, ProfileUse::kRead, Freshness::kFetch));
  return *profile;
}

Result<std::vector<LabelAdmin::Listed>> LabelAdmin::List() {
  std::map<LabelName, Listed> listed;
  const auto at = [&listed](const LabelName& label) -> Listed& {
    return listed.try_emplace(label, Listed{label, false, false}).first->second;
  };
  RECRYPT_ASSIGN(const Profile own, OwnProfile(client_));
  for (const Profile::OwnedLabel& owned : own.labels) at(owned.label).administrator = true;
  const auto service = client_.services().At(std::string(own.account.domain()));
  SelectRequest request;
  request.type = "Labels";
  request.limit = 1000;
  RECRYPT_ASSIGN(const Json items, service->SelectAll(request));
  for (const Json& item : items) {
    RECRYPT_ASSIGN(const std::string text, GetString(item, "Label"));
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(text));
    Listed& one = at(label);
    one.member = one.member || GetBool(item, "Member").value_or(false);
    one.administrator = one.administrator || GetBool(item, "Administrator").value_or(false);
  }
  std::vector<Listed> result;
  for (auto& [label, one] : listed) result.push_back(std::move(one));
  return result;
}

Result<EscrowedLabel> LabelAdmin::EscrowedKeys(const LabelName& label) {
  RECRYPT_ASSIGN(AdministeredLabel opened, OpenAdministered(client_, label));
  RECRYPT_ASSIGN(const auto seen, client_.trust().LastSeen(TrustSubject::kLabel, label.text()));
  if (!seen || seen->version != opened.profile.version.version) {
    return Fail(ErrorCode::kStale, "the profile of " + label.text() + " changed meanwhile");
  }
  EscrowedLabel escrowed{seen->object, std::move(opened.profile), {}};
  for (LabelSecrets::EpochKey& key : opened.secrets.keys) {
    if (escrowed.profile.HasKey(KeyUdf(key.key.public_key()))) {
      escrowed.keys.push_back(std::move(key));
    }
  }
  return escrowed;
}

Result<SelectResponse> LabelAdmin::Audit(const LabelName& label, const AuditFilter& filter) {
  RECRYPT_ASSIGN(const auto service, ServiceOf(label));
  SelectRequest request;
  request.type = "Audit";
  request.label = label.text();
  request.account = filter.account;
  request.event = filter.event;
  request.document = filter.document;
  request.from = filter.from;
  request.to = filter.to;
  request.after = filter.after;
  request.limit = filter.limit;
  return service->Select(std::move(request));
}

}  // namespace recrypt
