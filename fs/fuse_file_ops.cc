// What the kernel asks of open files and directories.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "fs/fuse_ops.h"

namespace recrypt {
namespace {

// A directory that is being listed, with an entry that was read but did not fit into the answer.
struct Listing {
  std::unique_ptr<OpenDirectory> directory;
  std::optional<FileSystem::ShownEntry> held;
  int64_t held_position = 0;  // at which it comes next
};
Listing& ListingOf(struct fuse_file_info* fi) { return *reinterpret_cast<Listing*>(fi->fh); }

void FillOpen(fuse_req_t req, struct fuse_file_info* fi, std::unique_ptr<OpenFile> file,
              bool keep_pages) {
  fi->keep_cache = keep_pages ? 1 : 0;
  // Nothing to commit when it is closed, and mostly no locks: spares a request. A lock that is
  // taken later by a file opened so is released with the file.
  const bool reads = (file->flags & O_ACCMODE) == O_RDONLY;
  fi->noflush = reads && !FileSystemOf(req).HasLocks(*file->inode) ? 1 : 0;
  fi->fh = reinterpret_cast<uint64_t>(file.release());
}

void Open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info* fi) {
  auto opened = FileSystemOf(req).Open(InodeOf(req, ino), fi->flags, CallerOf(req));
  if (!opened) return ReplyError(req, opened.error());
  FillOpen(req, fi, std::move(opened->file), opened->keep_pages);
  if (fuse_reply_open(req, fi) != -ENOENT) return;
  std::unique_ptr<OpenFile> unheard(&FileOf(fi));
  unheard->epoch = 0;  // nor did the kernel drop pages upon it
  FileSystemOf(req).Close(*unheard);
}

void Create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
            struct fuse_file_info* fi) {
  FileSystem& fs = FileSystemOf(req);
  auto created = fs.CreateFile(InodeOf(req, parent), name, mode, fi->flags, CallerOf(req));
  if (!created) return ReplyError(req, created.error());
  const struct fuse_entry_param parameters = EntryParameters(req, created->entry);
  FillOpen(req, fi, std::move(created->file), false);
  if (fuse_reply_create(req, &parameters, fi) != -ENOENT) return;
  std::unique_ptr<OpenFile> unheard(&FileOf(fi));
  fs.Close(*unheard);
  fs.Forget(*created->entry.inode, 1);
}

void Release(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi) {
  std::unique_ptr<OpenFile> file(&FileOf(fi));
  FileSystemOf(req).Close(*file);
  if (fi->flock_release != 0) FileSystemOf(req).ReleaseLocks(*file, WholeOwner(fi));
  file.reset();
  fuse_reply_err(req, 0);
}

// Memory for an answer.
class Answer {
 public:
  Answer(fuse_req_t req, size_t size) : size_(size) {
    if (size > kSmall) large_ = SessionOf(req).device().buffers().Take();
  }
  // Less than `size` bytes only where the kernel asks for more than it was told that there can be.
  MutableByteSpan bytes() {
    return {large_ ? large_.get() : small_, std::min(size_, FuseBuffers::kSize)};
  }

 private:
  static constexpr size_t kSmall = 8192;

  const size_t size_;
  FuseBuffers::Buffer large_{nullptr, {}};
  uint8_t small_[kSmall];  // undefined
};

void Read(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, struct fuse_file_info* fi) {
  OpenFile& file = FileOf(fi);
  if (file.document == nullptr) {
    struct fuse_bufvec from = FUSE_BUFVEC_INIT(size);
    from.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
    from.buf[0].fd = file.plain.get();
    from.buf[0].pos = offset;
    fuse_reply_data(req, &from, FUSE_BUF_SPLICE_MOVE);
    return;
  }
  Answer answer(req, size);
  const MutableByteSpan buffer = answer.bytes();
  auto got = FileSystemOf(req).Read(file, static_cast<uint64_t>(offset), buffer);
  if (!got) return ReplyError(req, got.error());
  fuse_reply_buf(req, reinterpret_cast<const char*>(buffer.data()), *got);
}

void Write(fuse_req_t req, fuse_ino_t, const char* data, size_t size, off_t offset,
           struct fuse_file_info* fi) {
  // A page that is written back belongs where it is, whatever the descriptor says.
  const bool append = fi->writepage == 0 && (fi->flags & O_APPEND) != 0;
  Status written = DropSetId(req, *FileOf(fi).inode);
  if (written) {
    written = FileSystemOf(req).Write(FileOf(fi), static_cast<uint64_t>(offset),
                                      AsBytes(std::string_view(data, size)),
                                      append ? WriteAt::kEnd : WriteAt::kOffset);
  }
  if (!written) return ReplyError(req, written.error());
  fuse_reply_write(req, size);
}

// close(2) takes a process's locks on the file away, whichever of its descriptors that was.
void Flush(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi) {
  const Status flushed = FileSystemOf(req).Flush(FileOf(fi));
  FileSystemOf(req).ReleaseLocks(FileOf(fi), RangesOwner(fi));
  ReplyStatus(req, flushed);
}

