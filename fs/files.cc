// FileSystem: open files.
#include <fcntl.h>
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <future>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {
namespace {

bool IsRefusal(ErrorCode code) {
  return code != ErrorCode::kNotFound && code != ErrorCode::kExists;
}

// Whether the name by which the kernel knows it still leads to it. A document that another mount
// has removed tells that itself; one that was given another name does not.
bool HasItsName(Store& store, const Inode& inode) {
  const Inode::Name at = inode.name();
  if (at.directory == nullptr || IsHashedStem(at.name)) return true;
  const auto there = store.StatAt(at.directory->node(), StoredDocumentName(at.name));
  if (!there) return there.error().code != ErrorCode::kNotFound;
  return inode.key() == Inode::Key{there->st_dev, there->st_ino, false};
}

OpenFor PurposeOf(int flags) {
  if ((flags & O_TRUNC) != 0) return OpenFor::kTruncating;
  return (flags & O_ACCMODE) == O_RDONLY ? OpenFor::kReading : OpenFor::kWriting;
}

bool WasShown(const Inode& inode, const OpenDocument::Opened& opened) {
  if (opened.size != inode.shown_size()) return false;
  return !opened.modified || inode.HasShownModified(*opened.modified);
}

tl::unexpected<Error> NotOpenForThis() {
  return Fail(Error{ErrorCode::kInvalid, "not open for this", EBADF});
}

}  // namespace

OpenFile::OpenFile(std::shared_ptr<Inode> its_inode, std::shared_ptr<OpenDocument> its_document,
                   UniqueFd its_plain, int its_flags)
    : inode(std::move(its_inode)),
      document(std::move(its_document)),
      plain(std::move(its_plain)),
      flags(its_flags) {
  if (MayWrite()) inode->CountWriters(1);
}

OpenFile::~OpenFile() {
  if (MayWrite()) inode->CountWriters(-1);
}

bool OpenFile::MayWrite() const { return (flags & O_ACCMODE) != O_RDONLY; }

void FileSystem::NoteRefusal(Inode& inode, const Error& error) {
  std::shared_ptr<Inode> parent = inode.parent();
  if (error.os_error == ESTALE && parent != nullptr) parent->SetNamesSeen(INT64_MIN / 2);
  if (!IsRefusal(error.code)) return;
  inode.Remember(Refusal{error.message, clock_.NowSeconds()});
}

std::shared_ptr<OpenDocument> FileSystem::DocumentOf(Inode& inode) {
  // Not by make_shared: who watches its lease refers to it weakly for long after it is gone, and
  // that would keep its memory.
  return inode.DocumentOr([&]() -> std::shared_ptr<OpenDocument> {
    return std::make_unique<OpenDocument>(services_, inode.shared_node(), inode.id());
  });
}

void FileSystem::KeepForLater(const std::shared_ptr<OpenDocument>& document) {
  std::shared_ptr<OpenDocument> oldest;
  {
    std::lock_guard lock(kept_mutex_);
    kept_.remove(document);
    kept_.push_front(document);
    if (kept_.size() <= kKeptDocuments) return;
    oldest = std::move(kept_.back());
    kept_.pop_back();
  }
  (void)oldest->Drop();  // one that was opened again comes back when it is closed
}

void FileSystem::Committed(const std::shared_ptr<OpenDocument>& document) {
  if (!document->InUse()) KeepForLater(document);
  inodes_.ForgetCommitted();
}

void FileSystem::LetGo(const Inode::Key& key) {
  std::shared_ptr<Inode> inode = inodes_.Peek(key);
  if (inode == nullptr) return;
  std::shared_ptr<OpenDocument> document = inode->document();
  if (document == nullptr) return;
  document->FinishCommit();  // or it would be kept by who commits it
  {
    std::lock_guard lock(kept_mutex_);
    kept_.remove(document);
  }
  document->NameIsGone();
  (void)document->Drop();
}

Result<FileSystem::Opened> FileSystem::OpenPlain(Inode& inode, int flags) {
  if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0) {
    return Fail(ErrorCode::kForbidden,
                "the file is stored in plain on the share and is shown "
                "read-only");
  }
  RECRYPT_ASSIGN(UniqueFd fd, store_.OpenFile(inode.node(), O_RDONLY));
  auto file = std::make_unique<OpenFile>(inode.shared_from_this(), nullptr, std::move(fd), flags);
  return Opened{std::move(file), false};
}

