// FileSystem: from names of the mount to what is on the share.
#include <cerrno>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {
namespace {

tl::unexpected<Error> NoSuchName() {
  return Fail(Error{ErrorCode::kNotFound, "no such name", ENOENT});
}

InodeKind KindOf(const struct stat& stat) {
  if (S_ISDIR(stat.st_mode)) return InodeKind::kDirectory;
  if (S_ISREG(stat.st_mode)) return InodeKind::kPlainFile;
  return InodeKind::kOther;
}

}  // namespace

bool FileSystem::IsHidden(const Inode& directory, std::string_view name) const {
  return &directory == inodes_.root().get() && name == kShareDirectory;
}

Result<FileSystem::Found> FileSystem::FoundAt(Inode& directory, std::string stored_name) {
  if (stored_name.size() > kMaxStoredName) return NoSuchName();
  RECRYPT_ASSIGN(UniqueFd node, store_.OpenNode(directory.node(), stored_name));
  RECRYPT_ASSIGN(struct stat stat, store_.Stat(node.get()));
  return Found{std::move(node), stat, std::move(stored_name), KindOf(stat)};
}

Result<FileSystem::Found> FileSystem::Find(Inode& directory, const std::string& name) {
  if (IsHidden(directory, name)) return NoSuchName();
  auto document = FoundAt(directory, StoredDocumentName(name));
  if (document && document->kind == InodeKind::kPlainFile) {
    document->kind = InodeKind::kDocument;
    return document;
  }
  if (!document && document.error().code != ErrorCode::kNotFound) return document;
  if (name.size() > kMaxStoredName) {
    return Fail(Error{ErrorCode::kInvalid, "the name is too long", ENAMETOOLONG});
  }
  auto other = FoundAt(directory, name);
  const bool shown_otherwise =
      other && other->kind == InodeKind::kPlainFile && PlainDocumentName(name);
  if (other && !shown_otherwise) return other;
  if (!other && other.error().code != ErrorCode::kNotFound) return other;
  return FindShadowed(directory, name);
}

// "x (plain)": what stands as `x` beside the document `x.jcd`.
Result<FileSystem::Found> FileSystem::FindShadowed(Inode& directory, const std::string& name) {
  const auto unmarked = UnmarkedName(name);
  if (!unmarked || PlainDocumentName(*unmarked) || IsHidden(directory, *unmarked)) {
    return NoSuchName();
  }
  auto document = store_.StatAt(directory.node(), StoredDocumentName(*unmarked));
  if (!document || !S_ISREG(document->st_mode)) return NoSuchName();
  return FoundAt(directory, std::string(*unmarked));
}

Result<Entry> FileSystem::Adopt(Inode& directory, Found found) {
  struct stat stat = found.stat;
  std::shared_ptr<Inode> inode = inodes_.Adopt(std::move(found.node), stat, found.kind);
  if (inode->is_document()) inode->SetParent(directory.shared_from_this());
  Status shown = ShowAttributes(*inode, stat);
  if (!shown) {
    inodes_.Forget(*inode, 1);
    return Fail(std::move(shown.error()));
  }
  return Entry{std::move(inode), stat};
}

Result<Entry> FileSystem::Lookup(Inode& directory, const std::string& name) {
  RECRYPT_ASSIGN(Found found, Find(directory, name));
  return Adopt(directory, std::move(found));
}

// A name can be taken by a document or by something else, which stand under different names on the
// share, so making the one does not by itself run into the other.
Status FileSystem::CheckFree(Inode& directory, const std::string& name) {
  if (IsHidden(directory, name)) {
    return Fail(ErrorCode::kForbidden, "the name is reserved for the share itself");
  }
  auto document = store_.StatAt(directory.node(), StoredDocumentName(name));
  auto other = store_.StatAt(directory.node(), name);
  const bool taken = (document && S_ISREG(document->st_mode)) ||
                     (other && !(S_ISREG(other->st_mode) && PlainDocumentName(name)));
  if (taken) return Fail(Error{ErrorCode::kExists, "the name is taken", EEXIST});
  return {};
}

}  // namespace recrypt
