#include "client/label_roll.h"

#include "core/identity/credential.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr uint32_t kPage = 1000;

// One entry, as Select shows it.
struct Listed {
  std::string account;
  std::string profile_udf;
  std::string device;
  std::string key;
  bool revoked = false;
  bool group = false;
  Bytes credential;
};

Result<Listed> ReadListed(const Json& item) {
  Listed entry;
  RECRYPT_ASSIGN(entry.account, GetString(item, "Account"));
  // One account has one spelling here, whatever the service writes: who is to be left out is looked
  // for by it. What is no account's name is left out where its profile is asked for.
  if (const auto account = AccountName::Parse(entry.account)) entry.account = account->text();
  RECRYPT_ASSIGN(entry.profile_udf, GetString(item, "Profile"));
  RECRYPT_ASSIGN(entry.device, GetString(item, "Device"));
  RECRYPT_ASSIGN(entry.key, GetString(item, "Key"));
  entry.revoked = FindMember(item, "Revoked") != nullptr;
  entry.group = GetBool(item, "Group").value_or(false);
  if (FindMember(item, "Credential") != nullptr) {
    RECRYPT_ASSIGN(entry.credential, GetBytes(item, "Credential"));
  }
  return entry;
}

// The member's own. One that has expired was given to a writer too, who is to have another.
bool IsWriters(const Listed& entry, const std::string& profile_udf, const PublicKey& master) {
  if (entry.revoked || entry.credential.empty()) return false;
  const auto credential = VerifyCredential(entry.credential, master, 0);
  return credential && KeyUdf(credential->device) == entry.device &&
         credential->subject == CredentialSubject(entry.account, profile_udf);
}

Result<LabelRoll> ReadRollOf(ServiceClient& service, const AdministeredLabel& label,
                             const std::string& new_kid) {
  SelectRequest request;
  request.type = "Entries";
  request.label = label.profile.label.text();
  request.limit = kPage;
  RECRYPT_ASSIGN(const Json items, service.SelectAll(std::move(request)));
  LabelRoll roll;
  std::vector<Listed> entries;
  for (const Json& item : items) {
    RECRYPT_ASSIGN(entries.emplace_back(), ReadListed(item));
    const Listed& entry = entries.back();
    LabelRoll::Member& member = roll.members[entry.account];
    member.taken_out.insert(entry.device);
    if (entry.revoked) {
      roll.key_is_spoilt = roll.key_is_spoilt || entry.key == new_kid;
      continue;
    }
    member.profile_udf = entry.profile_udf;
    member.devices.insert(entry.device);
    member.by_group = member.by_group || entry.group;
    if (entry.key == new_kid) member.with_new_key.insert(entry.device);
  }
  for (const Listed& entry : entries) {
    LabelRoll::Member& member = roll.members[entry.account];
    const bool writes = IsWriters(entry, member.profile_udf, label.profile.master);
    if (writes) member.rights = MemberRights::kReadAndWrite;
  }
  for (auto& [account, member] : roll.members) {
    for (const std::string& device : member.devices) member.taken_out.erase(device);
  }
  std::erase_if(roll.members, [&roll](const auto& one) {
    if (one.second.devices.empty()) roll.removed.insert(one.first);
    return one.second.devices.empty();
  });
  return roll;
}

}  // namespace

// Members are those of the first service; a device has the new key when all have given it that.
Result<LabelRoll> ReadRoll(const AdministeredLabel& label, const std::string& new_kid) {
  RECRYPT_ASSIGN(LabelRoll roll, ReadRollOf(*label.services.front().client, label, new_kid));
  for (size_t i = 1; i < label.services.size(); ++i) {
    RECRYPT_ASSIGN(const LabelRoll other, ReadRollOf(*label.services[i].client, label, new_kid));
    roll.key_is_spoilt = roll.key_is_spoilt || other.key_is_spoilt;
    roll.removed.insert(other.removed.begin(), other.removed.end());
    for (auto& [account, member] : roll.members) {
      const auto same = other.members.find(account);
      std::erase_if(member.with_new_key, [&](const std::string& device) {
        return same == other.members.end() || !same->second.with_new_key.contains(device);
      });
    }
  }
  return roll;
}

}  // namespace recrypt
