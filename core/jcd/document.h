// Document: random access to one stored document under its data keys (docs/FORMAT.md).
//
//   RECRYPT_ASSIGN(auto doc, Document::Open(file, std::move(keys), trust, now));
//   RECRYPT_ASSIGN(size_t n, doc->Read(offset, buffer));
//   RECRYPT_TRY(doc->Write(offset, data));            // held in memory, bounded
//   RECRYPT_TRY(doc->Commit(author, Durability::kSynced));
//
// Reads verify; nothing unverified is handed out. Writes are kept in memory until Commit, except
// that whole groups of a document that is being created, or that lie behind the stored end, go to
// the file as they fill. The caller holds the document's exclusive lock from the first Write to
// Commit or Apply (DESIGN 6). Thread safe: Read may run in parallel with Read; all else is
// serialized inside.
#ifndef RECRYPT_CORE_JCD_DOCUMENT_H_
#define RECRYPT_CORE_JCD_DOCUMENT_H_

#include <memory>
#include <optional>
#include <vector>

#include "core/jcd/attributes.h"
#include "core/jcd/authorship.h"
#include "core/jcd/header.h"
#include "core/jcd/stored_file.h"

namespace recrypt {

enum class Durability { kVisible, kSynced };

// When DirtyBytes() is more, commit (and apply, if there are records); at twice as much Write and
// PunchHole fail with kBusy.
constexpr uint64_t kMaxDirtyBytes = uint64_t{8} << 20;
constexpr uint64_t kNewKeyDue = uint64_t{1} << 31;
// In the message of Open's kCorrupt for a file whose creation never came to a first commit.
constexpr std::string_view kCreationUnfinished = "the creation of the document did not finish";

// What an open document needs besides its file: from OpenHeader, or made with SealHeader.
struct DocumentKeys {
  DocumentId uid;
  Sha256Digest header_digest;
  LabelExpression expression;
  std::vector<DataKey> keys;

  DocumentKeys Clone() const;
};

class Document {
 public:
  // Reads trailer and records, verifies the trailer and its signatures. `now` in seconds is for
  // the expiry of credentials. kCorrupt, kDenied (authorship), kIo; kNotFound for an empty file;
  // kStale when the header that `keys` are from has been replaced since.
  static Result<std::unique_ptr<Document>> Open(std::shared_ptr<StoredFile> file, DocumentKeys keys,
                                                const TrustedLabels& trust, int64_t now);
  // A new document of size 0 in an empty file; nothing is written before the first Commit or the
  // first full group. `header_region` is SealedHeader::region. Null when region or keys are not
  // what SealHeader makes.
  static std::unique_ptr<Document> Create(std::shared_ptr<StoredFile> file, Bytes header_region,
                                          DocumentKeys keys);
  virtual ~Document() = default;

  virtual uint64_t Size() const = 0;
  virtual uint64_t Generation() const = 0;  // of the last commit; 0 before the first
  virtual Authorship GetAuthorship() const = 0;
  // A digest of the committed trailer: changes with every commit, by whomever.
  virtual Sha256Digest TrailerDigest() const = 0;
  virtual bool IsDirty() const = 0;
  virtual uint64_t DirtyBytes() const = 0;  // memory held by what is not committed
  virtual bool HasRecords() const = 0;      // Apply would do something
  // Not known to have been durable as a whole since it was created (core/jcd/provisional.h). A
  // synced commit and Apply take note of it in the file.
  virtual bool IsProvisional() const = 0;
  virtual uint64_t RecordBytes() const = 0;  // in the file; Apply before it is many MiB
  // Block writes under the newest data key, committed or not. At kNewKeyDue the caller makes a new
  // data key with ReplaceHeader.
  virtual uint64_t BlockWrites() const = 0;
  // Whether the file still holds the state that this object has read, by its length and trailer:
  // to be asked after the exclusive lock was taken. The first change that goes to the file asks by
  // itself, and fails with kStale.
  virtual Result<bool> IsCurrent() = 0;

