#include "client/label_admin.h"

#include <algorithm>
#include <map>
#include <set>

#include "client/object_life.h"
#include "client/personal_key.h"
#include "client/profile_admin.h"
#include "core/recryption/recryption.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

Status CheckMayCreate(const NewLabel& wanted, const Identity& owner) {
  if (wanted.name.domain() != owner.account.domain()) {
    return Fail(ErrorCode::kInvalid, "a label of " + std::string(wanted.name.domain()) +
                                         " belongs to an account there; this one is " +
                                         owner.account.text());
  }
  if (wanted.curve != Curve::kX25519 && wanted.curve != Curve::kP256) {
    return Fail(ErrorCode::kInvalid, "a label's key is on X25519 or P-256");
  }
  const auto is_home = [&](const auto& one) { return one.domain == wanted.name.domain(); };
  if (!wanted.services.empty() && std::ranges::none_of(wanted.services, is_home)) {
    return Fail(ErrorCode::kInvalid,
                "the service of " + std::string(wanted.name.domain()) +
                    " has to be one of the label's: it is where the label is looked for");
  }
  if (wanted.services.size() > kMaxServices) {
    return Fail(ErrorCode::kInvalid, "a label's key is split over 5 services at most");
  }
  if (wanted.threshold > std::max<size_t>(wanted.services.size(), 1)) {
    return Fail(ErrorCode::kInvalid, "the threshold is above the number of services");
  }
  // Each would hold for itself, under a number of its own, and a supervisor decide at each.
  if (wanted.services.size() > 1 && wanted.policy.review.any()) {
    return Fail(ErrorCode::kForbidden, "a label over several services cannot be under review");
  }
  return {};
}

// The service that stands there now, over verified TLS: pinned, or by the fingerprint that is
// named, or pinned now.
Result<LabelProfile::Service> FindService(Client& client, const NewLabel::Service& wanted) {
  const std::string& domain = wanted.domain;
  RECRYPT_ASSIGN(const Json jws, client.services().At(domain)->GetStatic("Service", domain));
  RECRYPT_ASSIGN(const ServiceProfile service, VerifyServiceProfile(jws));
  const std::string udf = service.Udf();
  if (service.domain != domain || (!wanted.udf.empty() && udf != wanted.udf)) {
    return Fail(ErrorCode::kDenied, "the recryption service of " + domain + " is " +
                                        service.domain + " " + udf + ", not " + wanted.udf);
  }
  RECRYPT_ASSIGN(const bool pinned, client.trust().CheckPin(TrustSubject::kService, domain, udf));
  if (pinned) return LabelProfile::Service{domain, udf};
  RECRYPT_TRY(client.trust().Pin(
      {TrustSubject::kService, domain, udf, wanted.udf.empty() ? "first use" : "explicit",
       client.clock().NowSeconds()},
      PinChange::kRefuse));
  return LabelProfile::Service{domain, udf};
}

bool SameServices(const LabelProfile& profile, const NewLabel& wanted) {
  if (wanted.services.empty()) return profile.services.size() == 1;
  const size_t threshold = wanted.threshold == 0 ? wanted.services.size() : wanted.threshold;
  std::set<std::string> a, b;
  for (const auto& one : profile.services) a.insert(one.domain);
  for (const auto& one : wanted.services) b.insert(one.domain);
  return a == b && profile.threshold == threshold;
}

}  // namespace

Result<LabelProfile> LabelAdmin::Create(const NewLabel& wanted) {
  const Identity& identity = client_.keystore().identity();
  RECRYPT_TRY(CheckMayCreate(wanted, identity));
  const auto home = client_.services().At(std::string(identity.account.domain()));
  const auto there = home->GetStatic("KeySet", wanted.name.text());
  if (there) return Complete(wanted, *there);
  if (there.error().code != ErrorCode::kNotFound) return Fail(there.error());
  return Draft(wanted);
}

