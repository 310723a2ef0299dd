#include "client/label_rotation.h"

#include <algorithm>

#include "client/label_roll.h"
#include "core/base/parallel.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

// Members in one request: some 2 KB for each of their devices, of the MiB that a request may have.
constexpr size_t kBatch = 64;
constexpr size_t kMaxEntriesInBatch = 384;
// With halves of up to six quorums in each.
constexpr size_t kMaxSplitEntriesInBatch = 256;

// A member whose devices lack entries for the next key.
struct Lacking {
  std::string account;
  std::shared_ptr<const Profile> profile;
  MemberKeys to;
  MemberRights rights;
};

class Rotation {
 public:
  Rotation(Client& client, const RotationWanted& wanted, AdministeredLabel label)
      : client_(client), wanted_(wanted), label_(std::move(label)) {}

  Result<Rotated> Run();

 private:
  // The key that entries are made for: the next one, and once it is that, the current one.
  LabelProfile::EpochKey NewKey() const {
    const LabelProfile& profile = label_.profile;
    return profile.next ? *profile.next : LabelProfile::EpochKey{profile.epoch, profile.key};
  }
  const std::string& name() const { return label_.profile.label.text(); }

  Status NameNextKey();
  Status GiveEntries();
  Status MakeCurrent();
  Status Publish(LabelProfile profile, SealedSecrets secrets);
  Result<Lacking> FindLacking(const std::string& account, const LabelRoll::Member& member) const;
  Status GiveTo(const std::vector<Lacking>& batch);
  Status Send(const std::vector<std::vector<UserRecord>>& users);
  Status CheckNotOvertaken();
  Error Overtaken() const;
  void LeaveOut(const std::string& account, Error why);

  Client& client_;
  const RotationWanted& wanted_;
  AdministeredLabel label_;
  std::set<std::string> members_;
  std::map<std::string, Error> left_out_;
};

Error Rotation::Overtaken() const {
  return {ErrorCode::kStale,
          name() +
              " was changed meanwhile, by another administrator or in another window; nothing is "
              "lost. 'recryptfs label show' tells its epoch; rotate it again if that is still " +
              std::to_string(label_.profile.epoch),
          0};
}

Status Rotation::Publish(LabelProfile profile, SealedSecrets secrets) {
  AdministeredLabel changed = label_;
  changed.profile = std::move(profile);
  const Status published = PublishNext(client_, changed, std::move(secrets));
  if (!published && published.error().code == ErrorCode::kStale) return Fail(Overtaken());
  if (!published) return Fail(published.error(), "rotating " + name());
  label_.profile = std::move(changed.profile);
  return {};
}

// Step 1. A key that was named before is taken, unless somebody has entries for it who is not to
// have them. Then its epoch is not used again either: they may have a credential of it.
Status Rotation::NameNextKey() {
  if (label_.profile.next && wanted_.without.empty()) {
    RECRYPT_ASSIGN(const LabelRoll roll, ReadRoll(label_, KeyUdf(NewKey().key)));
    if (!roll.key_is_spoilt) return {};
  }
  LabelProfile profile = label_.profile;
  const uint32_t last = profile.next ? profile.next->epoch : profile.epoch;
  if (last == UINT32_MAX) return Fail(ErrorCode::kInvalid, "no epoch follows the last one");
  PrivateKey key = PrivateKey::Generate(profile.key.curve());
  profile.next = LabelProfile::EpochKey{last + 1, key.public_key()};
  label_.secrets.keys.push_back({last + 1, std::move(key)});
  // A next key that is given up was never encrypted to.
  std::erase_if(label_.secrets.keys, [&profile](const LabelSecrets::EpochKey& one) {
    return !profile.HasKey(KeyUdf(one.key.public_key()));
  });
  RECRYPT_ASSIGN(SealedSecrets secrets, SealForHolders(client_, label_));
  return Publish(std::move(profile), std::move(secrets));
}

void Rotation::LeaveOut(const std::string& account, Error why) {
  left_out_.insert_or_assign(account, std::move(why));
}

// The member's personal group, or the devices of the present profile, without those that were taken
// out of the label.
Result<Lacking> Rotation::FindLacking(const std::string& account,
                                      const LabelRoll::Member& member) const {
  RECRYPT_ASSIGN(const AccountName name, AccountName::Parse(account));
  RECRYPT_ASSIGN(auto profile,
                 client_.profiles().Account(name, ProfileUse::kWrite, Freshness::kFetch));
  if (profile->Udf() != member.profile_udf) {
    return Fail(ErrorCode::kDenied, "its fingerprint is " + profile->Udf() +
                                        ", and the member's is " + member.profile_udf);
  }
  const auto kind = member.by_group ? EntriesFor::kGroup : EntriesFor::kEachDevice;
  RECRYPT_ASSIGN(MemberKeys to, KeysOf(client_, label_.profile.label, *profile, kind));
  std::erase_if(to.devices, [&member](const Device& device) {
    const std::string udf = KeyUdf(device.sign);
    return member.with_new_key.contains(udf) || member.taken_out.contains(udf);
  });
  Lacking lacking{account, profile, std::move(to), member.rights};
  if (lacking.to.devices.empty() && member.with_new_key.empty()) {
    return Fail(ErrorCode::kNotFound, "its profile lists no device that is in the label");
  }
  return lacking;
}

