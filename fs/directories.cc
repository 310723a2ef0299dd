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
      if (!stat) continue;  // gone since
      shown.type = stat->st_mode & S_IFMT;
    }
    auto name = ShownName(inode, stored->name, S_ISREG(shown.type));
    if (!name) continue;
    shown.name = std::move(*name);
    return std::optional(std::move(shown));
  }
}

// nullopt for what is not shown.
std::optional<std::string> FileSystem::ShownName(Inode& directory, const std::string& stored,
                                                 bool regular) {
  if (regular && IsSidecarName(stored)) return std::nullopt;
  const auto name = NameFromStored(stored, regular ? StoredKind::kDocument : StoredKind::kOther);
  if (name && !IsHashedStem(*name)) return std::string(*name);
  if (name) {
    if (auto kept = NameOfHashed(directory, stored, regular)) return kept;
    if (IsShadowed(directory, std::string(*name))) return std::nullopt;
    return std::string(*name);
  }
  if (!IsShadowed(directory, stored)) return stored;
  if (stored.size() + kPlainMark.size() > kMaxName) return std::nullopt;
  return stored + std::string(kPlainMark);
}

}  // namespace recrypt
