// FileSystem: rename(2).
#include <fcntl.h>
#include <linux/fs.h>

#include <cerrno>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {
namespace {

// How often a rename is begun again when another mount takes the new name meanwhile.
constexpr int kMaxAttempts = 8;

}  // namespace

Status FileSystem::Rename(Inode& from, const std::string& name, Inode& to,
                          const std::string& new_name, unsigned flags) {
  if (IsHidden(to, new_name)) {
    return Fail(ErrorCode::kForbidden, "the name is reserved for the share itself");
  }
  for (int attempt = 1;; ++attempt) {
    RECRYPT_ASSIGN(const Move move, PlanMove(from, name, to, new_name));
    RECRYPT_TRY(Explain(from, CheckMove(move, flags)));
    Status done = CarryOut(move, flags);
    const bool taken = !done && !move.target && done.error().code == ErrorCode::kExists;
    if (!taken || (flags & RENAME_NOREPLACE) != 0 || attempt == kMaxAttempts) return done;
  }
}

Result<FileSystem::Move> FileSystem::PlanMove(Inode& from, const std::string& name, Inode& to,
                                              const std::string& new_name) {
  RefreshNames(from, NamesAs::kOfNow);
  if (&to != &from) RefreshNames(to, NamesAs::kOfNow);
  RECRYPT_ASSIGN(Found source, Find(from, name));
  Move move{from, to, name, std::move(source), new_name, std::nullopt, ""};
  auto target = Find(to, new_name);
  if (target) {
    move.target = std::move(*target);
  } else if (target.error().code != ErrorCode::kNotFound) {
    return Fail(std::move(target.error()));
  }
  move.new_stored_name =
      NameInPlaceOf(move.source, move.target ? &*move.target : nullptr, new_name);
  return move;
}

// The stored name of `moved` once it is called `name`, where `there` may have that name now: what
// it replaces in one step, where that can be.
std::string FileSystem::NameInPlaceOf(const Found& moved, const Found* there,
                                      const std::string& name) {
  const bool alike = there != nullptr && there->kind != InodeKind::kPlainFile &&
                     there->stored_as() == moved.stored_as();
  if (alike && !IsHashedName(there->stored_name)) return there->stored_name;
  return StoredName(name, moved.stored_as());
}

Status FileSystem::CarryOut(const Move& move, unsigned flags) {
  RECRYPT_ASSIGN(const LongNames::Kept kept,
                 names_.Keep(move.to.node(), move.new_name, move.new_stored_name));
  if ((flags & RENAME_EXCHANGE) == 0) {
    RECRYPT_ASSIGN(std::optional<LabelExpression> label, LabelToTake(move));
    if (label) return Explain(move.from, ReplaceUnderLabel(move, *label));
  }
  RECRYPT_TRY(PrepareReplacement(move));
  RECRYPT_TRY(RenameOnStore(move, flags));
  AfterMove(move, flags);
  return {};
}

// What was not seen when the rename was planned is not replaced: its replacing has conditions.
Status FileSystem::RenameOnStore(const Move& move, unsigned flags) {
  auto rename = [&](unsigned how) {
    return store_.Rename(move.from.node(), move.source.stored_name, move.to.node(),
                         move.new_stored_name, how);
  };
  const bool free = !move.target || move.LeavesTarget();
  Status renamed = rename(free ? flags | RENAME_NOREPLACE : flags);
  if (renamed) return renamed;
  // A store that cannot refuse to replace.
  if (free && ErrnoOf(renamed.error()) == EINVAL) return rename(flags);
  if (move.target && move.target->kind == InodeKind::kDirectory && IsNotEmpty(renamed.error()) &&
      names_.RemoveLeftovers(move.target->node.get())) {
    return rename(flags);
  }
  return renamed;
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
  const bool to_directory = move.target->kind == InodeKind::kDirectory;
  if (exchange) {
    // Where names on the share differ by kind, these cannot change places in one step.
    const bool in_one_step =
        !move.LeavesTarget() &&
        NameInPlaceOf(*move.target, &move.source, move.name) == move.source.stored_name;
    if (in_one_step && move.target->kind != InodeKind::kPlainFile) return {};
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
  if (!exchange) names_.Release(move.from.node(), move.source.stored_name);
  if (move.target && !exchange) {
    // A document replaced something of another kind, or the other way round: they stand under
    // different names on the share. What is stored in plain stays, as `x (plain)`.
    if (move.LeavesTarget() && move.target->kind != InodeKind::kPlainFile) {
      Status removed = store_.Unlink(move.to.node(), move.target->stored_name);
      if (!removed) log_(LogLevel::kWarning, "after a rename: " + removed.error().message);
      names_.Release(move.to.node(), move.target->stored_name);
    }
    LetGo(move.target->key());
  }
  for (const Found* moved : {&move.source, exchange ? &*move.target : nullptr}) {
    std::shared_ptr<Inode> inode = moved == nullptr ? nullptr : inodes_.Peek(moved->key());
    if (inode == nullptr) continue;
    const bool is_source = moved == &move.source;
    std::shared_ptr<Inode> place = (is_source ? move.to : move.from).shared_from_this();
    inode->SetName(place, is_source ? move.new_name : move.name);  // by which it is forgotten
    if (moved->kind != InodeKind::kDocument) continue;
    inode->SetParent(std::move(place));
    auto path = store_.PathOf(inode->node());
    if (!path) continue;
    std::shared_ptr<OpenDocument> document = inode->document();
    if (document == nullptr && freshness_.Knows(*path)) document = DocumentOf(*inode);
    if (document != nullptr) document->MovedTo(std::move(*path));
  }
}

}  // namespace recrypt
