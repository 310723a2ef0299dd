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
    const auto plain_name = PlainDocumentName(stored->name);
    if (S_ISREG(shown.type) && plain_name) {
      shown.name = *plain_name;
      return std::optional(std::move(shown));
    }
    auto document = store_.StatAt(inode.node(), StoredDocumentName(stored->name));
    if (document && S_ISREG(document->st_mode)) shown.name.append(kPlainMark);
    return std::optional(std::move(shown));
  }
}

}  // namespace recrypt
