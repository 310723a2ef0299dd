// OpenDocument: the document's own extended attributes, sealed under its key.
//
// A change writes all attributes anew, as another sealed set beside the committed one, and lets the
// next trailer name it. Order of what has to be durable: the new set, the trailer that names it,
// and only then the old set is removed. So whatever trailer a crash leaves finds its attributes.
#include <cerrno>
#include <utility>

#include "fs/open_document.h"
#include "fs/stored_attributes.h"

namespace recrypt {
namespace {

constexpr Sha256Digest kNone{};

// Why the attributes of a document that is started over cannot be taken along: who truncates it may
// not read it, or nobody can.
bool AreOutOfReach(const Error& error) {
  return error.code == ErrorCode::kDenied || error.code == ErrorCode::kForbidden ||
         error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kStale;
}

}  // namespace

// As opening does; what the kernel is to do with its pages is for the next opening to say.
Status OpenDocument::Refresh() {
  RECRYPT_TRY(OpenFresh());
  return MakeReadable();
}

// Of the document as it is loaded, committed or not.
Result<Attributes> OpenDocument::LoadedAttributes() {
  std::shared_lock state(state_);
  if (doc_ == nullptr) return Attributes();
  const Sha256Digest digest = doc_->AttributesDigest();
  if (digest == kNone) return Attributes();
  RECRYPT_ASSIGN(const Bytes sealed, StoredAttributes(services_.store, node_->get()).Read(digest));
  return doc_->OpenAttributes(sealed);
}

Result<Attributes> OpenDocument::GetAttributes() {
  std::lock_guard writer(writer_);
  // Nobody else can have given it any, and that it has none is said without asking for a grant.
  if (locked_ && doc_ != nullptr && doc_->AttributesDigest() == kNone) return Attributes();
  RECRYPT_TRY(Refresh());
  auto attributes = LoadedAttributes();
  const bool is_damage = !attributes && attributes.error().code == ErrorCode::kCorrupt;
  if (!locked_ && (is_damage || phase_ == State::kEmpty)) {
    // Another mount may just be committing others, or truncating it. Once it has let go of the
    // lock, what is there is complete.
    RECRYPT_TRY(WaitForLock(LockKind::kShared));
    Status fresh = Refresh();
    if (fresh) {
      attributes = LoadedAttributes();
    } else {
      attributes = Fail(std::move(fresh.error()));
    }
    file_->Unlock(LockKind::kShared);
  }
  if (!attributes && attributes.error().code == ErrorCode::kCorrupt) {
    services_.log(LogLevel::kError, "\"" + place_ + "\": " + attributes.error().message);
  }
  return attributes;
}

Status OpenDocument::ChangeAttributes(const AttributesEdit& edit, IfUnreadable if_unreadable) {
  std::lock_guard writer(writer_);
  // Whoever has begun to change the document was asked by then whether they may.
  const bool alone = !dirty_;
  if (alone) {
    RECRYPT_TRY(Refresh());
    RECRYPT_TRY(CheckMayWrite());
  } else {
    RECRYPT_TRY(MakeReadable());
  }
  if (phase_ == State::kEmpty) {
    // What has nothing to do does not make a document of an empty file.
    Attributes none;
    RECRYPT_TRY(edit(none));
    if (none.empty()) return {};
  }
  RECRYPT_ASSIGN(const struct stat before, services_.store.Stat(node_->get()));
  const int64_t modified =
      alone ? int64_t{before.st_mtim.tv_sec} * 1'000'000'000 + before.st_mtim.tv_nsec
            : modified_ns_.load();
  RECRYPT_TRY(BeginChange());
  Status changed = EditAttributes(edit, if_unreadable, modified);
  if (!alone) return changed;
  if (!dirty_) {
    ChangeNothing();
    return changed;
  }
  Status committed = CommitLocked(Durability::kVisible);
  // Who is told that it failed is not to find it done later.
  if (!committed) GiveUpChanges(committed.error());
  return changed ? committed : changed;
}

// `modified` is the time of modification that the document keeps: that of its content.
Status OpenDocument::EditAttributes(const AttributesEdit& edit, IfUnreadable if_unreadable,
                                    int64_t modified) {
  Attributes attributes;
  auto loaded = LoadedAttributes();
  if (loaded) {
    attributes = *loaded;
  } else if (if_unreadable == IfUnreadable::kFail || loaded.error().code != ErrorCode::kCorrupt) {
    if (loaded.error().code == ErrorCode::kCorrupt) {
      services_.log(LogLevel::kError, "\"" + place_ + "\": " + loaded.error().message);
    }
    return Fail(std::move(loaded.error()));
  }
  RECRYPT_TRY(edit(attributes));
  if (loaded && attributes == *loaded) return {};
  RECRYPT_TRY(PutAttributes(attributes));
  NoteChange();
  modified_ns_ = modified;
  modified_shown_ = true;  // the commit keeps to it
  return {};
}

// Gives the document, which is being changed, these attributes with the next commit.
Status OpenDocument::PutAttributes(const Attributes& attributes) {
  StoredAttributes stored(services_.store, node_->get());
  Sha256Digest digest = kNone;
  if (!attributes.empty()) {
    if (SealedAttributesSize(attributes) > kMaxSealedAttributes) {
      return Fail(Error{ErrorCode::kQuota, "a document's attributes take at most 64 KiB", ENOSPC});
    }
    RECRYPT_ASSIGN(const Bytes sealed, doc_->SealAttributes(attributes));
    digest = Sha256(sealed);
    RECRYPT_TRY(stored.Write(sealed));
  }
  // Best effort: the commit removes what is left.
  if (unnamed_attributes_) (void)stored.Remove(*unnamed_attributes_);
  unnamed_attributes_.reset();
  if (digest != kNone) unnamed_attributes_ = digest;
  attributes_changed_ = true;
  doc_->SetAttributes(digest);
  return {};
}

// Before the commit of changed attributes.
Status OpenDocument::SyncAttributes() {
  unnamed_attributes_.reset();  // a trailer may name them from now on, should the commit fail too
  if (doc_->AttributesDigest() == kNone) return {};
  // Promise: a trailer that is there names attributes that are there.
  return file_->SyncAll();
}

// After the commit: removes what no trailer names any more.
void OpenDocument::DropOldAttributes(Durability committed) {
  attributes_changed_ = false;
  StoredAttributes stored(services_.store, node_->get());
  auto old = stored.NamesBut(doc_->AttributesDigest());
  if (!old || old->empty()) return;
  // Promise: the trailer that does without the old attributes is durable before they are removed.
  if (committed == Durability::kVisible && !file_->SyncData()) return;
  (void)stored.RemoveNames(*old);  // what stays is removed after the next change
}

// With the lock held, before a document is started over: what of its attributes can be taken along.
Result<Attributes> OpenDocument::AttributesToKeep() {
  if (!dirty_) {
    RECRYPT_ASSIGN(const auto digest, StoredAttributesDigest(*file_));
    if (digest == kNone) return Attributes();
    auto stored = StoredAttributes(services_.store, node_->get()).NamesBut(kNone);
    if (!stored && stored.error().os_error != EOPNOTSUPP) return Fail(std::move(stored.error()));
    if (!stored || stored->empty()) {
      if (!digest) return Attributes();
      return GiveUpAttributes(Error{ErrorCode::kCorrupt, "they are missing", 0});
    }
    attributes_changed_ = true;  // the old ones are to be removed
    Status loaded = LoadForRestart();
    if (!loaded) return GiveUpAttributes(loaded.error());
  }
  auto attributes = LoadedAttributes();
  if (!attributes) return GiveUpAttributes(attributes.error());
  if (!attributes->empty()) attributes_changed_ = true;
  return attributes;
}

Status OpenDocument::LoadForRestart() {
  std::unique_lock state(state_);
  RECRYPT_ASSIGN(const Stamp stamp, TakeStamp());
  // Its keys may still be there where there is no grant to be had for reading any more.
  if (phase_ == State::kLoaded && stamp_ && *stamp_ == stamp) return {};
  return Load();
}

Result<Attributes> OpenDocument::GiveUpAttributes(const Error& why) {
  if (!AreOutOfReach(why)) return Fail(why);
  services_.log(LogLevel::kWarning, "\"" + place_ +
                                        "\" is truncated to nothing and loses its extended "
                                        "attributes, which cannot be read: " +
                                        why.message);
  return Attributes();
}

// With state_ held exclusively and the document just begun anew in a file of length 0.
Status OpenDocument::TakeAttributesAlong(const Attributes& attributes) {
  // Promise: the trailer that names the old attributes is gone before they are.
  RECRYPT_TRY(file_->SyncData());
  StoredAttributes stored(services_.store, node_->get());
  RECRYPT_ASSIGN(const auto old, stored.NamesBut(kNone));
  unnamed_attributes_.reset();
  Status put = PutAttributes(attributes);
  RECRYPT_TRY(stored.RemoveNames(old));
  // Where there is no room for both, the old set has made it: the new one is as large.
  return put ? put : PutAttributes(attributes);
}

}  // namespace recrypt
