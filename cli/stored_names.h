// The names of stored documents, for commands that work on the files of a share directly: what is
// stored under a hashed name has its own in a sidecar (core/jcd/stored_name.h).
//
//   StoredPathOf("a/report.odt")      -> "a/report.odt.jcd"
//   PlainPathOf("a/report.odt.jcd")   -> "a/report.odt"
//   RECRYPT_ASSIGN(auto kept, KeepName("a/jcd.name.….jcd", name));   // before it is made
//
// Thread safe.
#ifndef RECRYPT_CLI_STORED_NAMES_H_
#define RECRYPT_CLI_STORED_NAMES_H_

#include <string>
#include <string_view>

#include "core/jcd/stored_name.h"
#include "fs/long_names.h"

namespace recrypt {

// "c" from "a/b/c"; "a/b/" from it.
std::string_view FileNameIn(std::string_view path);
std::string_view FolderIn(std::string_view path);

// Where a document called as `path` ends is stored.
std::string StoredPathOf(const std::string& path);
// What a stored document, or whatever else stands there, is called, in the same place. The stem of
// a hashed name when nothing beside it says more.
std::string PlainPathOf(const std::string& path, StoredKind kind = StoredKind::kDocument);
// A document of a long name that lost it, as by mail, carries it inside, as `name`: gives it to
// what was decrypted to `plain`, if it is nameless and the name is free. Where that is then.
std::string GiveNameInside(const std::string& stored, const std::string& plain,
                           const std::string& name);
// True when a document is stored under this path.
bool IsStoredDocument(std::string_view path);
// Where a directory of a mount stands on the share, below its root. `path` is relative.
std::string StoredDirectory(const std::string& root, std::string_view path);

// Makes the sidecar when `stored` ends in the hashed name of `name`. Nobody removes it while the
// result lives.
Result<LongNames::Kept> KeepName(const std::string& stored, std::string_view name);

}  // namespace recrypt

#endif  // RECRYPT_CLI_STORED_NAMES_H_
