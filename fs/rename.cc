// FileSystem: rename(2).
#include <fcntl.h>
#include <linux/fs.h>

#include <cerrno>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {

Status FileSystem::Rename(Inode& from, const std::string& name, Inode& to,
                          const std::string& new_name, unsigned flags) {
  if (IsHidden(to, new_name)) {
    return Fail(ErrorCode::kForbidden, "the name is reserved for the share itself");
  }
  RECRYPT_ASSIGN(Found source, Find(from, name));
  Move move{from, to, std::move(source), std::nullopt, new_name, new_name};
  if (move.MovesDocument()) move.new_stored_name = StoredDocumentName(new_name);
  auto target = Find(to, new_name);
  if (target) {
    move.target = std::move(*target);
  } else if (target.error().code != ErrorCode::kNotFound) {
    return Fail(std::move(target.error()));
  }
  RECRYPT_TRY(Explain(from, CheckMove(move, flags)));
  if ((flags & RENAME_EXCHANGE) == 0) {
    RECRYPT_ASSIGN(std::optional<LabelExpression> label, LabelToTake(move));
    if (label) return Explain(from, ReplaceUnderLabel(move, *label));
  }
  RECRYPT_TRY(PrepareReplacement(move));
  RECRYPT_TRY(
      store_.Rename(from.node(), move.source.stored_name, to.node(), move.new_stored_name, flags));
  AfterMove(move, flags);
  return {};
}

Status FileSystem::CheckMove(const Move& move, unsigned flags) {
  const bool exchange = (flags & RENAME_EXCHANGE) != 0;
  if (move.source.kind == InodeKind::kPlainFile) {
    return Fail(ErrorCode::kForbidden, "the file is stored in plain on the share");
  }
  if (exchange && !move.target) return Fail(Error{ErrorCode::kNotFound, "no such name", ENOENT});
  if (move.target && (flags & RENAME_NOREPLACE) != 0) {
    return Fail(Error{ErrorCode::kExists, "the name is taken", EEXIST});
  }
  if ((flags & ~static_cast<unsigned>(RENAME_EXCHANGE | RENAME_NOREPLACE)) != 0) {
    return Fail(Error{ErrorCode::kInvalid, "unknown flags", EINVAL});
  }
  // Whoever renames a labelled directory has to sign a new policy.
  for (const Found* moved : {&move.source, move.target ? &*move.target : nullptr}) {
    if (moved == nullptr || moved->kind != InodeKind::kDirectory) continue;
    if (moved != &move.source && !exchange) continue;
    RECRYPT_ASSIGN(std::string path, store_.PathOf(moved->node.get()));
    RECRYPT_ASSIGN(bool ruled, labels_.RulesAtOrBelow(path));
    if (ruled) {
      return Fail(ErrorCode::kForbidden, "the share's policy names \"" + path +
                                             "\" or something below it: its owner has to rename "
                                             "it there as well");
    }
  }
  if (!move.target) return {};
  const bool to_document = move.target->kind == InodeKind::kDocument;
  const bool to_directory = move.target->kind == InodeKind::kDirectory;
  if (exchange) {
    // Names on the share differ by kind, so these cannot change places in one step.
    if (to_document == move.MovesDocument() && move.target->kind != InodeKind::kPlainFile) {
      return {};
    }
    return Fail(Error{ErrorCode::kInvalid, "a document and something else", EINVAL});
  }
  if (move.MovesDirectory() && !to_directory) {
    return Fail(Error{ErrorCode::kInvalid, "is no directory", ENOTDIR});
  }
  if (!move.MovesDirectory() && to_directory) {
    return Fail(Error{ErrorCode::kInvalid, "is a directory", EISDIR});
  }
  return {};
}

// A rename over an existing name first makes the new document durable (DESIGN 6): after a crash
// the name leads to the old content or to the new one.
Status FileSystem::PrepareReplacement(const Move& move) {
  if (!move.target || !move.MovesDocument()) return {};
  if (std::shared_ptr<Inode> inode = inodes_.Peek(move.source.key())) {
    return Explain(*inode, DocumentOf(*inode)->Sync());
  }
  RECRYPT_ASSIGN(UniqueFd fd, store_.OpenFile(move.source.node.get(), O_RDONLY));
  return store_.SyncData(fd.get());
}

void FileSystem::AfterMove(const Move& move, unsigned flags) {
  const bool exchange = (flags & RENAME_EXCHANGE) != 0;
  if (move.target && !exchange) {
    // A document replaced something of another kind, or the other way round: they stand under
    // different names on the share. What is stored in plain stays, as `x (plain)`.
    if (move.target->stored_name != move.new_stored_name &&
        move.target->kind != InodeKind::kPlainFile) {
      Status removed = store_.Unlink(move.to.node(), move.target->stored_name);
      if (!removed) log_(LogLevel::kWarning, "after a rename: " + removed.error().message);
    }
    LetGo(move.target->key());
  }
  for (const Found* moved : {&move.source, exchange ? &*move.target : nullptr}) {
    if (moved == nullptr || moved->kind != InodeKind::kDocument) continue;
    std::shared_ptr<Inode> inode = inodes_.Peek(moved->key());
    if (inode == nullptr) continue;
    const bool is_source = moved == &move.source;
    inode->SetParent((is_source ? move.to : move.from).shared_from_this());
    std::shared_ptr<OpenDocument> document = inode->document();
    if (document == nullptr) continue;
    auto path = store_.PathOf(inode->node());
    if (path) document->MovedTo(std::move(*path));
  }
}

}  // namespace recrypt
