// Commit records and their footer: what stands behind a document whose last commits have not been
// brought into place (docs/FORMAT.md, 6).
//
//   WriteList writes;  writes.Add(offset, bytes); ...
//   RawBytes stored = SealRecord(writes, fields, keys);     // with padding and footer
//
//   RECRYPT_ASSIGN(Record record, ReadRecord(file, position, file_size, keys));  // authenticated
//
// Thread safe, apart from WriteList.
#ifndef RECRYPT_CORE_JCD_RECORD_H_
#define RECRYPT_CORE_JCD_RECORD_H_

#include <optional>

#include "core/base/raw_bytes.h"
#include "core/jcd/stored_file.h"
#include "core/jcd/trailer.h"

namespace recrypt {

// A body that is longer is refused unread, so that a file cannot make its reader use more memory.
constexpr uint64_t kMaxRecordBody = uint64_t{128} << 20;

struct RecordFields {
  uint32_t key = 0;
  uint64_t base_length = 0;
  uint64_t position = 0;
  uint64_t previous = 0;
  uint64_t new_length = 0;
  uint64_t new_size = 0;
  TrailerBytes followed{};
  uint64_t end = 0;  // when read: behind its closing brace, by its length
};

// Writes that make one state of another, in the form in which a record holds them.
class WriteList {
 public:
  static constexpr size_t kHead = 8 + 4;  // what each write takes besides its bytes

  WriteList();

  // Adds bytes; they join the write before when they stand behind it.
  void Add(uint64_t offset, ByteSpan bytes);
  void AddZeros(uint64_t offset, uint64_t length);
  // As Add, for `size` bytes that the caller fills in. The pointer holds until the list has grown
  // by more than what MakeRoom has made room for, heads included.
  uint8_t* Reserve(uint64_t offset, size_t size);
  void MakeRoom(size_t more);

  struct Entry {
    uint64_t offset;
    uint64_t length;
    size_t at;   // of the bytes in the buffer
    bool zeros;  // there are none
  };
  const std::vector<Entry>& entries() const { return entries_; }
  ByteSpan BytesOf(const Entry& entry) const { return {&buffer_[entry.at], entry.length}; }
  size_t size() const { return buffer_.size(); }

 private:
  friend RawBytes SealRecord(WriteList& writes, const RecordFields& fields, const DataKeys& keys);

  std::vector<Entry> entries_;
  RawBytes buffer_;  // room for framing and fields of a record, then the writes
};

// The stored form: record, zeros, footer; empties the list. Positions of the writes' bytes are
// fields.position + Entry::at. The list must fit into kMaxRecordBody.
RawBytes SealRecord(WriteList& writes, const RecordFields& fields, const DataKeys& keys);
bool FitsIntoRecord(const WriteList& writes);

struct Record {
  RecordFields fields;
  Bytes stored;                          // framing and body, without padding and footer
  std::vector<WriteList::Entry> writes;  // `at` counts in `stored`
  uint64_t end = 0;                      // in the file, behind the footer
};

// What stands in front of a record's writes: all that its fields are read from.
constexpr size_t kRecordHead = 19 + 52 + kTrailerSize;  // framing, fields, followed trailer
// The fields in the first kRecordHead bytes of what may be a record at `position`, not
// authenticated; kCorrupt.
Result<RecordFields> ParseRecordHead(ByteSpan head, uint64_t position);
// As above, from the file; kCorrupt also when the record does not fit into it.
Result<RecordFields> PeekRecord(StoredFile& file, uint64_t position, uint64_t file_size);
// Reads and authenticates one; kCorrupt.
Result<Record> ReadRecord(StoredFile& file, uint64_t position, uint64_t file_size,
                          const DataKeys& keys);
// As above without authenticating, for showing what a file holds; kDenied when it has more writes
// than `max_writes`, which would take many times the memory of its bytes.
Result<Record> ReadRecordUnverified(StoredFile& file, uint64_t position, uint64_t file_size,
                                    size_t max_writes = size_t{1} << 18);
// Puts what a record whose head was read writes there over `start`, the first bytes of its file,
// without authenticating it and in no more memory than its bytes: for looking at the header before
// there are keys. Whether that touched the header; kCorrupt, and `start` is changed in part.
Result<bool> PutOverStart(StoredFile& file, const RecordFields& head, MutableByteSpan start);

// The text with which a record starts.
extern const std::string_view kRecordStart;

constexpr uint64_t kFooterSize = 32;
struct Footer {
  uint64_t record = 0;  // position of the last record; 0 when there is none
  uint64_t length = 0;  // stored length and size of the state; 0 when none has been committed
  uint64_t size = 0;
};
ByteArray<kFooterSize> ComposeFooter(const Footer& footer);
std::optional<Footer> ParseFooter(ByteSpan bytes);
// The footer at the end of a file whose length no size maps to.
Result<std::optional<Footer>> ReadFooter(StoredFile& file, uint64_t file_size);
// Zeros and footer behind `end`, so that the file gets a length that no size maps to.
Bytes PaddedFooter(uint64_t end, const Footer& footer);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_RECORD_H_
