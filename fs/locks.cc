// FileSystem: the locks that programs take.
//
// Taking one is also a point at which two mounts agree, as on NFS: what another mount wrote before
// it let go of a lock is seen by who takes one, and what was written here is there for others when
// a lock is let go of. Databases live by that.
#include "fs/file_system.h"

namespace recrypt {

Status FileSystem::TakeLock(OpenFile& file, LockOwner owner, const RangeLock& lock) {
  RECRYPT_TRY(locks_.Take(*file.inode, owner, lock, &file));
  if (file.document == nullptr || !file.document->ForgetIfChanged()) return {};
  InvalidateAndWait([this, id = file.inode->id()] { kernel_.DropPages(id); });
  return {};
}

Status FileSystem::ReleaseLock(OpenFile& file, LockOwner owner, uint64_t first, uint64_t last) {
  if (file.document != nullptr) file.document->CommitForOthers();
  return locks_.Release(*file.inode, owner, first, last);
}

Result<std::optional<RangeLock>> FileSystem::FindLock(OpenFile& file, LockOwner owner,
                                                      const RangeLock& wanted) {
  return locks_.Find(*file.inode, owner, wanted);
}

void FileSystem::ReleaseLocks(OpenFile& file, LockOwner owner) {
  locks_.ReleaseAll(*file.inode, owner);
}

}  // namespace recrypt