// The share does it by itself for a mount that is not root's, when what was changed is committed.
Status FileSystem::ClearSetId(Inode& inode) {
  RECRYPT_ASSIGN(const struct stat st, store_.Stat(inode.node()));
  mode_t cleared = S_ISUID;
  if ((st.st_mode & S_IXGRP) != 0) cleared |= S_ISGID;
  if ((st.st_mode & cleared) == 0) return {};
  kernel_.DropAttributes(inode.id());
  Status changed = store_.ChangeMode(inode.node(), st.st_mode & 07777 & ~cleared);
  const bool is_not_the_owner = !changed && changed.error().os_error == EPERM;
  return is_not_the_owner ? Status{} : changed;
}

// After a crash the stored length and the footer may tell another size than what is found behind
// them: from now on stat(2) goes by what a program reads.
void FileSystem::RememberSize(Inode& inode, const OpenDocument::Opened& opened) {
  if (opened.stored_length == 0) return;
  const auto told = SizeFromStoredLength(opened.stored_length);
  if (told && *told == opened.size) return;
  struct stat stored = {};
  stored.st_size = static_cast<off_t>(opened.stored_length);
  stored.st_mtim = opened.stored_modified;
  inode.RememberContentSize(stored, opened.size);
}

// What is open already needs the last descriptors more than what is opened.
Status FileSystem::MakeRoomToOpen(Inode& inode) {
  if (inodes_.size() <= options_.max_known / 2 || store_.NodeOf(inode.node())) return {};
  // No directory is locked while the kernel opens a file, as it is while it looks one up.
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> forgotten = done->get_future();
  const bool posted = forgetter_.Post([this, done] {
    ForgetOldest();
    done->set_value();
  });
  if (posted) forgotten.wait();
  RECRYPT_TRY(store_.NodeOf(inode.node()));
  return {};
}

Result<FileSystem::Opened> FileSystem::Open(Inode& inode, int flags, const Caller& caller) {
  if (inode.kind() == InodeKind::kPlainFile) return Explain(inode, OpenPlain(inode, flags));
  if (!inode.is_document()) return NotOpenForThis();
  const OpenFor purpose = PurposeOf(flags);
  RECRYPT_TRY(MakeRoomToOpen(inode));
  std::shared_ptr<OpenDocument> document = DocumentOf(inode);
  const NameWas name =
      stale_opens_.Take(caller.thread) ? NameWas::kLookedUpAgain : NameWas::kLookedUp;
  const bool looks_again = name == NameWas::kLookedUp && caller.thread != 0;
  // Of a remote store names are believed for a second anyway.
  if (looks_again && !store_.IsRemote() && !HasItsName(store_, inode)) {
    stale_opens_.Note(caller.thread);
    return Fail(Error{ErrorCode::kNotFound, "another mount has given the name away", ESTALE});
  }
  auto decided = Explain(inode, document->Open(purpose, name));
  loaded_.RestOldest();
  if (!decided) {
    if (decided.error().os_error == ESTALE) stale_opens_.Note(caller.thread);
    KeepForLater(document);  // what was loaded to find that out is not kept without bound
    return Fail(std::move(decided.error()));
  }
  const OpenDocument::Opened& opened = *decided;
  // The kernel believes in a size until it reads beyond it. Behind an end that has moved here
  // unknown to it, it reads ahead and is confused; before one that has moved away it maps nothing.
  // So it looks the name up again, size included.
  const bool resized = opened.size < inode.believed_size() || opened.size > inode.shown_size();
  if (resized && purpose != OpenFor::kTruncating && looks_again) {
    document->Close();
    stale_opens_.Note(caller.thread);
    return Fail(Error{ErrorCode::kBusy, "another mount has changed its size", ESTALE});
  }
  if (purpose == OpenFor::kTruncating && caller.drops_set_id) {
    Status cleared = ClearSetId(inode);
    if (!cleared) document->Close();
    RECRYPT_TRY(cleared);
  }
  RememberSize(inode, opened);
  if (purpose == OpenFor::kTruncating) {
    inode.SettleSize(0);
  } else if (name == NameWas::kLookedUpAgain) {
    inode.SettleSize(inode.shown_size());
  }
  // The kernel goes by what it was told, for as long as attributes are believed.
  if (!WasShown(inode, opened)) kernel_.DropAttributes(inode.id());
  if (opened.loaded) {
    std::shared_ptr<Inode> parent = inode.parent();
    if (parent != nullptr) prefetcher_.Opened(parent, inode, opened.first_use);
  }
  auto file =
      std::make_unique<OpenFile>(inode.shared_from_this(), std::move(document), UniqueFd(), flags);
  file->epoch = opened.epoch;
  return Opened{std::move(file), opened.keep_pages};
}

