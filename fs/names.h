// Names: what a file is called on the share and in the mount (DESIGN 9).
//
//   StoredDocumentName("report.odt")  -> "report.odt.jcd"
//   PlainDocumentName("report.odt.jcd") -> "report.odt"
//
// A document `x` is stored as `x.jcd`; directories, symbolic links, FIFOs, sockets and devices keep
// their names. What stands on the share under the name of a document that is there as well is
// shown as `x (plain)`. Thread safe.
#ifndef RECRYPT_FS_NAMES_H_
#define RECRYPT_FS_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

namespace recrypt {

inline constexpr std::string_view kDocumentSuffix = ".jcd";
inline constexpr std::string_view kPlainMark = " (plain)";
// At the root of a share: the policy, and what else is the share's own. Hidden in a mount.
inline constexpr std::string_view kShareDirectory = ".recryptfs";
// The longest stored name that file systems take.
inline constexpr size_t kMaxStoredName = 255;

inline std::string StoredDocumentName(std::string_view name) {
  return std::string(name).append(kDocumentSuffix);
}

// nullopt when a regular file of that name is no document.
inline std::optional<std::string_view> PlainDocumentName(std::string_view stored) {
  if (stored.size() <= kDocumentSuffix.size() || !stored.ends_with(kDocumentSuffix)) {
    return std::nullopt;
  }
  return stored.substr(0, stored.size() - kDocumentSuffix.size());
}

// "x" from "x (plain)".
inline std::optional<std::string_view> UnmarkedName(std::string_view name) {
  if (name.size() <= kPlainMark.size() || !name.ends_with(kPlainMark)) return std::nullopt;
  return name.substr(0, name.size() - kPlainMark.size());
}

}  // namespace recrypt

#endif  // RECRYPT_FS_NAMES_H_
