// The functions that libfuse calls, as a table; and what their two halves share.
#ifndef RECRYPT_FS_FUSE_OPS_H_
#define RECRYPT_FS_FUSE_OPS_H_

#include <fuse_lowlevel.h>

#include "fs/fuse_session.h"

namespace recrypt {

const struct fuse_lowlevel_ops& FuseOperations();

// fuse_name_ops.cc: names, attributes and extended attributes. fuse_lock_ops.cc: locks.
// fuse_file_ops.cc: the rest.
void SetNameOperations(struct fuse_lowlevel_ops& ops);
void SetFileOperations(struct fuse_lowlevel_ops& ops);
void SetLockOperations(struct fuse_lowlevel_ops& ops);

inline FuseSession& SessionOf(fuse_req_t req) {
  return *static_cast<FuseSession*>(fuse_req_userdata(req));
}
inline FileSystem& FileSystemOf(fuse_req_t req) { return SessionOf(req).fs(); }
inline Inode& InodeOf(fuse_req_t req, fuse_ino_t ino) { return FileSystemOf(req).FromId(ino); }
inline OpenFile& FileOf(struct fuse_file_info* fi) { return *reinterpret_cast<OpenFile*>(fi->fh); }
inline LockOwner RangesOwner(const struct fuse_file_info* fi) {
  return {fi->lock_owner, LockOwner::Style::kRanges};
}
inline LockOwner WholeOwner(const struct fuse_file_info* fi) {
  return {fi->lock_owner, LockOwner::Style::kWhole};
}
// Before a change of content.
inline Status DropSetId(fuse_req_t req, Inode& inode) {
  const bool drops = SessionOf(req).device().DropsSetId(fuse_req_ctx(req)->uid);
  return drops ? FileSystemOf(req).ClearSetId(inode) : Status{};
}
inline Caller CallerOf(fuse_req_t req) {
  const struct fuse_ctx* context = fuse_req_ctx(req);
  return {{context->uid, context->gid},
          context->umask,
          context->pid,
          SessionOf(req).device().DropsSetId(context->uid)};
}

inline void ReplyError(fuse_req_t req, const Error& error) { fuse_reply_err(req, ErrnoOf(error)); }
inline void ReplyStatus(fuse_req_t req, const Status& status) {
  fuse_reply_err(req, status ? 0 : ErrnoOf(status.error()));
}

inline struct fuse_entry_param EntryParameters(fuse_req_t req, const Entry& entry) {
  const SessionOptions& options = SessionOf(req).options();
  struct fuse_entry_param parameters = {};
  parameters.ino = entry.inode->id();
  parameters.attr = entry.attributes;
  parameters.attr_timeout = options.attribute_timeout;
  parameters.entry_timeout = options.entry_timeout;
  return parameters;
}

}  // namespace recrypt

#endif  // RECRYPT_FS_FUSE_OPS_H_
