// What a mount shows beside the names of documents (core/jcd/stored_name.h says how those map to
// the share's): a plain file that stands on the share under the name of a document that is there as
// well is shown as `x (plain)`. Thread safe.
#ifndef RECRYPT_FS_NAMES_H_
#define RECRYPT_FS_NAMES_H_

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/jcd/stored_name.h"

namespace recrypt {

inline constexpr std::string_view kPlainMark = " (plain)";
// At the root of a share: the policy, and what else is the share's own. Hidden in a mount.
inline constexpr std::string_view kShareDirectory = ".recryptfs";

// True when what has this stored name on the share is shown under it.
inline bool KeepsItsName(std::string_view stored, bool regular) {
  if (!regular) return !NameFromStored(stored, StoredKind::kOther);
  return !NameFromStored(stored, StoredKind::kDocument) && !IsSidecarName(stored);
}

// "x" from "x (plain)".
inline std::optional<std::string_view> UnmarkedName(std::string_view name) {
  if (name.size() <= kPlainMark.size() || !name.ends_with(kPlainMark)) return std::nullopt;
  return name.substr(0, name.size() - kPlainMark.size());
}

// Whether a name could not be looked for, so that nothing is known of it. One that the share is too
// short for is not there.
inline bool IsUnknown(const Error& error) {
  return error.code == ErrorCode::kIo && error.os_error != ENAMETOOLONG;
}

}  // namespace recrypt

#endif  // RECRYPT_FS_NAMES_H_