// Key pairs and profile of a new label, published where others find it first.
Result<LabelProfile> LabelAdmin::Draft(const NewLabel& wanted) {
  const Identity& owner = client_.keystore().identity();
  std::vector<NewLabel::Service> named = wanted.services;
  if (named.empty()) named.push_back({std::string(owner.account.domain()), ""});
  std::vector<LabelProfile::Service> services;
  for (const NewLabel::Service& one : named) {
    auto found = FindService(client_, one);
    if (!found) return Fail(found.error(), "creating " + wanted.name.text());
    services.push_back(std::move(*found));
  }
  const Curve sign = wanted.curve == Curve::kP256 ? Curve::kP256 : Curve::kEd25519;
  LabelSecrets secrets{wanted.name, PrivateKey::Generate(sign), {}};
  secrets.keys.push_back({1, PrivateKey::Generate(wanted.curve)});
  const Principal principal{owner.account, owner.Udf()};
  LabelProfile profile{VersionFrom(1, client_.clock().NowSeconds()),
                       wanted.name,
                       secrets.master.public_key(),
                       principal,
                       {principal},
                       1,
                       secrets.keys.front().key.public_key(),
                       {},
                       std::move(services),
                       wanted.policy};
  profile.threshold =
      wanted.threshold == 0 ? static_cast<uint32_t>(named.size()) : wanted.threshold;
  const Json jws = SignLabelProfile(profile, secrets.master);
  // Bounds are the reader's: nothing is published that others would refuse.
  RECRYPT_TRY(VerifyLabelProfile(jws));
  RECRYPT_ASSIGN(auto reached, ReachServices(client_, profile));
  AdministeredLabel opened{std::move(profile), std::move(secrets), {}, std::move(reached)};
  RECRYPT_TRY(CheckAllReached(opened.services));
  return MakeKnown(std::move(opened), jws);
}

// At the service of the label's domain first: what is there is gone on with.
Result<LabelProfile> LabelAdmin::MakeKnown(AdministeredLabel opened, const Json& jws) {
  const Identity& identity = client_.keystore().identity();
  const std::string name = opened.profile.label.text();
  SealedSecrets sealed;
  RECRYPT_ASSIGN(sealed[identity.DeviceUdf()],
                 SealLabelSecrets(opened.secrets, identity.device_encrypt.public_key()));
  const size_t home = HomePlace(opened);
  if (const Status set = opened.services[home].client->SetKeySet({jws, sealed}); !set) {
    return Fail(set.error(), "creating " + name);
  }
  const auto incomplete = [&](const std::vector<ServiceLeft>& left) {
    return Fail(ErrorCode::kUnavailable, "creating " + name + ": left are " + Naming(left) +
                                             "; run the command again when they answer");
  };
  const auto others = AtAll(opened.services, [&](size_t i) {
    if (i == home) return Status{};
    return opened.services[i].client->SetKeySet({jws, sealed});
  });
  if (!others) return Fail(others.error(), "creating " + name);
  if (!others->empty()) return incomplete(*others);
  RECRYPT_TRY(ListAsOwned(opened.profile.label, opened.profile.Udf()));
  RECRYPT_TRY(client_.profiles().Learn(jws));
  RECRYPT_ASSIGN(const Profile own, OwnProfile(client_));
  RECRYPT_ASSIGN(const auto left, AddEntries(opened, own, MemberRights::kReadAndWrite));
  if (!left.empty()) return incomplete(left);
  RECRYPT_TRY(NameAsGroup(opened.profile));
  return std::move(opened.profile);
}

