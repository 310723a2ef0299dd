// OpenDocument: documents that were made, and not synced (core/jcd/provisional.h).
#include "core/jcd/provisional.h"
#include "fs/open_document.h"

namespace recrypt {
namespace {

// By then the kernel has written a file to the disk by itself, so that syncing it costs little.
constexpr int64_t kConfirmAfterMs = 30'000;

}  // namespace

void OpenDocument::IsProvisionalFromNow() {
  provisional_since_ms_ = std::max<int64_t>(Now(), 1);
  services_.events.HasWork(shared_from_this());
}

bool OpenDocument::IsProvisional() {
  std::lock_guard writer(writer_);
  return provisional_since_ms_ != 0;
}

void OpenDocument::NameIsGone() {
  std::lock_guard writer(writer_);
  const auto stored = services_.store.Stat(node_->get());
  if (stored && stored->st_nlink == 0) provisional_since_ms_ = 0;
}

Status OpenDocument::ConfirmWhenDue() {
  if (provisional_since_ms_ == 0 || dirty_) return {};
  if (Now() - provisional_since_ms_ < kConfirmAfterMs) return {};
  return ConfirmLocked(Synced::kNo);
}

Status OpenDocument::ConfirmDurability(Synced synced, int64_t made_before_ms) {
  std::lock_guard writer(writer_);
  if (provisional_since_ms_ >= made_before_ms) return {};
  return ConfirmLocked(synced);
}

// Tried once: whoever loads the document next does it otherwise.
Status OpenDocument::ConfirmLocked(Synced synced) {
  if (provisional_since_ms_ == 0 || dirty_) return {};
  provisional_since_ms_ = 0;
  const bool was_closed = file_ == nullptr;
  if (was_closed) {
    std::unique_lock state(state_);
    RECRYPT_TRY(OpenFile());
  }
  Status done = file_->MakeWritable(node_->get());
  const bool lock = done && !locked_;
  if (lock) done = file_->TryLock(LockKind::kExclusive);
  if (done) {
    locked_ = true;
    done = ConfirmUnderLock(synced);
    if (lock) Unlock();
  }
  if (was_closed) {
    std::unique_lock state(state_);
    file_.reset();
  }
  return done;
}

Status OpenDocument::ConfirmUnderLock(Synced synced) {
  RECRYPT_ASSIGN(const struct stat before, services_.store.Stat(node_->get()));
  RECRYPT_ASSIGN(Stamp stamp, TakeStamp());
  if (!stamp_ || !(*stamp_ == stamp) || stamp.unlinked) return {};  // another mount's by now
  // Promise: what is not provisional any more was durable as a whole.
  if (synced == Synced::kNo) RECRYPT_TRY(file_->SyncData());
  times_.Begin(before);
  Status confirmed = recrypt::ConfirmDurable(*file_);
  SetModified(int64_t{stamp.modified.tv_sec} * 1'000'000'000 + stamp.modified.tv_nsec);
  Restamp();
  KeepAccessed(before);
  const auto after = services_.store.Stat(node_->get());
  times_.End(after ? *after : before);
  return confirmed;
}

}  // namespace recrypt
