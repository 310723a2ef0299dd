// For which keys of a member a label's entries are made (the draft, 4.7): its personal group's, so
// that the member alone decides which devices read; or those of each of its devices.
//
//   RECRYPT_ASSIGN(MemberKeys keys, KeysOf(client, label, member, EntriesFor::kGroup));
//   RECRYPT_ASSIGN(auto users, MakeUsers(opened, {member, keys, rights, epochs}, now));
#ifndef RECRYPT_CLIENT_MEMBER_KEYS_H_
#define RECRYPT_CLIENT_MEMBER_KEYS_H_

#include <vector>

#include "client/client.h"

namespace recrypt {

// kGroup: where the member has a personal group.
enum class EntriesFor { kGroup, kEachDevice };

struct MemberKeys {
  std::vector<Device> devices;
  bool group = false;  // the one device is the personal group
};

// A personal group's own entries are for each device. Fails when the member's profile tells of a
// group whose own profile cannot be had, or is not trusted.
Result<MemberKeys> KeysOf(Client& client, const LabelName& label, const Profile& member,
                          EntriesFor wanted);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_MEMBER_KEYS_H_