// A creation that published the label and was interrupted before the rest.
Result<LabelProfile> LabelAdmin::Complete(const NewLabel& wanted, const Json& jws) {
  const LabelName& label = wanted.name;
  const Identity& identity = client_.keystore().identity();
  const auto taken = Fail(ErrorCode::kExists, "there is a label " + label.text() + " already");
  RECRYPT_ASSIGN(const LabelProfile profile, VerifyLabelProfile(jws));
  if (profile.owner.udf != identity.Udf() || !SameServices(profile, wanted)) return taken;
  const auto home = client_.services().At(std::string(label.domain()));
  auto value = home->GetStatic("Secrets", label.text());
  if (!value) return taken;
  RECRYPT_ASSIGN(const Json* jwe, GetObject(*value, "Secrets"));
  RECRYPT_ASSIGN(LabelSecrets secrets, OpenLabelSecrets(*jwe, identity.device_encrypt));
  // Only what this account's own secrets stand behind is taken for its own.
  RECRYPT_TRY(CheckSecretsFit(profile, secrets));
  RECRYPT_ASSIGN(auto reached, ReachServices(client_, profile));
  AdministeredLabel opened{profile, std::move(secrets), {}, std::move(reached)};
  RECRYPT_ASSIGN(const Profile own, OwnProfile(client_));
  const bool listed = std::any_of(own.labels.begin(), own.labels.end(), [&](const auto& owned) {
    return owned.label == label && owned.master_udf == profile.Udf();
  });
  bool entries = true;
  for (const AdministeredService& service : opened.services) {
    entries = entries && (service.away || service.client->GetEntries(label));
  }
  const bool group = label != own.PersonalGroup() || !own.personal.empty();
  if (listed && entries && group) return taken;
  RECRYPT_TRY(CheckAllReached(opened.services));
  return MakeKnown(std::move(opened), jws);
}