// Step 2, and once more at the end for who was added meanwhile. What is there is kept.
Status Rotation::GiveEntries() {
  RECRYPT_ASSIGN(LabelRoll roll, ReadRoll(label_, KeyUdf(NewKey().key)));
  std::vector<std::pair<std::string, LabelRoll::Member>> wanting;
  for (auto& [account, member] : roll.members) {
    if (wanted_.without.contains(account)) continue;
    if (roll.removed.contains(account)) {
      LeaveOut(account, {ErrorCode::kDenied,
                         "it was removed at some of the label's services, and not at all: remove "
                         "it again, or add it",
                         0});
      continue;
    }
    if (member.with_new_key == member.devices) {
      members_.insert(account);
    } else if (!left_out_.contains(account)) {
      wanting.emplace_back(account, std::move(member));
    }
  }
  const size_t most = label_.services.size() > 1 ? kMaxSplitEntriesInBatch : kMaxEntriesInBatch;
  std::vector<Lacking> batch;
  size_t entries = 0;
  for (size_t i = 0; i < wanting.size(); ++i) {
    auto lacking = FindLacking(wanting[i].first, wanting[i].second);
    if (!lacking) {
      LeaveOut(wanting[i].first, std::move(lacking.error()));
    } else {
      entries += lacking->to.devices.size();
      batch.push_back(std::move(*lacking));
    }
    const bool last = i + 1 == wanting.size();
    if (!last && batch.size() < kBatch && entries < most) continue;
    RECRYPT_TRY(GiveTo(batch));
    batch.clear();
    entries = 0;
    if (wanted_.progress) wanted_.progress(i + 1, wanting.size());
  }
  return {};
}

Status Rotation::GiveTo(const std::vector<Lacking>& batch) {
  if (batch.empty()) return {};
  const int64_t now = client_.clock().NowSeconds();
  std::vector<Result<std::vector<UserRecord>>> made(batch.size(), std::vector<UserRecord>());
  InParallel(batch.size(), [&](size_t i) {
    made[i] = MakeUsers(label_, {*batch[i].profile, batch[i].to, batch[i].rights, {NewKey()}}, now);
  });
  std::vector<std::vector<UserRecord>> users;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!made[i]) {
      LeaveOut(batch[i].account, std::move(made[i].error()));
    } else if (made[i]->front().entries.empty()) {
      members_.insert(batch[i].account);  // by what was there
    } else {
      users.push_back(std::move(*made[i]));
    }
  }
  return users.empty() ? Status{} : Send(users);
}

// All at once, to every service; where one refuses, one after the other, so that it is known whom.
Status Rotation::Send(const std::vector<std::vector<UserRecord>>& users) {
  const auto is_about_one = [](const Error& error) {
    return error.code == ErrorCode::kDenied || error.code == ErrorCode::kInvalid;
  };
  const auto send = [this](const auto& set) -> Status {
    RECRYPT_ASSIGN(const auto left, AtAll(label_.services, set));
    if (left.empty()) return {};
    return Fail(ErrorCode::kUnavailable, "away are " + Naming(left));
  };
  const Status all = send([&](size_t service) {
    UsersRecord record;
    for (const auto& user : users) record.users.push_back(user[service]);
    return label_.services[service].client->SetUsers(std::move(record));
  });
  if (all) {
    for (const auto& user : users) members_.insert(user.front().account);
    return {};
  }
  RECRYPT_TRY(CheckNotOvertaken());
  if (!is_about_one(all.error())) return all;
  for (const auto& user : users) {
    const std::string& account = user.front().account;
    const Status one = send(
        [&](size_t service) { return label_.services[service].client->SetUser(user[service]); });
    if (one) {
      members_.insert(account);
    } else if (is_about_one(one.error())) {
      LeaveOut(account, one.error());
    } else {
      return one;
    }
  }
  return {};
}

// Entries are refused too where the label has another key by now.
Status Rotation::CheckNotOvertaken() {
  const auto present =
      client_.profiles().Label(label_.profile.label, ProfileUse::kRead, Freshness::kFetch);
  if (present && (*present)->version.version != label_.profile.version.version) {
    return Fail(Overtaken());
  }
  return {};
}

// Step 3.
Status Rotation::MakeCurrent() {
  LabelProfile profile = label_.profile;
  profile.archived.push_back({profile.epoch, profile.key});
  profile.epoch = profile.next->epoch;
  profile.key = profile.next->key;
  profile.next.reset();
  return Publish(std::move(profile), {});
}

Result<Rotated> Rotation::Run() {
  RECRYPT_TRY(NameNextKey());
  RECRYPT_TRY(GiveEntries());
  if (members_.empty() && !left_out_.empty()) {
    return Fail(left_out_.begin()->second, "no member could be given the new key");
  }
  RECRYPT_TRY(MakeCurrent());
  RECRYPT_TRY(GiveEntries());
  Rotated done{label_.profile, {members_.begin(), members_.end()}, {}};
  for (auto& [account, why] : left_out_) done.left_out.push_back({account, std::move(why)});
  return done;
}

}  // namespace

Result<Rotated> RotateLabel(Client& client, const LabelName& label, const RotationWanted& wanted) {
  auto opened = OpenAdministered(client, label);
  // Another process of this account may just have seen a newer profile than this one was given.
  if (!opened && opened.error().code == ErrorCode::kStale) opened = OpenAdministered(client, label);
  if (!opened) return Fail(std::move(opened.error()));
  RECRYPT_TRY(CheckAllReached(opened->services));
  return Rotation(client, wanted, std::move(*opened)).Run();
}

}  // namespace recrypt
