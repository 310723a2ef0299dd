#include "tests/crash/support/recording_store.h"

#include <cstdlib>
#include <utility>

namespace recrypt {

uint64_t RecordingStore::InodeOf(int fd_or_node) {
  auto st = inner().Stat(fd_or_node);
  if (!st) std::abort();
  return st->st_ino;
}

template <typename Do>
Status RecordingStore::Record(StoreOp op, Do&& change) {
  std::lock_guard lock(mutex_);
  RECRYPT_TRY(change());
  log_.Append(op);
  return {};
}

template <typename Do>
Status RecordingStore::RecordMade(StoreOp op, int dir, Do&& make) {
  std::lock_guard lock(mutex_);
  RECRYPT_TRY(make());
  op.directory = InodeOf(dir);
  RECRYPT_ASSIGN(struct stat st, inner().StatAt(dir, op.name));
  op.inode = st.st_ino;
  log_.Append(op);
  return {};
}

Status RecordingStore::ChangeMode(int node, mode_t mode) {
  return Record({.kind = OpKind::kChangeMode, .inode = InodeOf(node), .number = mode},
                [&] { return inner().ChangeMode(node, mode); });
}

Status RecordingStore::SetXattr(int node, const std::string& name, ByteSpan value, int flags) {
  return Record({.kind = OpKind::kSetXattr,
                 .inode = InodeOf(node),
                 .name = name,
                 .data = Bytes(value.begin(), value.end())},
                [&] { return inner().SetXattr(node, name, value, flags); });
}

Status RecordingStore::RemoveXattr(int node, const std::string& name) {
  return Record({.kind = OpKind::kRemoveXattr, .inode = InodeOf(node), .name = name},
                [&] { return inner().RemoveXattr(node, name); });
}

Status RecordingStore::MakeDirectory(int dir, const std::string& name, mode_t mode) {
  return RecordMade({.kind = OpKind::kMakeDirectory, .name = name, .number = mode}, dir,
                    [&] { return inner().MakeDirectory(dir, name, mode); });
}

Status RecordingStore::MakeNode(int dir, const std::string& name, mode_t mode, dev_t device) {
  return RecordMade({.kind = OpKind::kMakeNode, .name = name, .number = mode}, dir,
                    [&] { return inner().MakeNode(dir, name, mode, device); });
}

Status RecordingStore::MakeSymlink(int dir, const std::string& name, const std::string& target) {
  return RecordMade(
      {.kind = OpKind::kMakeSymlink, .name = name, .data = Bytes(target.begin(), target.end())},
      dir, [&] { return inner().MakeSymlink(dir, name, target); });
}

Status RecordingStore::Link(int node, int dir, const std::string& name) {
  return RecordMade({.kind = OpKind::kLink, .name = name}, dir,
                    [&] { return inner().Link(node, dir, name); });
}

Status RecordingStore::Unlink(int dir, const std::string& name) {
  return Record({.kind = OpKind::kUnlink, .directory = InodeOf(dir), .name = name},
                [&] { return inner().Unlink(dir, name); });
}

Status RecordingStore::RemoveDirectory(int dir, const std::string& name) {
  return Record({.kind = OpKind::kRemoveDirectory, .directory = InodeOf(dir), .name = name},
                [&] { return inner().RemoveDirectory(dir, name); });
}

Status RecordingStore::Rename(int from_dir, const std::string& from, int to_dir,
                              const std::string& to, unsigned flags) {
  return Record({.kind = OpKind::kRename,
                 .directory = InodeOf(from_dir),
                 .to_directory = InodeOf(to_dir),
                 .name = from,
                 .to_name = to,
                 .number = flags},
                [&] { return inner().Rename(from_dir, from, to_dir, to, flags); });
}

Result<UniqueFd> RecordingStore::CreateFile(int dir, const std::string& name, mode_t mode) {
  UniqueFd fd;
  RECRYPT_TRY(
      RecordMade({.kind = OpKind::kCreate, .name = name, .number = mode}, dir, [&]() -> Status {
        RECRYPT_ASSIGN(fd, inner().CreateFile(dir, name, mode));
        return {};
      }));
  return fd;
}

Status RecordingStore::WriteAt(int fd, uint64_t offset, ByteSpan data) {
  return Record({.kind = OpKind::kWrite,
                 .inode = InodeOf(fd),
                 .number = offset,
                 .data = Bytes(data.begin(), data.end())},
                [&] { return inner().WriteAt(fd, offset, data); });
}

Status RecordingStore::Truncate(int fd, uint64_t size) {
  return Record({.kind = OpKind::kTruncate, .inode = InodeOf(fd), .number = size},
                [&] { return inner().Truncate(fd, size); });
}

Status RecordingStore::SyncData(int fd) {
  return Record({.kind = OpKind::kSyncData, .inode = InodeOf(fd)},
                [&] { return inner().SyncData(fd); });
}

Status RecordingStore::SyncAll(int fd) {
  return Record({.kind = OpKind::kSyncAll, .inode = InodeOf(fd)},
                [&] { return inner().SyncAll(fd); });
}

Status RecordingStore::SyncShare() {
  return Record({.kind = OpKind::kSyncShare}, [&] { return inner().SyncShare(); });
}

Status RecordingStore::SyncDirectory(int dir) {
  return Record({.kind = OpKind::kSyncDirectory, .inode = InodeOf(dir)},
                [&] { return inner().SyncDirectory(dir); });
}

}  // namespace recrypt
