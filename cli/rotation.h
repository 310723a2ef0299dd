// Giving a label a new key, as `label rotate` and `label remove` do it: with a line of progress,
// and with who got no entry told.
//
//   RECRYPT_ASSIGN(Json told, RotateAndTell(context, *client, label, {}));
//
// Not thread safe.
#ifndef RECRYPT_CLI_ROTATION_H_
#define RECRYPT_CLI_ROTATION_H_

#include <set>
#include <string>

#include "cli/command.h"
#include "client/label_rotation.h"

namespace recrypt {

// What there is to say with --json. Fails, too, when some members were left out: the label has its
// new key all the same.
struct RotationTold {
  Json object;
  Status outcome;
};
Result<RotationTold> RotateAndTell(Context& context, Client& client, const LabelName& label,
                                   std::set<std::string> without);

}  // namespace recrypt

#endif  // RECRYPT_CLI_ROTATION_H_
