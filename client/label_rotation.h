// The rotation of a label: a new key for all who stay members (DESIGN 4; docs/PROTOCOL.md, 4.3).
//
//   RECRYPT_ASSIGN(Rotated done, RotateLabel(client, label, {}));
//
// Three steps: the label's profile names the next key, to which nobody encrypts yet; the members'
// devices get entries for it, and the writers credentials; the profile makes it the current key and
// archives the one before. Whoever is interrupted anywhere leaves a label that works under its old
// key or its new one, and the next run goes on from there.
#ifndef RECRYPT_CLIENT_LABEL_ROTATION_H_
#define RECRYPT_CLIENT_LABEL_ROTATION_H_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "client/administered_label.h"

namespace recrypt {

struct RotationWanted {
  // Accounts that get no entry, whatever the service says about them. When there are any, a
  // rotation that was begun before is not gone on with: they may have entries for its key.
  std::set<std::string> without = {};
  // How many members have got their entries, of how many.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};

struct Rotated {
  LabelProfile profile;
  std::vector<std::string> members;  // accounts with entries for the new key
  // Members without, and why not. They read what is under earlier keys; adding them again gives
  // them what they lack.
  struct LeftOut {
    std::string account;
    Error why;
  };
  std::vector<LeftOut> left_out;
};

// Whether a label of so many members, of whom one has just been removed, gets a new key by itself;
// a larger one gets it when it is asked for.
inline bool RotatesByItself(const LabelPolicy& policy, size_t members) {
  return members <= policy.rotate_up_to;
}

// kStale when another administrator changes the label meanwhile, or rotates it: one of them wins.
// Not thread safe.
Result<Rotated> RotateLabel(Client& client, const LabelName& label, const RotationWanted& wanted);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_LABEL_ROTATION_H_
