#include "fs/open_document.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "fs/names.h"

namespace recrypt {
namespace {

// How often a read looks again at a document that changes under it.
constexpr int kReadAttempts = 3;
// Who reads a file from one end to the other comes back sooner.
constexpr int64_t kBetweenReadsMs = 1000;

Result<uint64_t> BeyondTheEnd() {
  return Fail(Error{ErrorCode::kNotFound, "beyond the end", ENXIO});
}

}  // namespace

OpenDocument::OpenDocument(DocumentServices& services, std::shared_ptr<const UniqueFd> node,
                           uint64_t inode_id)
    : services_(services), node_(std::move(node)), inode_id_(inode_id) {}

OpenDocument::~OpenDocument() { CountDirtyBytes(0); }

void OpenDocument::SetLease(int64_t end_ms) {
  lease_end_ms_ = end_ms;
  if (end_ms != kUntilClosed) services_.events.LeaseEnds(shared_from_this(), end_ms);
}

Status OpenDocument::RefreshPlace() {
  RECRYPT_ASSIGN(place_, services_.store.PathOf(node_->get()));
  return {};
}

Result<LabelExpression> OpenDocument::DirectoryLabel() {
  Status found = RefreshPlace();
  // Outside of the share the label is the one of where it was last; but where that is unknown, no
  // other directory's.
  if (!found && (found.error().code == ErrorCode::kIo || place_.empty())) {
    return Fail(std::move(found.error()));
  }
  const size_t slash = place_.rfind('/');
  return services_.labels.ForDirectory(
      std::string_view(place_).substr(0, slash == std::string::npos ? 0 : slash));
}

bool OpenDocument::Readable() const {
  return phase_ == State::kEmpty || (phase_ == State::kLoaded && LeaseAlive());
}

Result<OpenDocument::Opened> OpenDocument::Open(OpenFor purpose, NameWas name) {
  std::lock_guard writer(writer_);
  Result<Opened> opened = Opened{};
  if (purpose == OpenFor::kTruncating) {
    RECRYPT_TRY(CheckName(name));
    RECRYPT_TRY(StartOver());
  } else {
    // Who may write depends on who wrote before.
    if (purpose == OpenFor::kWriting && commits_soon_) {
      RECRYPT_TRY(CommitLocked(Durability::kVisible));
    }
    opened = OpenFresh(name);
    if (!opened) return opened;
    if (purpose == OpenFor::kWriting) RECRYPT_TRY(CheckMayWrite());
  }
  ++handles_;
  opened->keep_pages = purpose != OpenFor::kTruncating && pages_epoch_ == epoch_;
  opened->epoch = epoch_;
  opened->size = size_;
  if (stamp_ && !dirty_) {
    opened->stored_length = stamp_->length;
    opened->stored_modified = stamp_->modified;
  }
  return opened;
}

// The check of close-to-open: has another mount changed the document since it was verified here?
Result<OpenDocument::Opened> OpenDocument::OpenFresh(NameWas name) {
  std::unique_lock state(state_);
  RECRYPT_ASSIGN(Stamp stamp, StampOfNamed(name));
  if (locked_) {  // nobody else can have changed it
    if (phase_ == State::kLoaded && !LeaseAlive()) RECRYPT_TRY(Renew());
    if (Readable()) return Opened{};
  }
  if (stamp_ && *stamp_ == stamp) {
    // Verified under this lease: the content itself is loaded when it is read, if the kernel does
    // not have it anyway.
    const bool verified = digest_ && LeaseAlive();
    if (verified || phase_ == State::kEmpty) return Opened{};
    if (phase_ == State::kLoaded) {
      RECRYPT_TRY(Renew());
      return Opened{};
    }
  }
  RECRYPT_TRY(Load());
  return Opened{.loaded = true, .first_use = first_use_, .modified = stamp.modified};
}

// When another mount has removed or replaced the file, the kernel's look-up is older: it looks
// again upon ESTALE, at once.
Result<OpenDocument::Stamp> OpenDocument::StampOfNamed(NameWas name) {
  Status open = OpenFile();
  Result<Stamp> stamp = open ? TakeStamp() : Fail(std::move(open.error()));
  const bool gone = stamp ? stamp->unlinked : stamp.error().os_error == ESTALE;
  if (!gone || (stamp && name == NameWas::kLookedUpAgain)) return stamp;
  if (handles_ == 0 && !dirty_ && !locked_) UnloadAll();
  return Fail(Error{ErrorCode::kNotFound, "replaced by another mount", ESTALE});
}

Status OpenDocument::CheckName(NameWas name) {
  std::unique_lock state(state_);
  RECRYPT_TRY(StampOfNamed(name));
  return {};
}

// Opening for writing fails where a commit would: better a refusal at open than at close.
Status OpenDocument::CheckMayWrite() {
  RECRYPT_TRY(MakeReadable());
  RECRYPT_TRY(file_->MakeWritable(node_->get()));
  auto ruling = DirectoryLabel();
  if (phase_ == State::kEmpty) {
    if (!ruling) return Fail(std::move(ruling.error()));
    RECRYPT_TRY(services_.access.AuthorFor(*ruling));
    return {};
  }
  RECRYPT_TRY(services_.access.AuthorFor(header_->expression));
  const bool same_label = ruling && *ruling == header_->expression;
  if (!same_label && !doc_->GetAuthorship().known()) {
    return Fail(ErrorCode::kDenied,
                "the document is labelled " + header_->expression.text() +
                    ", not as its directory, and no known author vouches for that");
  }
  return {};
}

// Loads what a read needs; requires writer_.
Status OpenDocument::MakeReadable() {
  std::unique_lock state(state_);
  if (Readable()) return {};
  if (phase_ == State::kLoaded) return Renew();
  const std::optional<Sha256Digest> before = digest_;
  RECRYPT_TRY(Load());
  DropPagesOf(before);
  return {};
}

// Calls `ask` with the document loaded, or empty; again where it ran into what another mount does
// to the stored file meanwhile.
template <typename Ask>
auto OpenDocument::ReadLoaded(Ask ask) -> decltype(ask()) {
  Error failure;
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    {
      std::shared_lock state(state_);
      if (Readable()) {
        auto result = ask();
        if (result || result.error().code != ErrorCode::kCorrupt) return result;
        failure = std::move(result.error());
      } else {
        failure = Error{ErrorCode::kBusy, "not loaded", 0};
      }
    }
    std::lock_guard writer(writer_);
    if (failure.code == ErrorCode::kCorrupt) {
      RECRYPT_TRY(RefreshAfterDamage(failure));
    } else {
      RECRYPT_TRY(MakeReadable());
    }
  }
  return Fail(std::move(failure));
}