// The label of the account's own name becomes its personal group once all else is there.
Status LabelAdmin::NameAsGroup(const LabelProfile& label) {
  RECRYPT_ASSIGN(const Profile own, OwnProfile(client_));
  if (label.label != own.PersonalGroup() || !own.personal.empty()) return {};
  return AddPersonalKey(client_, label.key);
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

Result<std::vector<ServiceLeft>> LabelAdmin::AddEntries(const AdministeredLabel& opened,
                                                        const Profile& member, MemberRights rights,
                                                        EntriesFor wanted) {
  RECRYPT_ASSIGN(MemberKeys to, KeysOf(client_, opened.profile.label, member, wanted));
  RECRYPT_ASSIGN(const std::vector<UserRecord> users,
                 MakeUsers(opened, {member, std::move(to), rights, opened.profile.Keys()},
                           client_.clock().NowSeconds()));
  const std::string doing =
      "adding " + member.account.text() + " to " + opened.profile.label.text();
  auto left = AtAll(opened.services,
                    [&](size_t i) { return opened.services[i].client->SetUser(users[i]); });
  if (!left) return Fail(left.error(), doing);
  if (opened.services.size() - left->size() >= opened.profile.threshold) return left;
  return Fail(ErrorCode::kUnavailable,
              doing + ": too few services have the member to grant: left are " + Naming(*left) +
                  "; run the command again when they answer");
}

Result<std::vector<ServiceLeft>> LabelAdmin::AddMember(const LabelName& label,
                                                       const AccountName& account,
                                                       MemberRights rights, EntriesFor wanted) {
  RECRYPT_ASSIGN(const auto member,
                 client_.profiles().Account(account, ProfileUse::kWrite, Freshness::kFetch));
  RECRYPT_ASSIGN(const AdministeredLabel opened, OpenAdministered(client_, label));
  return AddEntries(opened, *member, rights, wanted);
}

Result<RemovedMember> LabelAdmin::RemoveMember(const LabelName& label, const AccountName& account) {
  RECRYPT_ASSIGN(const auto profile, client_.profiles().Label(label, ProfileUse::kRead));
  std::vector<AdministeredService> services;
  for (const LabelProfile::Service& named : profile->services) {
    services.push_back({named, client_.services().At(named.domain, named.udf), {}, {}});
  }
  std::vector<Result<int64_t>> until(services.size(), int64_t{0});
  const auto removed_before = [](const Result<int64_t>& one) {
    return !one && one.error().code == ErrorCode::kNotFound;
  };
  const auto left = AtAll(services, [&](size_t i) -> Status {
    until[i] = services[i].client->DeleteUser(label, account, "");
    if (until[i] || removed_before(until[i])) return {};
    return Fail(until[i].error());
  });
  const std::string doing = "removing " + account.text() + " from " + label.text();
  if (!left) return Fail(left.error(), doing);
  RemovedMember removed{0, *left};
  size_t before = 0;
  std::optional<Error> none;
  for (const Result<int64_t>& one : until) {
    if (one) removed.until = std::max(removed.until, *one);
    if (!removed_before(one)) continue;
    none = one.error();
    ++before;
  }
  if (before == services.size()) return Fail(*none, doing);
  // The revocation holds once those that are left are too few to grant.
  if (left->size() < profile->threshold) return removed;
  return Fail(ErrorCode::kUnavailable,
              doing + ": the member may go on reading, since " + std::to_string(left->size()) +
                  " services could not be told and " + std::to_string(profile->threshold) +
                  " grant together: " + Naming(*left) + "; run the command again");
}

Result<Json> LabelAdmin::SelectOf(const LabelName& label, const std::string& type) {
  RECRYPT_ASSIGN(const auto profile, client_.profiles().Label(label, ProfileUse::kRead));
  SelectRequest request;
  request.type = type;
  request.label = label.text();
  request.limit = 1000;
  Result<Json> items = Json::array();
  for (const LabelProfile::Service& one : profile->services) {
    items = client_.services().At(one.domain, one.udf)->SelectAll(request);
    if (items || items.error().code != ErrorCode::kUnavailable) return items;
  }
  return items;
}

Result<std::vector<LabelMember>> LabelAdmin::Members(const LabelName& label) {
  RECRYPT_ASSIGN(const Json items, SelectOf(label, "Members"));
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
  if (opened.services.size() > 1 && policy.review.any()) {
    return Fail(ErrorCode::kForbidden, label.text() +
                                           " is over several services, each of which would ask "
                                           "for decisions of its own: it cannot be under review");
  }
  opened.profile.policy = policy;
  if (auto set = PublishNext(client_, opened, {}); !set) {
    return Fail(set.error(), "changing the policy of " + label.text());
  }
  return std::move(opened.profile);
}

Result<Json> LabelAdmin::Reviews(const LabelName& label) { return SelectOf(label, "Reviews"); }

Status LabelAdmin::Decide(const LabelName& label, uint64_t id, ReviewDecision decision,
                          uint32_t seconds) {
  RECRYPT_ASSIGN(const auto profile, client_.profiles().Label(label, ProfileUse::kRead));
  const auto& [domain, udf] = profile->services.front();
  const bool approved = decision == ReviewDecision::kApprove;
  Status set = client_.services().At(domain, udf)->SetReview({label.text(), id, approved, seconds});
  if (!set) return Fail(set.error(), "review " + std::to_string(id) + " of " + label.text());
  return {};
}

Result<uint64_t> LabelAdmin::Publish(const LabelName& label) {
  RECRYPT_ASSIGN(const auto seen, client_.trust().LastSeen(TrustSubject::kLabel, label.text()));
  if (!seen) return Fail(ErrorCode::kNotFound, "this device has not seen " + label.text());
  RECRYPT_ASSIGN(const LabelProfile profile, VerifyLabelProfile(seen->object));
  for (const auto& [domain, udf] : profile.services) {
    const Status set = client_.services().At(domain, udf)->SetKeySet({seen->object, {}});
    if (!set) return Fail(set.error(), "publishing " + label.text() + " at " + domain);
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

Result<SelectResponse> LabelAdmin::Audit(const LabelName& label, const std::string& domain,
                                         const AuditFilter& filter) {
  RECRYPT_ASSIGN(const auto profile, client_.profiles().Label(label, ProfileUse::kRead));
  const auto found = std::ranges::find(profile->services, domain, &LabelProfile::Service::domain);
  if (found == profile->services.end()) {
    return Fail(ErrorCode::kNotFound, domain + " is no service of " + label.text());
  }
  const auto service = client_.services().At(found->domain, found->udf);
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
