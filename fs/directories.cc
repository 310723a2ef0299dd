// FileSystem: listing directories.
#include <dirent.h>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {

Result<std::unique_ptr<OpenDirectory>> FileSystem::OpenDir(Inode& directory) {
  RECRYPT_ASSIGN(UniqueFd fd, store_.OpenDirectory(directory.node()));
  return std::unique_ptr<OpenDirectory>(
      new OpenDirectory{directory.shared_from_this(), DirectoryReader(store_, std::move(fd))});
}

Result<std::optional<FileSystem::ShownEntry>> FileSystem::ReadDir(OpenDirectory& directory) {
  Inode& inode = *directory.inode;
  for (;;) {
    RECRYPT_ASSIGN(const StoredEntry* stored, directory.reader.Next());
    if (stored == nullptr) return std::optional<ShownEntry>();
    if (IsHidden(inode, stored->name)) continue;
    ShownEntry shown{stored->name, stored->number, DTTOIF(stored->type), stored->next};
    if (stored->name == "." || stored->name == "..") return std::optional(std::move(shown));
    if (stored->type == DT_UNKNOWN) {
      auto stat = store_.StatAt(inode.node(), stored->name);
      if (!stat && stat.error().code == ErrorCode::kNotFound) continue;  // gone since
      if (!stat) return Fail(std::move(stat.error()));
      shown.type = stat->st_mode & S_IFMT;
    }
    RECRYPT_ASSIGN(auto name, ShownName(inode, stored->name, S_ISREG(shown.type)));
    if (!name) continue;
    shown.name = std::move(*name);
    return std::optional(std::move(shown));
  }
}

// nullopt for what is not shown.
Result<std::optional<std::string>> FileSystem::ShownName(Inode& directory,
                                                         const std::string& stored, bool regular) {
  const std::optional<std::string> none;
  if (regular && IsSidecarName(stored)) return none;
  const auto name = NameFromStored(stored, regular ? StoredKind::kDocument : StoredKind::kOther);
  if (name && !IsHashedStem(*name)) return std::optional(std::string(*name));
  if (name) {
    RECRYPT_ASSIGN(auto kept, NameOfHashed(directory, stored, regular));
    if (kept) return kept;
    RECRYPT_ASSIGN(const bool shadowed, IsShadowed(directory, std::string(*name)));
    return shadowed ? none : std::optional(std::string(*name));
  }
  RECRYPT_ASSIGN(const bool shadowed, IsShadowed(directory, stored));
  if (!shadowed) return std::optional(stored);
  if (stored.size() + kPlainMark.size() > kMaxName) return none;
  return std::optional(stored + std::string(kPlainMark));
}

}  // namespace recrypt