void Fsync(fuse_req_t req, fuse_ino_t, int, struct fuse_file_info* fi) {
  ReplyStatus(req, FileSystemOf(req).Sync(FileOf(fi)));
}

void Allocate(fuse_req_t req, fuse_ino_t, int mode, off_t offset, off_t length,
              struct fuse_file_info* fi) {
  ReplyStatus(req, FileSystemOf(req).Allocate(FileOf(fi), mode, static_cast<uint64_t>(offset),
                                              static_cast<uint64_t>(length)));
}

void Seek(fuse_req_t req, fuse_ino_t, off_t offset, int whence, struct fuse_file_info* fi) {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) {
    fuse_reply_err(req, EINVAL);
    return;
  }
  auto found = FileSystemOf(req).Seek(FileOf(fi), static_cast<uint64_t>(offset),
                                      whence == SEEK_DATA ? SeekFor::kData : SeekFor::kHole);
  if (!found) return ReplyError(req, found.error());
  fuse_reply_lseek(req, static_cast<off_t>(*found));
}

void OpenDir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info* fi) {
  auto opened = FileSystemOf(req).OpenDir(InodeOf(req, ino));
  if (!opened) return ReplyError(req, opened.error());
  auto listing = std::make_unique<Listing>(Listing{std::move(*opened), std::nullopt, 0});
  fi->fh = reinterpret_cast<uint64_t>(listing.release());
  if (fuse_reply_open(req, fi) == -ENOENT) delete &ListingOf(fi);
}

void ReleaseDir(fuse_req_t req, fuse_ino_t, struct fuse_file_info* fi) {
  delete &ListingOf(fi);
  fuse_reply_err(req, 0);
}

// Puts one entry into the answer; 0 when there is no room for it, else the room that it took.
size_t AddEntry(fuse_req_t req, Listing& listing, const FileSystem::ShownEntry& shown, char* at,
                size_t room, bool with_attributes) {
  struct fuse_entry_param parameters = {};
  parameters.attr.st_ino = shown.number;
  parameters.attr.st_mode = shown.type;
  if (!with_attributes) {
    const size_t size = fuse_add_direntry(req, at, room, shown.name.c_str(), &parameters.attr,
                                          static_cast<off_t>(shown.next));
    return size > room ? 0 : size;
  }
  // Asked for without room first: a look-up that is counted has to reach the kernel.
  const size_t size = fuse_add_direntry_plus(req, nullptr, 0, shown.name.c_str(), nullptr, 0);
  if (size > room) return 0;
  if (shown.name != "." && shown.name != ".." && !FileSystemOf(req).KnowsMany()) {
    auto entry = FileSystemOf(req).Lookup(*listing.directory->inode, shown.name);
    if (entry) parameters = EntryParameters(req, *entry);
  }
  return fuse_add_direntry_plus(req, at, room, shown.name.c_str(), &parameters,
                                static_cast<off_t>(shown.next));
}

void List(fuse_req_t req, size_t size, off_t offset, struct fuse_file_info* fi,
          bool with_attributes) {
  FileSystem& fs = FileSystemOf(req);
  Listing& listing = ListingOf(fi);
  DirectoryReader& reader = listing.directory->reader;
  if (!listing.held || offset != listing.held_position) {
    listing.held.reset();
    Status found = reader.Seek(offset);
    if (!found) return ReplyError(req, found.error());
  }
  Answer answer(req, size);
  size = answer.bytes().size();
  auto* at = reinterpret_cast<char*>(answer.bytes().data());
  size_t used = 0;
  int64_t position = offset;
  for (;;) {
    if (!listing.held) {
      auto next = fs.ReadDir(*listing.directory);
      if (!next) {
        if (used == 0) return ReplyError(req, next.error());
        break;
      }
      if (!*next) break;
      listing.held = std::move(**next);
    }
    const size_t took =
        AddEntry(req, listing, *listing.held, at + used, size - used, with_attributes);
    if (took == 0) break;
    used += took;
    position = listing.held->next;
    listing.held.reset();
  }
  listing.held_position = position;
  fuse_reply_buf(req, at, used);
}

void ReadDir(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, struct fuse_file_info* fi) {
  List(req, size, offset, fi, false);
}

void ReadDirPlus(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, struct fuse_file_info* fi) {
  List(req, size, offset, fi, true);
}

void SyncDir(fuse_req_t req, fuse_ino_t, int, struct fuse_file_info* fi) {
  ReplyStatus(req, FileSystemOf(req).SyncDir(*ListingOf(fi).directory));
}

}  // namespace

void SetFileOperations(struct fuse_lowlevel_ops& ops) {
  ops.open = Open;
  ops.create = Create;
  ops.release = Release;
  ops.read = Read;
  ops.write = Write;
  ops.flush = Flush;
  ops.fsync = Fsync;
  ops.fallocate = Allocate;
  ops.lseek = Seek;
  ops.opendir = OpenDir;
  ops.releasedir = ReleaseDir;
  ops.readdir = ReadDir;
  ops.readdirplus = ReadDirPlus;
  ops.fsyncdir = SyncDir;
}

}  // namespace recrypt
