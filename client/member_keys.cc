#include "client/member_keys.h"

namespace recrypt {

Result<MemberKeys> KeysOf(Client& client, const LabelName& label, const Profile& member,
                          EntriesFor wanted) {
  const LabelName group = member.PersonalGroup();
  if (wanted == EntriesFor::kEachDevice || member.personal.empty() || label == group) {
    return MemberKeys{member.devices, false};
  }
  const auto profile = client.profiles().Label(group, ProfileUse::kWrite, Freshness::kFetch);
  if (!profile) return Fail(profile.error(), "the personal group " + group.text());
  if ((*profile)->owner.udf != member.Udf()) {
    return Fail(ErrorCode::kDenied, "the label " + group.text() + " is not owned by the account");
  }
  return MemberKeys{{{group.text(), member.personal.front().sign, (*profile)->key}}, true};
}

}  // namespace recrypt
