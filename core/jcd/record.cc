#include "core/jcd/record.h"

#include <algorithm>
#include <cstring>

#include "core/jcd/overlay.h"

namespace recrypt {

using namespace std::string_view_literals;
const std::string_view kRecordStart = "{\"record\":\x8B"sv;

namespace {

constexpr std::string_view kFooterStart = "jcdrecor";

// Offsets in the stored form of a record.
constexpr size_t kBodyAt = 11 + 8;  // behind kRecordStart and the length
constexpr size_t kFieldsSize = 8 + 5 * 8 + 4;
constexpr size_t kFollowedAt = kBodyAt + kFieldsSize;
constexpr size_t kWritesAt = kFollowedAt + kTrailerSize;
static_assert(kWritesAt == kRecordHead);
constexpr size_t kSealSize = kAeadNonceSize + kAeadTagSize;
constexpr size_t kWriteHead = WriteList::kHead;
constexpr uint32_t kZerosFlag = uint32_t{1} << 31;
constexpr uint64_t kMaxWrite = kZerosFlag - 1;

tl::unexpected<Error> NoRecord(std::string_view why) {
  return Fail(ErrorCode::kCorrupt, "a commit record: " + std::string(why));
}

// Associated data are uid and body; the uid takes the place of the framing for that long, so that
// a large body is not copied. Returns where they start.
size_t PutUidBeforeBody(MutableByteSpan stored, const DocumentId& uid) {
  const size_t at = kBodyAt - uid.size();
  std::copy(uid.begin(), uid.end(), &stored[at]);
  return at;
}

void PutFraming(MutableByteSpan stored) {
  std::copy(kRecordStart.begin(), kRecordStart.end(), stored.begin());
  StoreU64(&stored[kRecordStart.size()], stored.size() - kBodyAt - 1);
}

RecordFields ParseFields(const uint8_t* stored) {
  const uint8_t* body = stored + kBodyAt;
  RecordFields fields;
  fields.key = LoadU32(body + 4);
  fields.base_length = LoadU64(body + 8);
  fields.position = LoadU64(body + 16);
  fields.previous = LoadU64(body + 24);
  fields.new_length = LoadU64(body + 32);
  fields.new_size = LoadU64(body + 40);
  std::copy_n(stored + kFollowedAt, kTrailerSize, fields.followed.begin());
  return fields;
}

Status CheckFields(const RecordFields& fields, const uint8_t* stored, uint64_t position) {
  const uint8_t* body = stored + kBodyAt;
  if (body[0] != 1 || body[1] != 0 || body[2] != 0 || body[3] != 0) {
    return NoRecord("unknown version");
  }
  if (fields.position != position) return NoRecord("it stands in another place");
  if (fields.new_size > kMaxContentSize ||
      Layout(fields.new_size).StoredLength() != fields.new_length) {
    return NoRecord("its length does not fit its size");
  }
  if (fields.position < fields.base_length || fields.position < fields.new_length ||
      fields.previous >= fields.position) {
    return NoRecord("it does not stand behind what it changes");
  }
  return {};
}

Status CheckWrites(std::vector<WriteList::Entry> writes) {
  std::sort(writes.begin(), writes.end(),
            [](const auto& a, const auto& b) { return a.offset < b.offset; });
  uint64_t end = 0;
  for (const WriteList::Entry& write : writes) {
    if (write.offset < end) return NoRecord("its writes overlap");
    end = write.offset + write.length;
  }
  return {};
}

// Shows `visit` the writes of a record one by one, without its closing brace; that they do not
// overlap is for the caller to check.
template <typename Visit>
Status VisitWrites(ByteSpan stored, uint64_t new_length, Visit visit) {
  const uint32_t count = LoadU32(&stored[kFollowedAt - 4]);
  const size_t end = stored.size() - kSealSize;
  if (count > (end - kWritesAt) / kWriteHead) return NoRecord("it is shorter than its writes");
  size_t at = kWritesAt;
  for (uint32_t i = 0; i < count; ++i) {
    if (end - at < kWriteHead) return NoRecord("it is shorter than its writes");
    const uint64_t offset = LoadU64(&stored[at]);
    const uint32_t length = LoadU32(&stored[at + 8]);
    at += kWriteHead;
    const WriteList::Entry write{offset, length & ~kZerosFlag, at, (length & kZerosFlag) != 0};
    if (offset > new_length || write.length > new_length - offset) {
      return NoRecord("its writes lie outside of the document");
    }
    if (!write.zeros && end - at < length) return NoRecord("it is shorter than its writes");
    if (!write.zeros) at += length;
    RECRYPT_TRY(visit(write));
  }
  if (at != end) return NoRecord("it is longer than its writes");
  return {};
}

Result<std::vector<WriteList::Entry>> ParseWrites(ByteSpan stored, uint64_t new_length) {
  std::vector<WriteList::Entry> writes;
  RECRYPT_TRY(VisitWrites(stored, new_length, [&](const WriteList::Entry& write) -> Status {
    writes.push_back(write);
    return {};
  }));
  RECRYPT_TRY(CheckWrites(writes));
  return writes;
}

// All but the writes of a record whose head was read.
Result<Record> ReadWithoutWrites(StoredFile& file, const RecordFields& head) {
  Record record;
  record.stored.resize(head.end - head.position);
  RECRYPT_TRY(ReadExactly(file, head.position, record.stored));
  RECRYPT_ASSIGN(record.fields, ParseRecordHead(record.stored, head.position));
  if (record.fields.end != head.end) return NoRecord("it has changed meanwhile");
  if (record.stored.back() != '}') return NoRecord("its end is missing");
  record.end = NextUnmappedLength(head.end + kFooterSize);
  return record;
}

// Without its closing brace.
ByteSpan TextOf(const Record& record) {
  return ByteSpan(record.stored).first(record.stored.size() - 1);
}

Status ParseWritesOf(Record& record) {
  RECRYPT_ASSIGN(record.writes, ParseWrites(TextOf(record), record.fields.new_length));
  return {};
}

}  // namespace

WriteList::WriteList() : buffer_(kWritesAt) {}

void WriteList::MakeRoom(size_t more) { buffer_.reserve(buffer_.size() + more); }

uint8_t* WriteList::Reserve(uint64_t offset, size_t size) {
  const bool joins = !entries_.empty() && !entries_.back().zeros &&
                     entries_.back().offset + entries_.back().length == offset &&
                     entries_.back().length + size <= kMaxWrite;
  if (joins) {
    entries_.back().length += size;
  } else {
    buffer_.resize(buffer_.size() + kWriteHead);
    StoreU64(&buffer_[buffer_.size() - kWriteHead], offset);
    entries_.push_back({offset, size, buffer_.size(), false});
  }
  const Entry& entry = entries_.back();
  StoreU32(&buffer_[entry.at - 4], static_cast<uint32_t>(entry.length));
  buffer_.resize(buffer_.size() + size);
  return buffer_.data() + buffer_.size() - size;
}

void WriteList::Add(uint64_t offset, ByteSpan bytes) {
  std::copy(bytes.begin(), bytes.end(), Reserve(offset, bytes.size()));
}

void WriteList::AddZeros(uint64_t offset, uint64_t length) {
  buffer_.resize(buffer_.size() + kWriteHead);
  StoreU64(&buffer_[buffer_.size() - kWriteHead], offset);
  StoreU32(&buffer_[buffer_.size() - 4], static_cast<uint32_t>(length) | kZerosFlag);
  entries_.push_back({offset, length, buffer_.size(), true});
}

bool FitsIntoRecord(const WriteList& writes) {
  return writes.size() - kBodyAt + kSealSize <= kMaxRecordBody;
}

RawBytes SealRecord(WriteList& writes, const RecordFields& fields, const DataKeys& keys) {
  RawBytes stored = std::move(writes.buffer_);
  uint8_t* body = &stored[kBodyAt];
  std::memset(body, 0, 8);
  body[0] = 1;
  StoreU32(body + 4, fields.key);
  StoreU64(body + 8, fields.base_length);
  StoreU64(body + 16, fields.position);
  StoreU64(body + 24, fields.previous);
  StoreU64(body + 32, fields.new_length);
  StoreU64(body + 40, fields.new_size);
  StoreU32(body + 48, static_cast<uint32_t>(writes.entries_.size()));
  std::copy(fields.followed.begin(), fields.followed.end(), &stored[kFollowedAt]);

  const size_t aad_at = PutUidBeforeBody(stored, keys.uid());
  const size_t nonce_at = stored.size();
  stored.resize(stored.size() + kSealSize + 1);
  RandomBytes({&stored[nonce_at], kAeadNonceSize});
  Aead aead(keys.Derive(fields.key, KeyUse::kRecord));
  aead.Seal({&stored[nonce_at], kAeadNonceSize}, {&stored[aad_at], nonce_at - aad_at}, {}, nullptr,
            &stored[nonce_at + kAeadNonceSize]);
  stored.back() = '}';
  PutFraming(stored);
  const Bytes footer = PaddedFooter(fields.position + stored.size(),
                                    {fields.position, fields.new_length, fields.new_size});
  stored.insert(stored.end(), footer.begin(), footer.end());
  return stored;
}

Result<RecordFields> ParseRecordHead(ByteSpan head, uint64_t position) {
  if (head.size() < kRecordHead || AsText(head.first(kRecordStart.size())) != kRecordStart) {
    return NoRecord("there is none");
  }
  RecordFields fields = ParseFields(head.data());
  RECRYPT_TRY(CheckFields(fields, head.data(), position));
  const uint64_t length = LoadU64(&head[kRecordStart.size()]);
  if (length > kMaxRecordBody || length < kWritesAt - kBodyAt + kSealSize) {
    return NoRecord("its length is out of range");
  }
  fields.end = position + kBodyAt + length + 1;
  return fields;
}

Result<RecordFields> PeekRecord(StoredFile& file, uint64_t position, uint64_t file_size) {
  if (position > file_size || file_size - position < kRecordHead) return NoRecord("the file ends");
  Bytes head(kRecordHead);
  RECRYPT_TRY(ReadExactly(file, position, head));
  RECRYPT_ASSIGN(const RecordFields fields, ParseRecordHead(head, position));
  // The footer is a hint, and may be missing: behind the body stands the closing brace.
  if (fields.end > file_size) return NoRecord("the file ends before it");
  return fields;
}

Result<Record> ReadRecordUnverified(StoredFile& file, uint64_t position, uint64_t file_size,
                                    size_t max_writes) {
  RECRYPT_ASSIGN(const RecordFields head, PeekRecord(file, position, file_size));
  RECRYPT_ASSIGN(Record record, ReadWithoutWrites(file, head));
  if (LoadU32(&record.stored[kFollowedAt - 4]) > max_writes) {
    return Fail(ErrorCode::kDenied,
                "a commit record has more writes than are looked at before it is verified");
  }
  RECRYPT_TRY(ParseWritesOf(record));
  return record;
}

Result<bool> PutOverStart(StoredFile& file, const RecordFields& head, MutableByteSpan start) {
  RECRYPT_ASSIGN(const Record record, ReadWithoutWrites(file, head));
  bool header = false;
  uint64_t put = 0;
  const auto put_over = [&](const WriteList::Entry& write) -> Status {
    if (write.offset >= start.size() || write.length == 0) return {};
    const size_t size = std::min<uint64_t>(write.length, start.size() - write.offset);
    // Those that do not overlap come to no more, and any number of others would take their time.
    put += size;
    if (put > start.size()) return NoRecord("its writes overlap");
    if (write.zeros) {
      std::memset(&start[write.offset], 0, size);
    } else {
      std::memcpy(&start[write.offset], &record.stored[write.at], size);
    }
    header = header || write.offset < kSlot0;
    return {};
  };
  RECRYPT_TRY(VisitWrites(TextOf(record), record.fields.new_length, put_over));
  return header;
}

// The writes are looked at when they are authenticated: what they take of memory is many times
// what they take of the file.
Result<Record> ReadRecord(StoredFile& file, uint64_t position, uint64_t file_size,
                          const DataKeys& keys) {
  RECRYPT_ASSIGN(const RecordFields head, PeekRecord(file, position, file_size));
  RECRYPT_ASSIGN(Record record, ReadWithoutWrites(file, head));
  RECRYPT_ASSIGN(const TrailerFields followed, ParseTrailer(record.fields.followed));
  if (record.fields.key != followed.key || !keys.Has(record.fields.key)) {
    return NoRecord("it is under an unknown data key");
  }
  const size_t seal_at = record.stored.size() - 1 - kSealSize;
  const size_t aad_at = PutUidBeforeBody(record.stored, keys.uid());
  const ByteSpan stored = record.stored;
  Aead aead(keys.Derive(record.fields.key, KeyUse::kRecord));
  uint8_t nothing = 0;
  const bool good =
      aead.Open(stored.subspan(seal_at, kAeadNonceSize), stored.subspan(aad_at, seal_at - aad_at),
                {}, stored.subspan(seal_at + kAeadNonceSize, kAeadTagSize), &nothing);
  PutFraming(record.stored);
  if (!good) return NoRecord("it does not authenticate");
  RECRYPT_TRY(ParseWritesOf(record));
  return record;
}

ByteArray<kFooterSize> ComposeFooter(const Footer& footer) {
  ByteArray<kFooterSize> bytes;
  std::copy(kFooterStart.begin(), kFooterStart.end(), bytes.begin());
  StoreU64(&bytes[8], footer.record);
  StoreU64(&bytes[16], footer.length);
  StoreU64(&bytes[24], footer.size);
  return bytes;
}

std::optional<Footer> ParseFooter(ByteSpan bytes) {
  if (bytes.size() != kFooterSize || AsText(bytes.first(8)) != kFooterStart) return std::nullopt;
  return Footer{LoadU64(&bytes[8]), LoadU64(&bytes[16]), LoadU64(&bytes[24])};
}

Result<std::optional<Footer>> ReadFooter(StoredFile& file, uint64_t file_size) {
  if (file_size < kFooterSize || ContentSizeOf(file_size)) return std::nullopt;
  ByteArray<kFooterSize> bytes;
  RECRYPT_TRY(ReadExactly(file, file_size - kFooterSize, bytes));
  return ParseFooter(bytes);
}

Bytes PaddedFooter(uint64_t end, const Footer& footer) {
  const uint64_t length = NextUnmappedLength(end + kFooterSize);
  Bytes bytes(length - end - kFooterSize);
  Append(bytes, ComposeFooter(footer));
  return bytes;
}

}  // namespace recrypt
