#include "core/jcd/recovery.h"

#include <algorithm>
#include <cstring>

#include "core/jcd/document.h"

namespace recrypt {

namespace {

// Old and new header begin alike, whatever of the two a crash has left in the file.
constexpr std::string_view kDocumentStart = R"([{"jcd":)";
constexpr uint64_t kSector = 512;
constexpr size_t kScanChunk = size_t{1} << 20;
// Writers apply long before: a longer chain is an attack on the reader's time.
constexpr size_t kMaxChain = 1 << 16;
// The header wanted is that of the last good record. Behind it stand those of commits that were not
// synced before a crash, of which few replace the header; each costs its reader an agreement.
constexpr size_t kMaxHeaders = 4;
// Without a footer, headers are looked for in records that start this near to the end of the file:
// a good one, and one that did not finish (docs/FORMAT.md, 6).
constexpr uint64_t kSearchedForHeaders = (uint64_t{256} << 20) + (uint64_t{64} << 10);
constexpr size_t kMaxTries = 8;
// Writes of records that nobody has verified: as many as ordinary records have.
constexpr size_t kMaxUnverifiedWrites = size_t{1} << 18;
// How many times the bytes of a file are read at most for records that follow and are not good.
constexpr uint64_t kReadInVain = 4;

void PutOver(Overlay& overlay, const Record& record) {
  overlay.Add(record.writes, record.stored, record.fields.position);
}

// The heads of a chain, first record first, by following `previous`; empty when it is broken.
std::vector<RecordFields> FollowPrevious(StoredFile& file, uint64_t last, uint64_t file_size) {
  std::vector<RecordFields> chain;
  uint64_t end = file_size;
  for (uint64_t at = last; at != 0;) {
    const auto head = PeekRecord(file, at, file_size);
    // Each byte of the file is in one record at most, so that it is read once.
    if (!head || head->end > end || chain.size() == kMaxChain) return {};
    chain.push_back(*head);
    end = at;
    at = head->previous;  // always less than `at`
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

// Shows `visit` the heads of what looks like a record, from `from` on, in one pass over the file,
// until it returns true.
template <typename Visit>
Status VisitRecords(StoredFile& file, uint64_t from, uint64_t file_size, Visit visit) {
  Bytes chunk;
  for (; from < file_size; from += std::min<uint64_t>(kScanChunk, file_size - from)) {
    RECRYPT_ASSIGN(from, file.SkipHole(from));
    if (from >= file_size) break;
    // A head may stand across the edge of two chunks.
    chunk.resize(std::min<uint64_t>(kScanChunk + kRecordHead - 1, file_size - from));
    RECRYPT_TRY(ReadExactly(file, from, chunk));
    const std::string_view text = AsText(chunk);
    for (size_t at = text.find(kRecordStart); at < std::min(kScanChunk, text.size());
         at = text.find(kRecordStart, at + 1)) {
      const auto head = ParseRecordHead(ByteSpan(chunk).subspan(at), from + at);
      if (head && head->end <= file_size && visit(*head)) return {};
    }
  }
  return {};
}

struct TrailerInPlace {
  uint64_t at;
  TrailerFields fields;
};

// Shows `visit` the trailers that stand where one of their size does, from the last to the first,
// in one pass over the file, until it returns true.
template <typename Visit>
Status VisitTrailers(StoredFile& file, uint64_t file_size, Visit visit) {
  Bytes chunk;
  for (uint64_t end = file_size; end > kHeaderRegion;) {
    const uint64_t from = end - std::min<uint64_t>(end - kHeaderRegion, kScanChunk);
    RECRYPT_ASSIGN(const uint64_t data, file.SkipHole(from));
    if (data >= end) {
      end = from;
      continue;
    }
    // A trailer may stand across the edge of two chunks.
    chunk.resize(end - from + kTrailerSize - 1);
    RECRYPT_ASSIGN(const size_t got, file.ReadAt(from, chunk));
    chunk.resize(got);
    const std::string_view text = AsText(chunk);
    for (size_t at = text.rfind(kTrailerStart, end - from - 1); at != std::string_view::npos;
         at = at == 0 ? std::string_view::npos : text.rfind(kTrailerStart, at - 1)) {
      if (text.size() - at < kTrailerSize) continue;
      const auto fields = ParseTrailer(ByteSpan(chunk).subspan(at, kTrailerSize));
      if (!fields || Layout(fields->size).StoredLength() != from + at + kTrailerSize) continue;
      if (visit(TrailerInPlace{from + at, *fields})) return {};
    }
    end = from;
  }
  return {};
}

// A chain of records as it is verified, record by record; without keys, as it says of itself.
class Chain {
 public:
  Chain(StoredFile& file, uint64_t file_size, const DataKeys* keys)
      : file_(file), file_size_(file_size), keys_(keys) {}

  // Takes the record at `position` if it authenticates and follows what the chain has come to.
  Status Follow(uint64_t position) {
    RECRYPT_ASSIGN(const Record record, ReadAt(position));
    const RecordFields& fields = record.fields;
    if (fields.previous != state_.last_record || position < state_.end) {
      return Fail(ErrorCode::kCorrupt, "a commit record does not follow the one before it");
    }
    if (!empty() && fields.new_length > state_.first_record) {
      return Fail(ErrorCode::kCorrupt, "a commit record makes the document reach over the records");
    }
    if (empty()) {
      RECRYPT_TRY(StartAt(fields));
    } else if (!IsFollowedBy(fields)) {
      return Fail(ErrorCode::kCorrupt, "a commit record does not follow the state before it");
    }
    RECRYPT_ASSIGN(const TrailerFields followed, ParseTrailer(fields.followed));
    Overlay own;
    PutOver(own, record);
    const uint64_t trailer_at = fields.new_length - kTrailerSize;
    TrailerBytes trailer;
    RECRYPT_TRY(state_.overlay.Read(file_, trailer_at, trailer));
    RECRYPT_TRY(own.Patch(file_, trailer_at, trailer));
    RECRYPT_ASSIGN(const TrailerFields made, ParseTrailer(trailer));
    if (made.size != fields.new_size || made.generation != followed.generation + 1) {
      return Fail(ErrorCode::kCorrupt, "a commit record makes no state that follows");
    }
    PutOver(state_.overlay, record);
    state_.trailer = trailer;
    state_.length = fields.new_length;
    if (empty()) {
      state_.first_record = position;
      state_.base_length = base_length_;
    }
    state_.last_record = position;
    state_.end = record.end;
    return {};
  }

  // Whether the first record follows the base that stands in the file: its trailer, or, sector by
  // sector, what an interrupted Apply has already put there.
  Status CheckBase() {
    const uint64_t at = base_length_ - kTrailerSize;
    TrailerBytes applied{};
    RECRYPT_TRY(state_.overlay.Patch(file_, at, applied));
    const uint64_t keep = std::clamp(state_.length, at, base_length_) - at;
    std::fill(applied.begin() + static_cast<ptrdiff_t>(keep), applied.end(), uint8_t{0});
    for (uint64_t start = at; start < base_length_;) {
      const uint64_t end = std::min(base_length_, (start / kSector + 1) * kSector);
      const auto matches = [&](const TrailerBytes& bytes) {
        return std::memcmp(&found_[start - at], &bytes[start - at], end - start) == 0;
      };
      if (!matches(base_trailer_) && !matches(applied)) return NotTheBase();
      start = end;
    }
    return {};
  }

  // Whether a record says of itself that it follows what the chain has come to.
  bool IsFollowedBy(const RecordFields& fields) const {
    return fields.previous == state_.last_record && fields.position >= state_.end &&
           fields.base_length == state_.length && fields.followed == state_.trailer;
  }
  bool empty() const { return state_.last_record == 0; }
  // Whether an Apply that was interrupted has put something there.
  bool IsPartlyApplied() const { return found_ != base_trailer_; }
  StoredState Take() { return std::move(state_); }
  // Starts behind a base whose trailer stands in the file.
  void StartFrom(const StoredState& base) {
    state_.end = base.length;
    state_.length = base.length;
    state_.trailer = base.trailer;
  }

 private:
  static tl::unexpected<Error> NotTheBase() {
    return Fail(ErrorCode::kCorrupt, "the commit records do not follow the document before them");
  }

  Result<Record> ReadAt(uint64_t position) {
    if (keys_ != nullptr) return ReadRecord(file_, position, file_size_, *keys_);
    auto record = ReadRecordUnverified(file_, position, file_size_, kMaxUnverifiedWrites - writes_);
    if (record) writes_ += record->writes.size();
    return record;
  }

  Status StartAt(const RecordFields& first) {
    if (first.base_length < kEmptyLength) return NotTheBase();
    base_length_ = first.base_length;
    base_trailer_ = first.followed;
    return ReadExactly(file_, base_length_ - kTrailerSize, found_);
  }

  StoredFile& file_;
  const uint64_t file_size_;
  const DataKeys* const keys_;
  size_t writes_ = 0;  // that nobody has verified
  uint64_t base_length_ = 0;
  TrailerBytes base_trailer_{};
  TrailerBytes found_{};  // what stands where that was
  StoredState state_;
};

class Finder {
 public:
  // Without keys nothing is authenticated.
  Finder(StoredFile& file, uint64_t file_size, const DataKeys* keys, const Sha256Digest& header)
      : file_(file), file_size_(file_size), keys_(keys), header_(header) {}

  Result<StoredState> Find() {
    if (ContentSizeOf(file_size_)) {
      auto plain = StateAt(file_size_);
      if (plain || plain.error().code != ErrorCode::kCorrupt) return plain;
    } else if (auto hinted = ByFooter(); hinted || hinted.error().code != ErrorCode::kCorrupt) {
      return hinted;
    }
    return ByScan();
  }

 private:
  // Authenticates the trailer of a state; its bytes and place are filled in.
  Status Authenticate(StoredState& state) {
    RECRYPT_ASSIGN(state.fields, ParseTrailer(state.trailer));
    if (Layout(state.fields.size).StoredLength() != state.length) {
      return Fail(ErrorCode::kCorrupt, "the trailer's size is not the file's");
    }
    // Records are authenticated, and a document's header is replaced by a record: this is news.
    if (state.last_record != 0 && state.fields.header != header_) {
      return Fail(ErrorCode::kStale, "the document's header was replaced; read it again");
    }
    if (keys_ != nullptr) {
      RECRYPT_ASSIGN(state.sealed, UnsealTrailer(state.trailer, *keys_));
    }
    if (state.fields.header != header_) {
      return Fail(ErrorCode::kCorrupt, "the header is not the one that the trailer names");
    }
    state.file_size = file_size_;
    return {};
  }

  // The state without records of this stored length.
  Result<StoredState> StateAt(uint64_t length) {
    RECRYPT_ASSIGN(StoredState state, TrailerAt(length));
    RECRYPT_TRY(Authenticate(state));
    return state;
  }

  Result<StoredState> TrailerAt(uint64_t length) {
    StoredState state;
    state.length = length;
    state.end = length;
    if (length < kEmptyLength || length > file_size_) {
      return Fail(ErrorCode::kCorrupt, "there is no trailer at the document's end");
    }
    RECRYPT_TRY(ReadExactly(file_, length - kTrailerSize, state.trailer));
    return state;
  }

  Result<StoredState> ByFooter() {
    RECRYPT_ASSIGN(const std::optional<Footer> footer, ReadFooter(file_, file_size_));
    if (!footer) return Fail(ErrorCode::kCorrupt, "there is no footer");
    if (footer->record == 0) {
      if (footer->length != 0) return StateAt(footer->length);
      creation_footer_ = true;
      return Fail(ErrorCode::kCorrupt, std::string(kCreationUnfinished));
    }
    Chain chain(file_, file_size_, keys_);
    for (const RecordFields& head : FollowPrevious(file_, footer->record, file_size_)) {
      // A chain of which a part is good may have been applied as a whole: there is a newer state
      // then.
      RECRYPT_TRY(chain.Follow(head.position));
    }
    if (chain.empty()) return Fail(ErrorCode::kCorrupt, "the commit records are broken");
    RECRYPT_TRY(chain.CheckBase());
    const bool partly_applied = chain.IsPartlyApplied();
    StoredState state = chain.Take();
    state.partly_applied = partly_applied;
    RECRYPT_TRY(Authenticate(state));
    return state;
  }

  // The last trailer of a state that stands whole in the file, and the good records behind it.
  Result<StoredState> ByScan() {
    // A trailer in a place that fits its size was this document's, or pretends to be.
    bool seen = false;
    std::optional<Result<StoredState>> last;
    RECRYPT_TRY(VisitTrailers(file_, file_size_, [&](const TrailerInPlace& found) {
      seen = true;
      auto base = TrailerAt(found.at + kTrailerSize);
      if (!base) return false;
      if (keys_ != nullptr && !UnsealEarlierTrailer(base->trailer, *keys_)) return false;
      auto state = WithRecords(std::move(*base));
      if (!state && state.error().code == ErrorCode::kCorrupt) return false;
      last = std::move(state);
      return true;
    }));
    if (last) return std::move(*last);
    if (creation_footer_ || !seen) {
      return Fail(ErrorCode::kCorrupt, std::string(kCreationUnfinished));
    }
    return Fail(ErrorCode::kCorrupt, "no state of the document authenticates");
  }

  // A base, whose header a record may replace, and the good records behind it.
  Result<StoredState> WithRecords(StoredState base) {
    Chain chain(file_, file_size_, keys_);
    chain.StartFrom(base);
    std::optional<Error> refused;
    RECRYPT_TRY(VisitRecords(file_, base.length, file_size_, [&](const RecordFields& head) {
      if (!chain.IsFollowedBy(head)) return false;
      // One that is not good may be what a record overwrote in part: look further, though not
      // without end.
      const Status followed = chain.Follow(head.position);
      if (!followed) read_in_vain_ += head.end - head.position;
      if (!followed && followed.error().code == ErrorCode::kDenied) refused = followed.error();
      return refused || read_in_vain_ > kReadInVain * file_size_;
    }));
    if (refused) return Fail(std::move(*refused));
    StoredState state = chain.empty() ? std::move(base) : chain.Take();
    RECRYPT_TRY(Authenticate(state));
    return state;
  }

  StoredFile& file_;
  const uint64_t file_size_;
  const DataKeys* const keys_;
  const Sha256Digest header_;
  bool creation_footer_ = false;
  uint64_t read_in_vain_ = 0;  // bytes of records that were not good
};

// The header regions that the records up to `last` make of the one in the file, newest first.
// kCorrupt when that is no chain; of one that is broken further on, what comes before counts.
Result<std::vector<Bytes>> HeadersOfChain(StoredFile& file, uint64_t last, uint64_t file_size,
                                          Bytes region) {
  const std::vector<RecordFields> chain = FollowPrevious(file, last, file_size);
  if (chain.empty()) return Fail(ErrorCode::kCorrupt, "the commit records are broken");
  std::vector<Bytes> regions;
  for (const RecordFields& head : chain) {
    const auto header = PutOverStart(file, head, region);
    const bool broken = !header && header.error().code == ErrorCode::kCorrupt;
    if (broken && head.previous != 0) break;
    if (!header) return Fail(header.error());
    if (!*header) continue;
    regions.insert(regions.begin(), region);
    if (regions.size() > kMaxHeaders) regions.pop_back();
  }
  return regions;
}

// The positions of the last records, by their text alone, newest first.
Result<std::vector<uint64_t>> LastRecords(StoredFile& file, uint64_t file_size) {
  std::vector<uint64_t> positions;
  const uint64_t searched = std::min(file_size - kHeaderRegion, kSearchedForHeaders);
  RECRYPT_TRY(VisitRecords(file, file_size - searched, file_size, [&](const RecordFields& head) {
    positions.insert(positions.begin(), head.position);
    if (positions.size() > kMaxTries) positions.pop_back();
    return false;
  }));
  return positions;
}

Result<std::vector<Bytes>> LastHeaders(StoredFile& file, uint64_t file_size, const Bytes& region) {
  if (const auto size = ContentSizeOf(file_size)) {
    TrailerBytes end;
    RECRYPT_TRY(ReadExactly(file, file_size - kTrailerSize, end));
    const auto trailer = ParseTrailer(end);
    if (trailer && trailer->size == *size) return std::vector<Bytes>();
  }
  RECRYPT_ASSIGN(const std::optional<Footer> footer, ReadFooter(file, file_size));
  if (footer && footer->record == 0) return std::vector<Bytes>();
  if (footer) {
    auto hinted = HeadersOfChain(file, footer->record, file_size, region);
    if (hinted || hinted.error().code != ErrorCode::kCorrupt) return hinted;
  }
  RECRYPT_ASSIGN(const std::vector<uint64_t> positions, LastRecords(file, file_size));
  for (const uint64_t position : positions) {
    auto found = HeadersOfChain(file, position, file_size, region);
    if (found || found.error().code != ErrorCode::kCorrupt) return found;
  }
  return std::vector<Bytes>();
}

}  // namespace

bool StartsLikeADocument(ByteSpan start) { return AsText(start).starts_with(kDocumentStart); }

Result<StoredState> FindLastState(StoredFile& file, const DataKeys& keys,
                                  const Sha256Digest& header) {
  RECRYPT_ASSIGN(const uint64_t size, file.Size());
  if (size == 0) return Fail(ErrorCode::kNotFound, "the stored file is empty");
  return Finder(file, size, &keys, header).Find();
}

Result<StoredState> FindLastStateUnverified(StoredFile& file, const Sha256Digest& header) {
  RECRYPT_ASSIGN(const uint64_t size, file.Size());
  if (size == 0) return Fail(ErrorCode::kNotFound, "the stored file is empty");
  return Finder(file, size, nullptr, header).Find();
}

Result<std::optional<TrailerFields>> FindTrailerInPlace(StoredFile& file, uint64_t file_size) {
  std::optional<TrailerFields> last;
  RECRYPT_TRY(VisitTrailers(file, file_size, [&](const TrailerInPlace& found) {
    last = found.fields;
    return true;
  }));
  return last;
}

Result<std::vector<Bytes>> PeekRecordedHeaders(StoredFile& file, uint64_t file_size,
                                               const Bytes& region) {
  if (file_size < kEmptyLength || region.size() != kHeaderRegion || !StartsLikeADocument(region)) {
    return std::vector<Bytes>();
  }
  auto headers = LastHeaders(file, file_size, region);
  // The file may have become shorter since its size was taken.
  if (!headers && headers.error().code == ErrorCode::kCorrupt) return std::vector<Bytes>();
  return headers;
}

}  // namespace recrypt
