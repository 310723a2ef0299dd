// Names: what a file of a mount is called on the share (docs/FORMAT.md, 11).
//
//   StoredDocumentName("report.odt")    -> "report.odt.jcd"
//   StoredDocumentName(<254 bytes>)     -> "jcd.name.<SHA-256 in hex>.jcd", with a sidecar beside
//   it StoredName("x.jcd", StoredKind::kOther) -> "x.jcd.jcd"       a directory; others keep their
//   names
//
// Every name of 1 to 255 bytes without '/' and NUL has one stored name, and no two of them that may
// stand beside each other have the same one. Thread safe.
#ifndef RECRYPT_CORE_JCD_STORED_NAME_H_
#define RECRYPT_CORE_JCD_STORED_NAME_H_

#include <optional>
#include <string>
#include <string_view>

namespace recrypt {

inline constexpr std::string_view kDocumentSuffix = ".jcd";
// The longest name, stored or not, in bytes.
inline constexpr size_t kMaxName = 255;

enum class StoredKind {
  kDocument,
  kOther,  // a directory, symbolic link, FIFO, socket or device
};

// The stored name of a document: with ".jcd" behind it, or hashed where that would be too long or
// would look like a hashed one. `name` has at most kMaxName bytes.
std::string StoredDocumentName(std::string_view name);
// The same for whatever `what` is. What is no document keeps its name, unless that would look like
// a stored document or a sidecar: then it gets the stored name of a document called so.
std::string StoredName(std::string_view name, StoredKind what);
// True when something that is no document is stored as a document of its name would be.
bool LooksStored(std::string_view name);

// What a stored name stands for; of a hashed one its stem, since its sidecar has the name. nullopt:
// a document or other thing of that stored name is not made by these rules. A regular file is then
// no document (or a sidecar), anything else keeps its name.
std::optional<std::string_view> NameFromStored(std::string_view stored, StoredKind what);

// -- Hashed names.
// "jcd.name.<64 lowercase hex digits>.jcd".
bool IsHashedName(std::string_view stored);
// A hashed name without its suffix.
bool IsHashedStem(std::string_view name);
// "jcd.name.<64 lowercase hex digits>.name": where the plain name for a hashed name is kept.
bool IsSidecarName(std::string_view stored);
std::string SidecarName(std::string_view hashed);
std::string HashedNameOf(std::string_view sidecar);
// True when `name` is a name and its stored name is `hashed`. What a sidecar holds is believed by
// this alone, so nobody can make it say anything else.
bool IsNameOfHashed(std::string_view name, std::string_view hashed);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_STORED_NAME_H_
