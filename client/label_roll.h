// LabelRoll: who the members of a label are and what entries their devices have, as the services
// say: what a rotation goes by.
//
//   RECRYPT_ASSIGN(LabelRoll roll, ReadRoll(label, new_kid));
//   for (const auto& [account, member] : roll.members) …
//
// Thread safe.
#ifndef RECRYPT_CLIENT_LABEL_ROLL_H_
#define RECRYPT_CLIENT_LABEL_ROLL_H_

#include <map>
#include <set>
#include <string>

#include "client/administered_label.h"

namespace recrypt {

struct LabelRoll {
  struct Member {
    std::string profile_udf;
    // By a credential that the label has signed, not by the service's word.
    MemberRights rights = MemberRights::kRead;
    bool by_group = false;               // by an entry of the personal group
    std::set<std::string> devices;       // UDFs of those with entries that hold, the group's key
    std::set<std::string> with_new_key;  // those of them with one for the key in question
    std::set<std::string> taken_out;     // those whose entries were all revoked
  };
  std::map<std::string, Member> members;  // by account; none without a device
  // Accounts whose entries are revoked at a service: of several, not yet at all, maybe.
  std::set<std::string> removed;
  // An entry for that key was revoked: somebody has a half of it, and maybe a credential of its
  // epoch, who is not to have it any more.
  bool key_is_spoilt = false;
};

// `new_kid`: the key that members are to have entries for.
Result<LabelRoll> ReadRoll(const AdministeredLabel& label, const std::string& new_kid);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_LABEL_ROLL_H_
