// What the kernel asks about names and attributes.
#include <linux/fs.h>

#include <cerrno>

#include "fs/fuse_ops.h"

namespace recrypt {
namespace {

void ReplyEntry(fuse_req_t req, const Result<Entry>& entry) {
  if (!entry) return ReplyError(req, entry.error());
  const struct fuse_entry_param parameters = EntryParameters(req, *entry);
  // A request that was interrupted: the kernel never heard of the look-up.
  if (fuse_reply_entry(req, &parameters) == -ENOENT) FileSystemOf(req).Forget(*entry->inode, 1);
}

void ReplyAttributes(fuse_req_t req, const Result<struct stat>& attributes) {
  if (!attributes) return ReplyError(req, attributes.error());
  fuse_reply_attr(req, &*attributes, SessionOf(req).options().attribute_timeout);
}

void Lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  auto entry = FileSystemOf(req).Lookup(InodeOf(req, parent), name);
  if (!entry) FileSystemOf(req).FoundNothing(fuse_req_ctx(req)->pid);
  ReplyEntry(req, entry);
}

void Forget(fuse_req_t req, fuse_ino_t ino, uint64_t count) {
  FileSystemOf(req).Forget(InodeOf(req, ino), count);
  fuse_reply_none(req);
}

void ForgetMulti(fuse_req_t req, size_t count, struct fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) {
    FileSystemOf(req).Forget(InodeOf(req, forgets[i].ino), forgets[i].nlookup);
  }
  fuse_reply_none(req);
}

void GetAttr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info*) {
  ReplyAttributes(req, FileSystemOf(req).GetAttributes(InodeOf(req, ino)));
}

void SetAttr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set,
             struct fuse_file_info* fi) {
  AttributeChange change;
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) change.mode = attr->st_mode;
  if ((to_set & FUSE_SET_ATTR_UID) != 0) change.uid = attr->st_uid;
  if ((to_set & FUSE_SET_ATTR_GID) != 0) change.gid = attr->st_gid;
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) change.size = static_cast<uint64_t>(attr->st_size);
  const struct timespec now = {0, UTIME_NOW};
  if ((to_set & FUSE_SET_ATTR_ATIME) != 0) change.accessed = attr->st_atim;
  if ((to_set & FUSE_SET_ATTR_ATIME_NOW) != 0) change.accessed = now;
  if ((to_set & FUSE_SET_ATTR_MTIME) != 0) change.modified = attr->st_mtim;
  if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0) change.modified = now;
  if (change.size) {
    Status dropped = DropSetId(req, InodeOf(req, ino));
    if (!dropped) return ReplyError(req, dropped.error());
  }
  const OpenFile* file = fi == nullptr ? nullptr : reinterpret_cast<OpenFile*>(fi->fh);
  ReplyAttributes(req, FileSystemOf(req).SetAttributes(InodeOf(req, ino), change, file));
}

void ReadLink(fuse_req_t req, fuse_ino_t ino) {
  auto target = FileSystemOf(req).ReadLink(InodeOf(req, ino));
  if (!target) return ReplyError(req, target.error());
  fuse_reply_readlink(req, target->c_str());
}

void CheckAccess(fuse_req_t req, fuse_ino_t ino, int mask) {
  ReplyStatus(req, FileSystemOf(req).CheckAccess(InodeOf(req, ino), mask));
}

void StatFs(fuse_req_t req, fuse_ino_t ino) {
  auto st = FileSystemOf(req).StatFs(InodeOf(req, ino));
  if (!st) return ReplyError(req, st.error());
  fuse_reply_statfs(req, &*st);
}

void MakeNode(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  ReplyEntry(req,
             FileSystemOf(req).MakeNode(InodeOf(req, parent), name, mode, device, CallerOf(req)));
}

void MakeDirectory(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  ReplyEntry(req, FileSystemOf(req).MakeDirectory(InodeOf(req, parent), name, mode, CallerOf(req)));
}

void MakeSymlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  ReplyEntry(req, FileSystemOf(req).MakeSymlink(InodeOf(req, parent), name, target, CallerOf(req)));
}

void Link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char* name) {
  ReplyEntry(req, FileSystemOf(req).Link(InodeOf(req, ino), InodeOf(req, parent), name));
}

void Unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  ReplyStatus(req, FileSystemOf(req).Unlink(InodeOf(req, parent), name));
}

void RemoveDirectory(fuse_req_t req, fuse_ino_t parent, const char* name) {
  ReplyStatus(req, FileSystemOf(req).RemoveDirectory(InodeOf(req, parent), name));
}

void Rename(fuse_req_t req, fuse_ino_t from, const char* name, fuse_ino_t to, const char* new_name,
            unsigned flags) {
  ReplyStatus(
      req, FileSystemOf(req).Rename(InodeOf(req, from), name, InodeOf(req, to), new_name, flags));
}

// Values are at most 64 KiB (the kernel's XATTR_SIZE_MAX), as are lists of names.
Bytes& XattrBuffer(size_t size) {
  thread_local Bytes buffer;
  if (buffer.size() < size) buffer.resize(size);
  return buffer;
}

void ReplyXattr(fuse_req_t req, const Result<size_t>& got, const Bytes& buffer, size_t asked) {
  if (!got) return ReplyError(req, got.error());
  if (asked == 0) {
    fuse_reply_xattr(req, *got);
  } else {
    fuse_reply_buf(req, reinterpret_cast<const char*>(buffer.data()), *got);
  }
}

void GetXattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t size) {
  Bytes& buffer = XattrBuffer(size);
  ReplyXattr(req, FileSystemOf(req).GetXattr(InodeOf(req, ino), name, buffer.data(), size), buffer,
             size);
}

void ListXattr(fuse_req_t req, fuse_ino_t ino, size_t size) {
  Bytes& buffer = XattrBuffer(size);
  ReplyXattr(
      req,
      FileSystemOf(req).ListXattr(InodeOf(req, ino), reinterpret_cast<char*>(buffer.data()), size),
      buffer, size);
}

void SetXattr(fuse_req_t req, fuse_ino_t ino, const char* name, const char* value, size_t size,
              int flags) {
  ReplyStatus(req, FileSystemOf(req).SetXattr(InodeOf(req, ino), name,
                                              AsBytes(std::string_view(value, size)), flags));
}

void RemoveXattr(fuse_req_t req, fuse_ino_t ino, const char* name) {
  ReplyStatus(req, FileSystemOf(req).RemoveXattr(InodeOf(req, ino), name));
}

}  // namespace

void SetNameOperations(struct fuse_lowlevel_ops& ops) {
  ops.lookup = Lookup;
  ops.forget = Forget;
  ops.forget_multi = ForgetMulti;
  ops.getattr = GetAttr;
  ops.setattr = SetAttr;
  ops.readlink = ReadLink;
  ops.access = CheckAccess;
  ops.statfs = StatFs;
  ops.mknod = MakeNode;
  ops.mkdir = MakeDirectory;
  ops.symlink = MakeSymlink;
  ops.link = Link;
  ops.unlink = Unlink;
  ops.rmdir = RemoveDirectory;
  ops.rename = Rename;
  ops.getxattr = GetXattr;
  ops.listxattr = ListXattr;
  ops.setxattr = SetXattr;
  ops.removexattr = RemoveXattr;
}

}  // namespace recrypt
