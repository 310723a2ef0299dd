// FileSystem: making and removing names.
#include <fcntl.h>

#include <cerrno>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {

Result<std::string> FileSystem::PathOf(Inode& directory, std::string_view name) {
  RECRYPT_ASSIGN(std::string path, store_.PathOf(directory.node()));
  if (!path.empty()) path.push_back('/');
  path.append(name);
  return path;
}

// A directory's default access list takes the place of the umask (acl(5)); the share applies it.
mode_t FileSystem::ModeFor(Inode& parent, mode_t mode, const Caller& caller) {
  const auto list = store_.GetXattr(parent.node(), "system.posix_acl_default", nullptr, 0);
  return list && *list != 0 ? mode : mode & ~caller.umask;
}

// Gives something just made to the caller, and to the directory's group where that is inherited.
Status FileSystem::GiveTo(Inode& parent, int node, mode_t mode, Owner caller) {
  if (!options_.own_by_caller) return {};
  RECRYPT_ASSIGN(struct stat directory, store_.Stat(parent.node()));
  RECRYPT_ASSIGN(struct stat made, store_.Stat(node));
  if ((directory.st_mode & S_ISGID) != 0) caller.gid = directory.st_gid;
  if (made.st_uid == caller.uid && made.st_gid == caller.gid) return {};
  RECRYPT_TRY(store_.ChangeOwner(node, caller));
  // Changing the owner has cleared these.
  if (!S_ISLNK(made.st_mode) && (mode & (S_ISUID | S_ISGID)) != 0) {
    RECRYPT_TRY(store_.ChangeMode(node, made.st_mode & 07777));
  }
  return {};
}

template <typename Make>
Result<Entry> FileSystem::MakeOther(Inode& parent, const std::string& name, mode_t mode,
                                    const Caller& caller, Make make) {
  RECRYPT_TRY(CheckFree(parent, name));
  const std::string stored = StoredName(name, StoredKind::kOther);
  RECRYPT_ASSIGN(const LongNames::Kept kept, names_.Keep(parent.node(), name, stored));
  mode = ModeFor(parent, mode, caller);
  RECRYPT_TRY(make(stored, mode));
  RECRYPT_ASSIGN(Found found, FoundAt(parent, stored));
  RECRYPT_TRY(GiveTo(parent, found.node.get(), mode, caller.owner));
  return Lookup(parent, name);
}

Result<Entry> FileSystem::MakeDirectory(Inode& parent, const std::string& name, mode_t mode,
                                        const Caller& caller) {
  return MakeOther(parent, name, mode, caller, [&](const std::string& stored, mode_t masked) {
    return store_.MakeDirectory(parent.node(), stored, masked);
  });
}

Result<Entry> FileSystem::MakeNode(Inode& parent, const std::string& name, mode_t mode,
                                   dev_t device, const Caller& caller) {
  if (S_ISREG(mode)) {
    RECRYPT_ASSIGN(Created created, CreateFile(parent, name, mode, O_RDWR | O_EXCL, caller));
    Status flushed = Flush(*created.file);
    Close(*created.file);
    if (!flushed) {
      Forget(*created.entry.inode, 1);
      return Fail(std::move(flushed.error()));
    }
    return std::move(created.entry);
  }
  return MakeOther(parent, name, mode, caller, [&](const std::string& stored, mode_t masked) {
    return store_.MakeNode(parent.node(), stored, masked, device);
  });
}

Result<Entry> FileSystem::MakeSymlink(Inode& parent, const std::string& name,
                                      const std::string& target, const Caller& caller) {
  return MakeOther(parent, name, 0, caller, [&](const std::string& stored, mode_t) {
    return store_.MakeSymlink(parent.node(), stored, target);
  });
}

Result<Entry> FileSystem::Link(Inode& inode, Inode& parent, const std::string& name) {
  if (inode.kind() == InodeKind::kPlainFile) {
    return Fail(ErrorCode::kForbidden, "the file is stored in plain");
  }
  RECRYPT_TRY(CheckFree(parent, name));
  const std::string stored =
      StoredName(name, inode.is_document() ? StoredKind::kDocument : StoredKind::kOther);
  RECRYPT_ASSIGN(const LongNames::Kept kept, names_.Keep(parent.node(), name, stored));
  RECRYPT_TRY(store_.Link(inode.node(), parent.node(), stored));
  return Lookup(parent, name);
}

Status FileSystem::Unlink(Inode& parent, const std::string& name) {
  RECRYPT_ASSIGN(Found found, Find(parent, name));
  if (found.kind == InodeKind::kDirectory) {
    return Fail(Error{ErrorCode::kInvalid, "is a directory", EISDIR});
  }
  RECRYPT_TRY(store_.Unlink(parent.node(), found.stored_name));
  names_.Release(parent.node(), found.stored_name);
  LetGo(found.key());
  return {};
}

Status FileSystem::RemoveDirectory(Inode& parent, const std::string& name) {
  RECRYPT_ASSIGN(Found found, Find(parent, name));
  if (found.kind != InodeKind::kDirectory) {
    return Fail(Error{ErrorCode::kInvalid, "is no directory", ENOTDIR});
  }
  Status removed = store_.RemoveDirectory(parent.node(), found.stored_name);
  if (!removed && IsNotEmpty(removed.error()) && names_.RemoveLeftovers(found.node.get())) {
    removed = store_.RemoveDirectory(parent.node(), found.stored_name);
  }
  if (removed) names_.Release(parent.node(), found.stored_name);
  return removed;
}

}  // namespace recrypt