  // Fewer bytes than asked for only at the end of the document. kCorrupt when a block fails.
  virtual Result<size_t> Read(uint64_t offset, MutableByteSpan out) = 0;
  // True once, when a document is read here and there whose tables can all be kept: then it is
  // worth calling ReadTables from 0 on, on a thread of its own.
  virtual bool WantsTables() = 0;
  // Reads and verifies the next few tables that are not held yet; where to go on, 0 at the end.
  virtual uint64_t ReadTables(uint64_t first) = 0;
  virtual Status Write(uint64_t offset, ByteSpan data) = 0;
  // Shrinks, or grows by a hole.
  virtual Status Truncate(uint64_t size) = 0;
  // Makes [offset, offset+length) read as zeros, as holes where whole blocks are covered.
  virtual Status PunchHole(uint64_t offset, uint64_t length) = 0;
  // SEEK_DATA / SEEK_HOLE; kNotFound (ENXIO) beyond the end.
  virtual Result<uint64_t> SeekData(uint64_t offset) = 0;
  virtual Result<uint64_t> SeekHole(uint64_t offset) = 0;

  // The digest of the sealed attributes that belong to the document as it is now, committed or not;
  // zeros when it has none. Where they are kept is the caller's affair.
  virtual Sha256Digest AttributesDigest() const = 0;
  // kCorrupt unless these are the bytes that the digest names.
  virtual Result<Attributes> OpenAttributes(ByteSpan sealed) const = 0;
  // The sealed form of `attributes`, under the newest data key. Fails as recrypt::SealAttributes.
  virtual Result<Bytes> SealAttributes(const Attributes& attributes) const = 0;
  // The next commit names other sealed attributes; who signs it is their author. They have to be
  // durable before it, and those of the state before until it is durable itself.
  virtual void SetAttributes(const Sha256Digest& sealed) = 0;

  // Takes the room on the disk that the first commit needs, so that it does not fail for want of
  // it; until then the file reads as zeros, as one whose creation did not finish. Does nothing for
  // a document that was committed before, or of which groups went to the file ahead.
  virtual Status Reserve() = 0;
  // Makes all changes complete: one fdatasync for kSynced, and one more when groups went to the
  // file ahead of it (more than 4 MiB behind the end of a document that had been committed before).
  // `author` may be null where the label allows unknown authors. Without changes, kSynced only
  // syncs. After a failure the changes are still there.
  virtual Status Commit(const Author* author, Durability durability) = 0;
  // Brings records into place and cuts them off (docs/FORMAT.md, 6). kBusy when there are changes
  // that are not committed.
  virtual Status Apply() = 0;
  // Forgets uncommitted changes.
  virtual void Discard() = 0;

  // Replaces the header (a new key epoch or label) with the next Commit. New data keys, if the
  // wrapper has any, are used for what is written from then on; kinds 2 and 3 of signature entries
  // are used when the content did not change. `keys` are all of the new wrapper's; the key that was
  // the newest must be among them, and every other under which groups are still encrypted or the
  // attributes sealed (SetAttributes with new ones, in the same commit or before, frees that one).
  virtual Status ReplaceHeader(const SealedHeader& header, std::vector<DataKey> keys) = 0;
};

// The content size that a stored length stands for; kNotFound when no size maps to it (records
// stand behind the document: ask StoredContentSize).
Result<uint64_t> SizeFromStoredLength(uint64_t stored_length);
uint64_t StoredLengthFromSize(uint64_t size);
// As above, but looks at the footer where the length says so; 0 for an empty or unfinished file.
// Not authenticated: for stat, not for reading.
Result<uint64_t> StoredContentSize(StoredFile& file);
// The digest of the sealed attributes, as the newest trailer has it, where that is easily found;
// zeros for an empty file. Not authenticated: for whether it is worth asking for a grant.
Result<std::optional<Sha256Digest>> StoredAttributesDigest(StoredFile& file);
// The header regions to try, newest first: those that commit records make, if they replace it, and
// the one in the file. Shorter than a region where the file is.
Result<std::vector<Bytes>> ReadHeaderRegions(StoredFile& file);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_DOCUMENT_H_
