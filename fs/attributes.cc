// FileSystem: stat, chmod, chown, truncate, utimens, statfs.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {
namespace {

constexpr int kSizeAttempts = 3;

tl::unexpected<Error> PlainFileIsReadOnly() {
  return Fail(ErrorCode::kForbidden,
              "the file is stored in plain on the share and is shown read-only: copy it to a new "
              "name to protect it");
}

// What is not committed has changed the file all the same.
void ShowChangeAt(const struct timespec& at, struct stat& attributes) {
  attributes.st_mtim = at;
  const struct timespec& changed = attributes.st_ctim;
  const bool earlier =
      changed.tv_sec != at.tv_sec ? changed.tv_sec < at.tv_sec : changed.tv_nsec < at.tv_nsec;
  if (earlier) attributes.st_ctim = at;
}

}  // namespace

// Turns attributes of the stored file into those of what it stands for.
Status FileSystem::ShowAttributes(Inode& inode, struct stat& attributes) {
  if (inode.kind() == InodeKind::kPlainFile) {
    attributes.st_mode &= ~static_cast<mode_t>(S_IWUSR | S_IWGRP | S_IWOTH);
    return {};
  }
  if (!inode.is_document()) return {};
  const std::shared_ptr<OpenDocument> document = inode.document();
  if (document && document->commits_soon()) {
    // What a program was shown of a file that it has closed does not change again by itself.
    document->FinishCommit();
    RECRYPT_ASSIGN(attributes, store_.Stat(inode.node()));
  }
  const auto uncommitted = document ? document->uncommitted() : std::nullopt;
  const auto verified =
      document && !uncommitted ? document->VerifiedSize(attributes) : std::nullopt;
  if (uncommitted) {
    attributes.st_size = static_cast<off_t>(uncommitted->size);
  } else if (verified) {
    attributes.st_size = static_cast<off_t>(*verified);
  } else {
    RECRYPT_ASSIGN(const uint64_t size, CommittedSize(inode, attributes));
    attributes.st_size = static_cast<off_t>(size);
  }
  if (document) document->ShowTimes(attributes);
  if (uncommitted) ShowChangeAt(uncommitted->modified, attributes);
  inode.ShowSize(static_cast<uint64_t>(attributes.st_size));
  inode.ShowModified(attributes.st_mtim);
  return {};
}

// The content size of a stored file with these attributes. What may not be opened counts as empty;
// what cannot be read is no empty file.
Result<uint64_t> FileSystem::CommittedSize(Inode& inode, const struct stat& stored) {
  if (stored.st_size == 0) return uint64_t{0};
  if (auto known = inode.KnownContentSize(stored)) return *known;
  auto size = SizeFromStoredLength(static_cast<uint64_t>(stored.st_size));
  if (size) return *size;
  // Records stand behind the document: the end of the file says how large it is.
  auto fd = store_.OpenFile(inode.node(), O_RDONLY);
  if (!fd && fd.error().code == ErrorCode::kIo) return Fail(std::move(fd.error()));
  if (!fd) return uint64_t{0};
  ShareFile file(store_, std::move(*fd), ShareFileMode::kReadOnly);
  for (int attempt = 0; attempt < kSizeAttempts; ++attempt) {
    size = StoredContentSize(file);
    // Another mount may just be bringing the records into place.
    if (size || size.error().code != ErrorCode::kCorrupt) break;
  }
  if (size) inode.RememberContentSize(stored, *size);
  if (!size && size.error().code != ErrorCode::kIo) return uint64_t{0};
  return size;
}

Result<struct stat> FileSystem::GetAttributes(Inode& inode) {
  RECRYPT_ASSIGN(struct stat attributes, store_.Stat(inode.node()));
  RECRYPT_TRY(ShowAttributes(inode, attributes));
  return attributes;
}

Result<struct stat> FileSystem::SetAttributes(Inode& inode, const AttributeChange& change,
                                              const OpenFile* file) {
  if (inode.kind() == InodeKind::kPlainFile) {
    return Explain(inode, Result<struct stat>(PlainFileIsReadOnly()));
  }
  if (change.size) RECRYPT_TRY(Explain(inode, SetSize(inode, *change.size, file)));
  if (change.uid || change.gid) {
    const Owner owner{change.uid.value_or(static_cast<uid_t>(-1)),
                      change.gid.value_or(static_cast<gid_t>(-1))};
    RECRYPT_TRY(store_.ChangeOwner(inode.node(), owner));
  }
  if (change.mode) RECRYPT_TRY(store_.ChangeMode(inode.node(), *change.mode & 07777));
  if (change.accessed || change.modified) RECRYPT_TRY(SetTimes(inode, change));
  RECRYPT_ASSIGN(const struct stat attributes, GetAttributes(inode));
  if (change.size) inode.SettleSize(static_cast<uint64_t>(attributes.st_size));
  return attributes;
}

Status FileSystem::SetSize(Inode& inode, uint64_t size, const OpenFile* file) {
  if (!inode.is_document()) return Fail(Error{ErrorCode::kInvalid, "no regular file", EINVAL});
  if (file != nullptr && file->document != nullptr) return file->document->Truncate(size);
  std::shared_ptr<OpenDocument> document = DocumentOf(inode);
  RECRYPT_TRY(document->Open(size == 0 ? OpenFor::kTruncating : OpenFor::kWriting));
  Status done = document->Truncate(size);
  if (done) done = document->Flush();
  document->Close();
  KeepForLater(document);
  return done;
}

Status FileSystem::SetTimes(Inode& inode, const AttributeChange& change) {
  const struct timespec omit = {0, UTIME_OMIT};
  const struct timespec times[2] = {change.accessed.value_or(omit), change.modified.value_or(omit)};
  std::shared_ptr<OpenDocument> document = inode.document();
  if (document != nullptr && change.modified) return document->ChangeTimes(times);
  return store_.ChangeTimes(inode.node(), times);
}

Status FileSystem::CheckAccess(Inode& inode, int mask) {
  if (inode.kind() == InodeKind::kPlainFile && (mask & W_OK) != 0) {
    return Fail(Error{ErrorCode::kForbidden, "the file is stored in plain", EACCES});
  }
  return store_.CheckAccess(inode.node(), mask);
}

Result<struct statvfs> FileSystem::StatFs(Inode& inode) {
  RECRYPT_ASSIGN(struct statvfs st, store_.StatFs(inode.node()));
  // Names with no room for the suffix are hashed (fs/long_names.h) where the longest are 255 bytes.
  if (st.f_namemax < kMaxName && st.f_namemax > kDocumentSuffix.size()) {
    st.f_namemax -= kDocumentSuffix.size();
  }
  st.f_namemax = std::min<unsigned long>(st.f_namemax, kMaxName);
  return st;
}

}  // namespace recrypt