Result<FileSystem::Created> FileSystem::CreateFile(Inode& parent, const std::string& name,
                                                   mode_t mode, int flags, const Caller& caller) {
  (void)stale_opens_.Take(caller.thread);  // what was looked up again is not there
  auto created = CreateNew(parent, name, mode, flags, caller);
  const bool exists = !created && created.error().code == ErrorCode::kExists;
  if (!exists || (flags & O_EXCL) != 0) return created;
  RefreshNames(parent, NamesAs::kOfNow);
  if (!Find(parent, name)) return created;
  // Another mount was quicker. Whoever did not ask to be the first opens that one: upon this the
  // kernel looks again, and decides who may. It does so once: the size that it learns then counts.
  stale_opens_.Note(caller.thread);
  return Fail(Error{ErrorCode::kNotFound, "made by another mount meanwhile", ESTALE});
}

Result<FileSystem::Created> FileSystem::CreateNew(Inode& parent, const std::string& name,
                                                  mode_t mode, int flags, const Caller& caller) {
  RECRYPT_TRY(CheckFree(parent, name));
  std::string stored = StoredDocumentName(name);
  RECRYPT_ASSIGN(const std::string path, PathOf(parent, stored));
  const size_t slash = path.rfind('/');
  // All that may be refused comes before anything is made on the share.
  RECRYPT_ASSIGN(LabelExpression label,
                 Explain(parent, labels_.ForDirectory(std::string_view(path).substr(
                                     0, slash == std::string::npos ? 0 : slash))));
  RECRYPT_TRY(Explain(parent, access_.AuthorFor(label)));
  RECRYPT_ASSIGN(NewDocument fresh, Explain(parent, access_.Create(label, name)));
  mode = ModeFor(parent, mode, caller);
  RECRYPT_ASSIGN(const LongNames::Kept kept, names_.Keep(parent.node(), name, stored));
  RECRYPT_ASSIGN(UniqueFd fd, store_.CreateFile(parent.node(), stored, mode & 07777));
  auto begun = BeginFile(parent, path, std::move(fd), std::move(fresh), mode, caller.owner);
  // Nothing of it stays that its maker has not heard of, unless another mount writes it already.
  if (!begun && begun.error().code != ErrorCode::kBusy) {
    auto left = store_.StatAt(parent.node(), stored);
    if (left && left->st_size == 0) (void)store_.Unlink(parent.node(), stored);
  }
  RECRYPT_ASSIGN(Entry entry, std::move(begun));
  NoteKnown(*entry.inode, parent, name);
  loaded_.RestOldest();
  write_back_.KeepPace();
  std::shared_ptr<OpenDocument> document = DocumentOf(*entry.inode);
  Created created{entry, nullptr};
  created.file =
      std::make_unique<OpenFile>(std::move(entry.inode), std::move(document), UniqueFd(), flags);
  return created;
}

