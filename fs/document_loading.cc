// OpenDocument: reading a stored document, anew where another mount changed it.
#include <algorithm>

#include "core/jcd/provisional.h"
#include "core/jcd/verify_all.h"
#include "fs/names.h"
#include "fs/open_document.h"

namespace recrypt {
namespace {

// Failures that a commit or an apply of another mount, half done, would look like.
bool MayBeInTheMiddle(const Error& error) {
  return error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kStale ||
         error.code == ErrorCode::kNotFound;
}

}  // namespace

bool OpenDocument::Stamp::operator==(const Stamp& other) const {
  return length == other.length && modified.tv_sec == other.modified.tv_sec &&
         modified.tv_nsec == other.modified.tv_nsec && tail == other.tail;
}

Status OpenDocument::OpenFile() {
  if (file_ != nullptr) return {};
  RECRYPT_ASSIGN(UniqueFd fd, services_.store.OpenFile(node_->get(), O_RDONLY));
  file_ = std::make_shared<ShareFile>(services_.store, std::move(fd), ShareFileMode::kReadOnly);
  services_.events.IsLoaded(shared_from_this());
  (void)RefreshPlace();  // where it was, if that cannot be found out
  return {};
}

// Length, time and the last bytes: a commit makes a new tag at the end of the file, or changes the
// length, so this notices it even where clocks are coarse or the time was set back.
Result<OpenDocument::Stamp> OpenDocument::TakeStamp() {
  RECRYPT_TRY(file_->Revalidate());
  return KnownStamp();
}

Result<OpenDocument::Stamp> OpenDocument::KnownStamp() {
  RECRYPT_ASSIGN(struct stat st, file_->Stat());
  Stamp stamp;
  stamp.length = static_cast<uint64_t>(st.st_size);
  stamp.modified = st.st_mtim;
  stamp.unlinked = st.st_nlink == 0;
  if (stamp.length >= stamp.tail.size()) {
    RECRYPT_TRY(file_->ReadAt(stamp.length - stamp.tail.size(), stamp.tail));
  }
  return stamp;
}

// Where there is room for a document but no header, its first commit has not come to an end.
Result<bool> OpenDocument::HasHeader() {
  ByteArray<64> start{};
  RECRYPT_ASSIGN(size_t size, file_->ReadAt(0, start));
  return std::any_of(start.begin(), start.begin() + static_cast<std::ptrdiff_t>(size),
                     [](uint8_t byte) { return byte != 0; });
}

// The headers to try, newest first: one of a record that is not applied stands behind the document.
Result<OpenDocument::Headers> OpenDocument::ReadHeaders() {
  RECRYPT_ASSIGN(std::vector<Bytes> regions, ReadHeaderRegions(*file_));
  Headers headers;
  std::string reason;
  for (const Bytes& region : regions) {
    auto header = services_.headers.Parse(region);
    if (header) {
      headers.push_back(std::move(*header));
    } else {
      reason = std::move(header.error().message);
    }
  }
  if (headers.empty()) {
    return Fail(ErrorCode::kCorrupt, "the document's header is damaged: " + reason);
  }
  return headers;
}

// What does not verify may be half of what another mount is writing: once that has let go of the
// lock, what is there is complete.
Status OpenDocument::Load() {
  Status loaded = LoadOnce(Unfinished::kIsMade);
  if (loaded || file_ == nullptr || !MayBeInTheMiddle(loaded.error())) return loaded;
  if (locked_) return LoadOnce(Unfinished::kIsEmpty);
  RECRYPT_TRY(WaitForLock(LockKind::kShared));
  loaded = LoadOnce(Unfinished::kIsEmpty);
  file_->Unlock(LockKind::kShared);
  return loaded;
}

Status OpenDocument::LoadOnce(Unfinished unfinished) {
  Unload();
  RECRYPT_TRY(OpenFile());
  // Before anything else is read: what changes meanwhile makes the stamp differ at the next look.
  RECRYPT_ASSIGN(Stamp stamp, TakeStamp());
  if (stamp.length == 0) return LoadEmpty(stamp);
  RECRYPT_ASSIGN(bool created, HasHeader());
  if (!created && unfinished == Unfinished::kIsMade) {
    return Fail(ErrorCode::kStale, "the document is being created");
  }
  if (!created) return LoadEmpty(stamp);
  Status loaded = LoadHeaders();
  if (!loaded && unfinished == Unfinished::kIsEmpty && loaded.error().code == ErrorCode::kCorrupt) {
    RECRYPT_ASSIGN(const bool torn, MayBeTornCreation(*file_));
    if (torn) return LoadEmpty(stamp);
  }
  RECRYPT_TRY(loaded);
  SetDigest(doc_->TrailerDigest());
  size_ = doc_->Size();
  SetStamp(stamp);
  return {};
}

Status OpenDocument::LoadHeaders() {
  RECRYPT_ASSIGN(Headers headers, ReadHeaders());
  Status loaded;
  for (std::shared_ptr<const Header>& header : headers) {
    loaded = LoadWith(std::move(header));
    if (loaded || !MayBeInTheMiddle(loaded.error())) break;
  }
  return loaded;
}

Status OpenDocument::LoadWith(std::shared_ptr<const Header> header) {
  RECRYPT_ASSIGN(OpenedKeys opened, services_.access.Open(*header, GrantUse::kOpen));
  const DocumentId uid = opened.keys.uid;
  RECRYPT_ASSIGN(auto doc, Document::Open(file_, std::move(opened.keys), opened.trust,
                                          services_.clock.NowSeconds()));
  // What this mount has seen whole is damaged now if it does not verify, not torn.
  if (doc->IsProvisional() && !services_.freshness.Knows(uid, place_)) RECRYPT_TRY(VerifyAll(*doc));
  const auto fresh = services_.freshness.Admit(uid, doc->Generation(), place_);
  if (!fresh) {
    seen_ = Seen{uid, doc->Generation()};  // whoever renames it now takes it for what it is
    services_.log(LogLevel::kError, "\"" + place_ + "\": " + fresh.error().message);
    return Fail(fresh.error());
  }
  if (*fresh == FreshnessMemory::Noticed::kStandsInForAnother) {
    services_.log(LogLevel::kWarning,
                  "\"" + place_ +
                      "\" is a document that this mount saw under another name, in "
                      "place of the one that it saw here: renamed by somebody else, or put there");
  }
  doc_ = std::move(doc);
  seen_ = Seen{uid, doc_->Generation()};
  header_ = std::move(header);
  phase_ = State::kLoaded;
  if (doc_->IsProvisional() && provisional_since_ms_ == 0) IsProvisionalFromNow();
  first_use_ = opened.first_use;
  SetLease(opened.lease_end_ms);
  return {};
}

Status OpenDocument::LoadEmpty(const Stamp& stamp) {
  services_.log(LogLevel::kWarning,
                "\"" + place_ + "\" was never written on the share: empty, and without author");
  header_.reset();
  phase_ = State::kEmpty;
  size_ = 0;
  SetStamp(stamp);
  SetDigest(std::nullopt);
  return {};
}

bool OpenDocument::ForgetIfChanged() {
  std::lock_guard writer(writer_);
  if (dirty_ || locked_) return false;
  std::unique_lock state(state_);
  if (!OpenFile()) return false;
  auto stamp = TakeStamp();
  if (!stamp || (stamp_ && *stamp == *stamp_)) return false;
  Unload();
  stamp_.reset();
  SetDigest(std::nullopt);
  return true;
}

// Whatever loads another state, and whatever becomes of who wanted it, the next opening does not
// keep the pages of the one before. A commit of our own makes no pages old.
void OpenDocument::SetDigest(const std::optional<Sha256Digest>& digest) {
  if (digest_ != digest) ++epoch_;
  digest_ = digest;
}

void OpenDocument::PagesAreOf(uint64_t epoch) {
  uint64_t known = pages_epoch_;
  while (known < epoch && !pages_epoch_.compare_exchange_weak(known, epoch)) {
  }
}

// The kernel is told by another thread, and a little later: until then an opening sees to it.
void OpenDocument::PagesAreStale() {
  ++epoch_;
  services_.events.PagesAreStale(inode_id_);
}

// For who has it open already. An opening does without: what the kernel is told while it looks a
// name up makes it ignore the size that it is answered.
void OpenDocument::DropPagesOf(const std::optional<Sha256Digest>& before) {
  if (before && before != digest_) services_.events.PagesAreStale(inode_id_);
}

void OpenDocument::Unload() {
  doc_.reset();
  phase_ = State::kClosed;
}

void OpenDocument::UnloadAll() {
  Unload();
  header_.reset();
  file_.reset();
}

// After size_, which is of the same stored file.
void OpenDocument::SetStamp(std::optional<Stamp> stamp) {
  stamp_ = std::move(stamp);
  std::lock_guard lock(verified_mutex_);
  verified_.reset();
  if (stamp_) verified_ = Verified{stamp_->length, stamp_->modified, size_};
}

std::optional<uint64_t> OpenDocument::VerifiedSize(const struct stat& stored) {
  std::optional<Verified> verified;
  const auto look = [&] {
    std::lock_guard lock(verified_mutex_);
    verified = verified_;
  };
  look();
  if (verified && verified->length == static_cast<uint64_t>(stored.st_size) &&
      verified->modified.tv_sec == stored.st_mtim.tv_sec &&
      verified->modified.tv_nsec == stored.st_mtim.tv_nsec) {
    return verified->size;
  }
  if (handles_ == 0) return std::nullopt;
  LoadChanged();
  look();
  if (!verified) return std::nullopt;
  return verified->size;
}

// Another mount, or somebody else, has changed the stored file while it is open here. Where it does
// not verify, the next read says so.
void OpenDocument::LoadChanged() {
  std::unique_lock writer(writer_, std::try_to_lock);
  if (!writer || locked_ || !LeaseAlive()) return;
  std::unique_lock state(state_);
  const std::optional<Sha256Digest> before = digest_;
  if (LoadOnce(Unfinished::kIsMade)) DropPagesOf(before);
}

// Asks for a grant for what is loaded already. The keys in it stay the same: they belong to the
// header that was verified.
Status OpenDocument::Renew() {
  if (refused_ && Now() < refused_until_ms_) return Fail(*refused_);
  auto opened = services_.access.Open(*header_, GrantUse::kOpen);
  if (!opened) {
    refused_ = opened.error();
    refused_until_ms_ = Now() + 1000;
    return Fail(std::move(opened.error()));
  }
  refused_.reset();
  if (opened->lease_end_ms <= Now()) {
    return Fail(ErrorCode::kDenied, "the lease on the document's keys has ended");
  }
  SetLease(opened->lease_end_ms);
  return {};
}

Result<std::string> OpenDocument::Label() {
  std::lock_guard writer(writer_);
  std::unique_lock state(state_);
  if (header_) return header_->expression.text();
  const bool was_closed = file_ == nullptr;
  RECRYPT_TRY(OpenFile());
  RECRYPT_ASSIGN(struct stat st, file_->Stat());
  Result<std::string> label = std::string();
  if (st.st_size != 0) {
    auto headers = ReadHeaders();
    if (headers) {
      label = headers->front()->expression.text();
    } else if (!MayBeTornCreation(*file_).value_or(false)) {
      label = Fail(std::move(headers.error()));
    }
  }
  if (was_closed) file_.reset();
  return label;
}

Result<std::string> OpenDocument::Signer() {
  FinishCommit();
  {
    std::lock_guard writer(writer_);
    RECRYPT_TRY(Refresh());
  }
  std::shared_lock state(state_);
  if (doc_ == nullptr) return std::string();
  return doc_->GetAuthorship().author;
}

Result<std::optional<LabelExpression>> OpenDocument::VouchedLabel() {
  FinishCommit();
  std::lock_guard writer(writer_);
  RECRYPT_TRY(Refresh());
  std::shared_lock state(state_);
  if (doc_ == nullptr || !doc_->GetAuthorship().known()) return std::optional<LabelExpression>();
  return std::optional(header_->expression);
}

bool OpenDocument::InUse() {
  std::lock_guard writer(writer_);
  return handles_ != 0;
}

void OpenDocument::MovedTo(std::string place) {
  std::lock_guard writer(writer_);
  place_ = std::move(place);
  if (seen_) {
    services_.freshness.Moved(seen_->uid, seen_->generation, place_);
  } else if (services_.freshness.Knows(place_)) {
    // Never read here: whatever state it is in is the right one there.
    auto headers = ReadStoredHeaders();
    if (headers) services_.freshness.Moved(headers->front()->uid, 0, place_);
  }
}

// For what the header alone says, whether the document is loaded or not.
Result<OpenDocument::Headers> OpenDocument::ReadStoredHeaders() {
  std::unique_lock state(state_);
  const bool was_closed = file_ == nullptr;
  RECRYPT_TRY(OpenFile());
  auto headers = ReadHeaders();
  if (was_closed) file_.reset();
  return headers;
}

}  // namespace recrypt
