// OpenDocument: changes, under the document's exclusive lock.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include "core/jcd/provisional.h"
#include "fs/open_document.h"

namespace recrypt {
namespace {

// The clock of the kernel's own time stamps, so that ours never lie ahead of the store's.
int64_t FileTimeNow() {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Status OpenDocument::WaitForLock(LockKind kind) {
  const int64_t deadline = Now() + services_.lock_wait_ms;
  int64_t pause_ms = 1;
  for (;;) {
    Status locked = file_->TryLock(kind);
    if (locked || locked.error().code != ErrorCode::kBusy || Now() >= deadline) return locked;
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    pause_ms = std::min<int64_t>(pause_ms * 2, 50);
  }
}

Status OpenDocument::LockForChange() {
  if (file_ == nullptr) {
    std::unique_lock state(state_);
    RECRYPT_TRY(OpenFile());
  }
  RECRYPT_TRY(file_->MakeWritable(node_->get()));
  if (locked_) return {};
  RECRYPT_TRY(WaitForLock(LockKind::kExclusive));
  locked_ = true;
  return {};
}

void OpenDocument::Unlock() {
  if (!locked_) return;
  file_->Unlock(LockKind::kExclusive);
  locked_ = false;
}

// Writes are taken as long as the keys are there, at the end of a lease too: it is then that the
// kernel hands over the pages that were changed through mappings. Opening asked for the right to.
Status OpenDocument::BeginChange() {
  if (locked_ && phase_ == State::kLoaded) return {};
  RECRYPT_TRY(LockForChange());
  Status ready = PrepareChange();
  if (ready && !dirty_) ready = RenewHeader();
  if (!ready && !dirty_) ChangeNothing();
  return ready;
}

// What was prepared for a change that does not come.
void OpenDocument::ChangeNothing() {
  if (renewed_) {
    std::shared_lock state(state_);
    doc_->Discard();
    renewed_.reset();
  }
  Unlock();
}

// With the lock held: what another mount did before is read first.
Status OpenDocument::PrepareChange() {
  std::unique_lock state(state_);
  if (!dirty_) {
    RECRYPT_ASSIGN(Stamp stamp, TakeStamp());
    if (phase_ == State::kClosed || !stamp_ || !(*stamp_ == stamp)) {
      const std::optional<Sha256Digest> before = digest_;
      RECRYPT_TRY(Load());
      DropPagesOf(before);
    }
  }
  if (phase_ == State::kEmpty) {
    RECRYPT_ASSIGN(LabelExpression label, DirectoryLabel());
    RECRYPT_ASSIGN(NewDocument fresh, MakeFresh(label));
    if (stamp_->length != 0) RECRYPT_TRY(file_->Truncate(0));
    Begin(std::move(fresh));
    attributes_changed_ = true;  // what it may have lost by a crash may have left some
  }
  return {};
}

// The first change since a label has another key goes under that one, and under a fresh data key:
// who was removed from the label keeps what they had been granted, and reads nothing of what is
// written from here on. So does a change once so many blocks were written that random nonces might
// meet (DESIGN 5). While nobody tells which key the label has, the known one serves.
Status OpenDocument::RenewHeader() {
  const RenewWhen when = KeyIsUsedUp() ? RenewWhen::kNow : RenewWhen::kLabelsRolled;
  auto renewal = services_.access.RenewHeader(*header_, when, KeepKeys::kAll);
  if (renewal && renewal->due && !renewal->made) {
    RECRYPT_TRY(MakeRoomForKey());
    renewal = services_.access.RenewHeader(*header_, when, KeepKeys::kNewest);
  }
  if (!renewal && renewal.error().code == ErrorCode::kUnavailable) return {};
  if (!renewal) return Fail(std::move(renewal.error()));
  if (!renewal->due) return {};
  if (!renewal->made) return Fail(ErrorCode::kInvalid, "the new header does not fit");
  std::shared_lock state(state_);
  DocumentKeys keys = renewal->made->Keys();
  SealedHeader& header = renewal->made->header;
  RECRYPT_TRY(doc_->ReplaceHeader(header, std::move(renewal->made->keys)));
  renewed_ = Renewed{std::move(header), std::move(keys)};
  return {};
}

bool OpenDocument::KeyIsUsedUp() {
  std::shared_lock state(state_);
  return doc_->BlockWrites() >= services_.key_writes;
}

// As many data keys as a header holds: all content and attributes go under the newest.
Status OpenDocument::MakeRoomForKey() {
  RECRYPT_ASSIGN(const auto author, services_.access.AuthorFor(header_->expression));
  RECRYPT_ASSIGN(const Attributes attributes, LoadedAttributes());
  if (!attributes.empty()) {
    RECRYPT_TRY(PutAttributes(attributes));
    RECRYPT_TRY(SyncAttributes());
  }
  {
    std::shared_lock state(state_);
    RECRYPT_TRY(RewriteContent(*doc_, author.get()));
  }
  if (attributes_changed_) DropOldAttributes(Durability::kVisible);
  return {};
}

// Everything that may be refused is asked for here, before anything is changed on the share.
Result<NewDocument> OpenDocument::MakeFresh(const LabelExpression& expression) {
  RECRYPT_TRY(services_.access.AuthorFor(expression));
  return services_.access.Create(expression, services_.names.NameOfPlace(place_));
}

// Requires state_ exclusively, file_ empty and locked.
void OpenDocument::Begin(NewDocument fresh) {
  const int64_t lease = services_.access.CreatorsLease(fresh.keys.expression);
  renewed_.reset();
  header_ = std::make_shared<const Header>(std::move(fresh.header.header));
  born_ = Born{fresh.header.region, fresh.keys.Clone()};
  doc_ = Document::Create(file_, std::move(fresh.header.region), std::move(fresh.keys));
  phase_ = State::kLoaded;
  digest_.reset();
  SetLease(lease > Now() ? lease : kUntilClosed);
  NoteChange();
}

Status OpenDocument::StartNew(UniqueFd fd, NewDocument fresh, std::string place) {
  std::lock_guard writer(writer_);
  {
    std::unique_lock state(state_);
    Unload();
    file_ = std::make_shared<ShareFile>(services_.store, std::move(fd), ShareFileMode::kReadWrite);
    services_.events.IsLoaded(shared_from_this());
    place_ = std::move(place);
  }
  RECRYPT_TRY(LockForChange());
  std::unique_lock state(state_);
  auto st = file_->Stat();
  if (!st || st->st_size != 0) {
    Unlock();
    if (!st) return Fail(std::move(st.error()));
    return Fail(ErrorCode::kExists, "another mount has written the new file");
  }
  Begin(std::move(fresh));
  ++handles_;
  return {};
}

// A truncation to zero: a new document in the same stored file, with new keys
// (docs/FORMAT.md, 2.1). A crash in between leaves an empty file, as truncating and then writing
// does anywhere.
Status OpenDocument::StartOver() {
  RECRYPT_TRY(LockForChange());
  Status started = StartOverLocked();
  if (!started && !dirty_) Unlock();
  return started;
}

Status OpenDocument::StartOverLocked() {
  if (dirty_ && born_ && size_ == 0) return {};
  if (!dirty_) RECRYPT_TRY(file_->Revalidate());
  RECRYPT_ASSIGN(LabelExpression expression, ExpressionForRestart());
  RECRYPT_ASSIGN(NewDocument fresh, MakeFresh(expression));
  RECRYPT_ASSIGN(const Attributes attributes, AttributesToKeep());
  std::unique_lock state(state_);
  Unload();
  RECRYPT_TRY(file_->Truncate(0));
  dirty_ = false;
  Begin(std::move(fresh));
  return attributes.empty() ? Status{} : TakeAttributesAlong(attributes);
}

// A document keeps its label, if the label is the directory's or a known author vouches for it.
Result<LabelExpression> OpenDocument::ExpressionForRestart() {
  auto ruling = DirectoryLabel();
  if (born_ && header_) return header_->expression;
  RECRYPT_ASSIGN(struct stat st, file_->Stat());
  if (st.st_size == 0) return ruling;
  auto headers = ReadHeaders();
  if (!headers) {
    RECRYPT_ASSIGN(const bool torn, MayBeTornCreation(*file_));
    if (torn) return ruling;
    return Fail(std::move(headers.error()));
  }
  const LabelExpression& expression = headers->front()->expression;
  if (ruling && *ruling == expression) return ruling;
  {
    std::unique_lock state(state_);
    RECRYPT_TRY(Load());
  }
  RECRYPT_TRY(CheckMayWrite());
  return expression;
}

void OpenDocument::NoteChange() {
  if (!dirty_) {
    dirty_since_ms_ = Now();
    services_.events.HasWork(shared_from_this());
  }
  last_change_ms_ = Now();
  told_ = false;
  modified_ns_ = FileTimeNow();
  size_ = doc_->Size();
  dirty_ = true;
  CountDirtyBytes(doc_->DirtyBytes());
}

void OpenDocument::CountDirtyBytes(uint64_t now) {
  services_.dirty_bytes += now - counted_dirty_;
  counted_dirty_ = now;
}

Status OpenDocument::Write(uint64_t offset, ByteSpan data, WriteAt where) {
  std::lock_guard writer(writer_);
  RECRYPT_TRY(BeginChange());
  std::shared_lock state(state_);
  const uint64_t end = doc_->Size();
  if (where == WriteAt::kEnd && offset != end) {
    // Another mount has appended meanwhile: the kernel has put the data elsewhere in its cache.
    offset = end;
    PagesAreStale();
  }
  Status written = doc_->Write(offset, data);
  NoteChange();
  state.unlock();
  RECRYPT_TRY(written);
  if (counted_dirty_ > kMaxDirtyBytes ||
      (counted_dirty_ > 0 && services_.dirty_bytes > kMaxDirtyBytesOfAll)) {
    return CommitAndTell(Durability::kVisible);
  }
  return {};
}

Status OpenDocument::Truncate(uint64_t size) {
  std::lock_guard writer(writer_);
  if (size == 0) return StartOver();
  RECRYPT_TRY(BeginChange());
  std::shared_lock state(state_);
  Status done = doc_->Truncate(size);
  NoteChange();
  return done;
}

Status OpenDocument::Zero(uint64_t offset, uint64_t length, Beyond beyond) {
  std::lock_guard writer(writer_);
  RECRYPT_TRY(BeginChange());
  std::shared_lock state(state_);
  const uint64_t size = doc_->Size();
  const uint64_t end = offset + length;
  Status done;
  if (offset < size) done = doc_->PunchHole(offset, std::min(end, size) - offset);
  if (done && end > size && beyond == Beyond::kGrow) done = doc_->Truncate(end);
  NoteChange();
  return done;
}

}  // namespace recrypt
