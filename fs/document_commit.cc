// OpenDocument: bringing changes to the share (DESIGN 6).
#include <utility>

#include "fs/open_document.h"

namespace recrypt {
namespace {

// Records of an open document are applied when it has been left alone for so long, or when so much
// stands behind it.
constexpr int64_t kIdleMs = 1000;
constexpr uint64_t kMaxRecordBytes = uint64_t{16} << 20;
constexpr uint64_t kLargeCommit = uint64_t{1} << 20;
// For so long the changes of a document that nobody has open any more are tried to be written, of
// which nobody was told that they could not be.
constexpr int64_t kRetryMs = 60'000;
// Of larger ones the signature is a small part of what closing them costs.
constexpr uint64_t kMaxSizeToCommitSoon = uint64_t{64} << 10;

}  // namespace

std::unique_lock<std::mutex> OpenDocument::TurnToCommit(uint64_t bytes) {
  if (bytes < kLargeCommit) return {};
  return std::unique_lock(services_.large_commit);
}

Status OpenDocument::CommitLocked(Durability durability) {
  if (!dirty_) {
    if (durability != Durability::kSynced || file_ == nullptr) return {};
    RECRYPT_TRY(doc_ == nullptr ? file_->SyncData() : doc_->Commit(nullptr, durability));
    if (provisional_since_ms_ != 0) (void)ConfirmLocked(Synced::kNo);
    return {};
  }
  // What close says includes what a server refuses, and others see it then.
  if (services_.store.IsRemote()) durability = Durability::kSynced;
  RECRYPT_ASSIGN(std::shared_ptr<const Author> author,
                 services_.access.AuthorFor(header_->expression));
  if (attributes_changed_) RECRYPT_TRY(SyncAttributes());
  {
    const auto turn = TurnToCommit(counted_dirty_);
    std::shared_lock state(state_);
    RECRYPT_TRY(doc_->Commit(author.get(), durability));
  }
  if (attributes_changed_) DropOldAttributes(durability);
  if (modified_shown_.exchange(false)) SetModified(modified_ns_);
  Restamp();  // from here on stat(2) goes by that
  dirty_ = false;
  commits_soon_ = false;
  told_ = false;
  failing_since_ms_ = 0;
  failed_write_back_.reset();  // it has succeeded now
  CountDirtyBytes(0);
  const bool made_now = born_.has_value();
  if (made_now) KeepBorn();
  if (renewed_) KeepRenewed();
  digest_ = doc_->TrailerDigest();
  seen_ = Seen{header_->uid, doc_->Generation()};
  (void)services_.freshness.Admit(seen_->uid, seen_->generation, place_);
  Unlock();
  if (!doc_->IsProvisional()) provisional_since_ms_ = 0;
  if (doc_->IsProvisional() && made_now) IsProvisionalFromNow();
  if (doc_->HasRecords()) services_.events.HasWork(shared_from_this());
  return {};
}

// For a program that hears of a failure.
Status OpenDocument::CommitAndTell(Durability durability) {
  Status committed = CommitLocked(durability);
  if (!committed) told_ = true;
  return committed;
}

// What this mount may open again without a grant.
void OpenDocument::KeepBorn() {
  auto header = services_.headers.Keep(born_->region, *header_);
  {
    std::unique_lock state(state_);
    header_ = std::move(header);
  }
  if (lease_end_ms_ != kUntilClosed) services_.access.KeepCreated(*header_, born_->keys);
  born_.reset();
}

void OpenDocument::KeepRenewed() {
  auto header = services_.headers.Keep(renewed_->header.region, renewed_->header.header);
  {
    std::unique_lock state(state_);
    header_ = std::move(header);
  }
  if (lease_end_ms_ != kUntilClosed) services_.access.KeepCreated(*header_, renewed_->keys);
  renewed_.reset();
}

// Remembers the stored file as it is now, after a change of our own under the lock.
void OpenDocument::Restamp() {
  auto stamp = KnownStamp();
  SetStamp(stamp ? std::optional(*stamp) : std::nullopt);
}

// A commit or an apply moves the stored file's time of modification; a program that was shown one
// while its changes were still in memory is to find the same afterwards.
void OpenDocument::SetModified(int64_t modified_ns) {
  const struct timespec times[2] = {{0, UTIME_OMIT},
                                    {modified_ns / 1'000'000'000, modified_ns % 1'000'000'000}};
  (void)services_.store.ChangeTimes(node_->get(), times);  // refused to others than the owner
}

// What is read for the mount's own purposes is no access of a program's.
void OpenDocument::KeepAccessed(const struct stat& before) {
  const struct timespec times[2] = {before.st_atim, {0, UTIME_OMIT}};
  (void)services_.store.ChangeTimes(node_->get(), times);  // refused to others than the owner
}

Status OpenDocument::ApplyLocked() {
  if (dirty_ || doc_ == nullptr || !doc_->HasRecords()) return {};
  if (!file_->writable()) RECRYPT_TRY(file_->MakeWritable(node_->get()));
  RECRYPT_TRY(file_->TryLock(LockKind::kExclusive));
  locked_ = true;
  Status applied = ApplyUnderLock();
  Unlock();
  return applied;
}

Status OpenDocument::ApplyUnderLock() {
  RECRYPT_ASSIGN(const struct stat before, services_.store.Stat(node_->get()));
  RECRYPT_ASSIGN(Stamp stamp, TakeStamp());
  if (!stamp_ || !(*stamp_ == stamp)) return {};  // another mount went on; it will apply
  times_.Begin(before);
  Status applied;
  {
    const auto turn = TurnToCommit(doc_->RecordBytes());
    std::shared_lock state(state_);
    file_->HoldModified(stamp.modified);
    applied = doc_->Apply();
    file_->HoldModified(std::nullopt);
  }
  if (applied) {
    provisional_since_ms_ = 0;
    Restamp();
  }
  KeepAccessed(before);
  const auto after = services_.store.Stat(node_->get());
  times_.End(after ? *after : before);
  return applied;
}

void OpenDocument::GiveUpChanges(const Error& why) {
  services_.log(LogLevel::kError,
                "changes to \"" + place_ + "\" could not be written and are lost: " + why.message);
  {
    std::unique_lock state(state_);
    if (doc_ != nullptr) doc_->Discard();
    Unload();
  }
  // What there is of a document that was never committed is of no use to anybody.
  if (born_ && file_ != nullptr) (void)file_->Truncate(0);
  dirty_ = false;
  commits_soon_ = false;
  told_ = false;
  failing_since_ms_ = 0;
  born_.reset();
  renewed_.reset();
  attributes_changed_ = false;  // what is left of them is removed after the next change
  unnamed_attributes_.reset();
  CountDirtyBytes(0);
  SetStamp(std::nullopt);
  SetDigest(std::nullopt);
  Unlock();
  PagesAreStale();
}

Status OpenDocument::Flush() {
  if (!dirty_) {
    std::lock_guard writer(writer_);
    if (!failed_write_back_) return {};
    Error failure = *std::exchange(failed_write_back_, std::nullopt);
    return Fail(std::move(failure));
  }
  std::lock_guard writer(writer_);
  failed_write_back_.reset();  // this commit says the same, or succeeds
  if (!MayCommitSoon()) return CommitAndTell(Durability::kVisible);
  {
    std::shared_lock state(state_);
    Status reserved = doc_->Reserve();
    told_ = !reserved;
    RECRYPT_TRY(reserved);
  }
  if (commits_soon_) return {};
  commits_soon_ = true;
  if (services_.events.CommitSoon(shared_from_this())) return {};
  return CommitAndTell(Durability::kVisible);
}

// Whoever may not read it again has nothing that could wait; nor is it put off where it failed
// before. On a remote store the room that was taken is not sure before a sync.
bool OpenDocument::MayCommitSoon() const {
  const bool failing = told_ || failing_since_ms_ != 0;
  return !services_.store.IsRemote() && born_ && size_ <= kMaxSizeToCommitSoon && !failing &&
         LeaseAlive() && lease_end_ms_ != kUntilClosed;
}

void OpenDocument::FinishCommit() {
  if (!commits_soon_) return;
  std::lock_guard writer(writer_);
  if (!commits_soon_) return;
  // It is said until it is done: whoever sees that it is not waits here.
  if (handles_ == 0) {
    CommitOrRetry();
  } else if (Status committed = CommitLocked(Durability::kVisible); !committed) {
    NoteFailure(committed.error());
  }
  commits_soon_ = false;
}

void OpenDocument::CommitForOthers() {
  if (!dirty_) return;
  std::lock_guard writer(writer_);
  Status committed = CommitLocked(Durability::kVisible);
  if (!committed) NoteFailure(committed.error());
}

// Nobody has it open. Who was told of the failure counts on the old content; otherwise the
// write-back thread tries again, for a while.
void OpenDocument::CommitOrRetry() {
  if (!dirty_) return;
  Status committed = CommitLocked(Durability::kVisible);
  if (committed) return;
  if (told_) return GiveUpChanges(committed.error());
  NoteFailure(committed.error());
}

// At the end of what anybody would hear a failure by.
void OpenDocument::CommitOrGiveUp() {
  if (!dirty_) return;
  Status committed = CommitLocked(Durability::kVisible);
  if (!committed) GiveUpChanges(committed.error());
}

// The next flush reports it.
void OpenDocument::NoteFailure(const Error& failure) {
  if (!failed_write_back_) {
    services_.log(LogLevel::kError, "writing \"" + place_ + "\" back: " + failure.message);
  }
  failed_write_back_ = failure;
  if (failing_since_ms_ == 0) failing_since_ms_ = Now();
  dirty_since_ms_ = Now();
}

Status OpenDocument::Sync() {
  std::lock_guard writer(writer_);
  failed_write_back_.reset();
  if (file_ == nullptr) {
    std::unique_lock state(state_);
    RECRYPT_TRY(OpenFile());
  }
  return CommitAndTell(Durability::kSynced);
}

Status OpenDocument::ChangeTimes(const struct timespec times[2]) {
  std::lock_guard writer(writer_);
  RECRYPT_TRY(CommitLocked(Durability::kVisible));
  bool ours = false;
  if (stamp_ && file_ != nullptr) {
    RECRYPT_ASSIGN(Stamp stamp, TakeStamp());
    ours = stamp == *stamp_;
  }
  RECRYPT_TRY(services_.store.ChangeTimes(node_->get(), times));
  if (!ours) return {};
  // Nothing is read here, which would move the time of access that was just set.
  RECRYPT_ASSIGN(const struct stat st, file_->Stat());
  stamp_->modified = st.st_mtim;
  return {};
}

bool OpenDocument::DoWork(int64_t age_ms) {
  std::unique_lock writer(writer_, std::try_to_lock);
  if (!writer) return true;
  if (dirty_) {
    if (Now() - dirty_since_ms_ < age_ms) return true;
    Status committed = CommitLocked(Durability::kVisible);
    if (!committed) {
      NoteFailure(committed.error());
      if (handles_ != 0 || Now() - failing_since_ms_ < kRetryMs) return true;
      GiveUpChanges(committed.error());
      return false;
    }
  }
  (void)ConfirmWhenDue();
  if (doc_ == nullptr || !doc_->HasRecords()) return provisional_since_ms_ != 0;
  const bool large = doc_->RecordBytes() > kMaxRecordBytes;
  if (handles_ != 0 && !large && Now() - last_change_ms_ < kIdleMs) return true;
  Status applied = ApplyLocked();
  if (!applied && applied.error().code == ErrorCode::kBusy) return true;
  if (!applied) {
    services_.log(LogLevel::kWarning,
                  "applying the records of \"" + place_ + "\": " + applied.error().message);
  }
  return provisional_since_ms_ != 0;
}

Status OpenDocument::Settle() {
  std::lock_guard writer(writer_);
  Status settled = CommitLocked(Durability::kVisible);
  if (settled) settled = ApplyLocked();
  if (!settled) return Fail(settled.error(), "\"" + place_ + "\"");
  return {};
}

}  // namespace recrypt