Result<size_t> OpenDocument::Read(uint64_t offset, MutableByteSpan out) {
  return ReadLoaded([&]() -> Result<size_t> {
    if (phase_ == State::kEmpty) return size_t{0};
    auto size = doc_->Read(offset, out);
    if (size && doc_->WantsTables()) services_.events.IsReadAllOver(shared_from_this());
    last_read_ms_ = Now();
    return size;
  });
}

void OpenDocument::ReadTables() {
  for (uint64_t next = 0;;) {
    std::shared_lock state(state_);
    if (phase_ != State::kLoaded || !LeaseAlive()) return;
    next = doc_->ReadTables(next);
    if (next == 0) return;
  }
}

// A block that does not verify is damage only if the document is still the one that was opened
// (DESIGN 6), and stands where it stood: somebody else may have replaced it in the meantime, or
// have brought its records into place.
Status OpenDocument::RefreshAfterDamage(const Error& damage) {
  std::unique_lock state(state_);
  if (phase_ != State::kLoaded || dirty_) return Fail(damage);
  const std::optional<Sha256Digest> before = digest_;
  const uint64_t records = doc_->RecordBytes();
  RECRYPT_TRY(Load());
  if (before == digest_ && doc_ != nullptr) {
    if (doc_->RecordBytes() != records) return {};
    services_.log(LogLevel::kError, "\"" + place_ + "\" is damaged: " + damage.message);
    return Fail(damage);
  }
  DropPagesOf(before);
  return {};
}

Result<uint64_t> OpenDocument::Seek(uint64_t offset, SeekFor what) {
  return ReadLoaded([&]() -> Result<uint64_t> {
    if (phase_ == State::kEmpty) return BeyondTheEnd();
    auto found = what == SeekFor::kData ? doc_->SeekData(offset) : doc_->SeekHole(offset);
    const bool beyond = !found && found.error().code == ErrorCode::kNotFound;
    return beyond ? BeyondTheEnd() : found;
  });
}

Result<uint64_t> OpenDocument::SeekInData(uint64_t offset, SeekFor what) {
  return ReadLoaded([&]() -> Result<uint64_t> {
    const uint64_t size = phase_ == State::kEmpty ? 0 : doc_->Size();
    if (offset >= size) return BeyondTheEnd();
    return what == SeekFor::kData ? offset : size;
  });
}

std::optional<OpenDocument::Uncommitted> OpenDocument::uncommitted() {
  if (!dirty_) return std::nullopt;
  modified_shown_ = true;
  const int64_t at = modified_ns_;
  return Uncommitted{size_, {at / 1'000'000'000, at % 1'000'000'000}};
}

void OpenDocument::Close() {
  std::lock_guard writer(writer_);
  if (--handles_ != 0) return;
  if (commits_soon_) return;
  CommitOrRetry();
  std::unique_lock state(state_);
  if (lease_end_ms_ == kUntilClosed) {
    // Written by somebody who may not read it: nothing of it stays behind.
    UnloadAll();
    SetDigest(std::nullopt);
    lease_end_ms_ = 0;
    PagesAreStale();
    return;
  }
  if (doc_ != nullptr && doc_->HasRecords()) services_.events.HasWork(shared_from_this());
}

bool OpenDocument::Drop() {
  std::lock_guard writer(writer_);
  if (handles_ != 0 || dirty_ || locked_) return false;
  std::unique_lock state(state_);
  UnloadAll();
  return true;
}

// What only this object knows, or could not load again, stays: a server keeps what others removed
// only for who has it open. So does the state that is being read from one end to the other.
bool OpenDocument::Rest() {
  std::unique_lock writer(writer_, std::try_to_lock);
  if (!writer) return false;
  if (dirty_ || locked_ || failed_write_back_ || lease_end_ms_ == kUntilClosed) return false;
  const bool is_read = Now() - last_read_ms_ < kBetweenReadsMs;
  if (handles_ != 0 && (is_read || services_.store.IsRemote())) return false;
  std::unique_lock state(state_, std::try_to_lock);
  if (!state) return false;
  if (doc_ != nullptr && doc_->HasRecords()) return false;  // which are to be applied
  UnloadAll();
  return true;
}

bool OpenDocument::LeaseIsOver() const { return !LeaseAlive(); }

bool OpenDocument::WipeKeys() {
  std::lock_guard writer(writer_);
  if (LeaseAlive()) return false;
  CommitOrGiveUp();
  (void)ApplyLocked();  // whoever writes next can do it as well
  std::unique_lock state(state_);
  if (phase_ == State::kLoaded) Unload();
  SetDigest(std::nullopt);  // pages are not to be kept at the next open either
  if (handles_ == 0 && !locked_) file_.reset();
  return true;
}

}  // namespace recrypt