// A file that has just been made at `path`, as an open document of its own.
Result<Entry> FileSystem::BeginFile(Inode& parent, const std::string& path, UniqueFd fd,
                                    NewDocument fresh, mode_t mode, Owner caller) {
  RECRYPT_TRY(GiveTo(parent, fd.get(), mode, caller));
  RECRYPT_ASSIGN(UniqueFd node, store_.NodeOf(fd.get()));
  RECRYPT_ASSIGN(struct stat stat, store_.Stat(fd.get()));
  std::shared_ptr<Inode> inode = inodes_.Adopt(std::move(node), stat, InodeKind::kDocument);
  inode->SetParent(parent.shared_from_this());
  inode->SetCreatedIn(parent);
  std::shared_ptr<OpenDocument> document = DocumentOf(*inode);
  Status started = document->StartNew(std::move(fd), std::move(fresh), path);
  if (!started && started.error().code == ErrorCode::kExists) {
    auto opened = document->Open(OpenFor::kWriting);
    started = opened ? Status{} : Fail(std::move(opened.error()));
    if (auto shown = GetAttributes(*inode)) stat = *shown;
  }
  if (!started) {
    inodes_.Forget(*inode, 1);
    return Fail(std::move(started.error()));
  }
  return Entry{std::move(inode), stat};
}

void FileSystem::Close(OpenFile& file) {
  locks_.ReleaseTakenThrough(&file);
  if (file.document == nullptr) return;
  file.document->PagesAreOf(file.epoch);
  file.document->Close();
  if (!file.document->commits_soon()) KeepForLater(file.document);  // else who commits it does
}

Result<size_t> FileSystem::Read(OpenFile& file, uint64_t offset, MutableByteSpan out) {
  if (file.document == nullptr) return store_.ReadAt(file.plain.get(), offset, out);
  file.document->PagesAreOf(file.epoch);
  auto size = file.document->Read(offset, out);
  loaded_.RestOldest();
  if (!size) NoteRefusal(*file.inode, size.error());
  return size;
}

Status FileSystem::Write(OpenFile& file, uint64_t offset, ByteSpan data, WriteAt where) {
  if (file.document == nullptr) return NotOpenForThis();
  Status written = Explain(*file.inode, file.document->Write(offset, data, where));
  if (written) file.inode->ShowGrowth(offset + data.size());
  return written;
}

Status FileSystem::Flush(OpenFile& file) {
  if (file.document == nullptr || !file.MayWrite()) return {};
  return Explain(*file.inode, file.document->Flush());
}

Status FileSystem::Sync(OpenFile& file) {
  if (file.document == nullptr) return {};
  return Explain(*file.inode, file.document->Sync());
}

Status FileSystem::Allocate(OpenFile& file, int mode, uint64_t offset, uint64_t length) {
  if (file.document == nullptr) return NotOpenForThis();
  switch (mode) {
    case FALLOC_FL_KEEP_SIZE:
      return {};  // nothing can be reserved: where a block will stand is not decided yet
    case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
    case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
      return file.document->Zero(offset, length, OpenDocument::Beyond::kKeepSize);
    case FALLOC_FL_ZERO_RANGE: {
      RECRYPT_TRY(file.document->Zero(offset, length, OpenDocument::Beyond::kGrow));
      file.inode->ShowGrowth(offset + length);
      return {};
    }
    default:
      return Fail(Error{ErrorCode::kInvalid, "no such allocation", EOPNOTSUPP});
  }
}

// What was written through a mapping is data, and may be in the kernel's pages alone: these are
// fetched first. That takes another thread of the mount, so it is done by a few at a time; the
// others take everything for data, which is never wrong.
Result<uint64_t> FileSystem::Seek(OpenFile& file, uint64_t offset, SeekFor what) {
  if (file.document != nullptr) {
    if (file.inode->HasWriters()) {
      const bool few = ++fetching_pages_ <= kMaxFetchingPages;
      if (few) kernel_.DropPages(file.inode->id());
      --fetching_pages_;
      if (!few) return file.document->SeekInData(offset, what);
    }
    return file.document->Seek(offset, what);
  }
  RECRYPT_ASSIGN(struct stat st, store_.Stat(file.plain.get()));
  const auto size = static_cast<uint64_t>(st.st_size);
  if (offset >= size) return Fail(Error{ErrorCode::kNotFound, "beyond the end", ENXIO});
  return what == SeekFor::kData ? offset : size;
}

}  // namespace recrypt
