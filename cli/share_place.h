// Which share a directory belongs to, and which label rules in it, for commands that put documents
// there.
//
//   RECRYPT_ASSIGN(const ShareLocation at, LocateOnShare(directory, share_option));
//   RECRYPT_ASSIGN(const auto label, RulingLabel(client, directory));
//
// Thread safe.
#ifndef RECRYPT_CLI_SHARE_PLACE_H_
#define RECRYPT_CLI_SHARE_PLACE_H_

#include <optional>
#include <string>

#include "client/share_policy.h"

namespace recrypt {

// A directory of a share, or of an own mount of it. `root` is that of the share, needed as long as
// it has no policy; otherwise it may be empty.
Result<ShareLocation> LocateOnShare(const std::string& directory, const std::string& root);

// What the share's policy gives new files in a directory of it; nothing where it says nothing, or
// where there is none.
Result<std::optional<LabelExpression>> RulingLabel(Client& client, const std::string& directory);

}  // namespace recrypt

#endif  // RECRYPT_CLI_SHARE_PLACE_H_
