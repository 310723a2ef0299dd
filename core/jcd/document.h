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
#include <vector>

#include "core/jcd/authorship.h"
#include "core/jcd/header.h"
#include "core/jcd/stored_file.h"

namespace recrypt {

enum class Durability { kVisible, kSynced };

// What an open document needs besides its file: from OpenHeader, or made with SealHeader.
struct DocumentKeys {
  DocumentId uid;
  Sha256Digest header_digest;
  LabelExpression expression;
  std::vector<DataKey> keys;
};

class Document {
 public:
  // Reads trailer and records, verifies the trailer and its signatures. `now` in seconds is for
  // the expiry of credentials. kCorrupt, kDenied (authorship), kIo.
  static Result<std::unique_ptr<Document>> Open(std::shared_ptr<StoredFile> file, DocumentKeys keys,
                                                const TrustedLabels& trust, int64_t now);
  // A new document of size 0 in an empty file; nothing is written before the first Commit or the
  // first full group. `header_region` is SealedHeader::region.
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

  // Fewer bytes than asked for only at the end of the document. kCorrupt when a block fails.
  virtual Result<size_t> Read(uint64_t offset, MutableByteSpan out) = 0;
  virtual Status Write(uint64_t offset, ByteSpan data) = 0;
  // Shrinks, or grows by a hole.
  virtual Status Truncate(uint64_t size) = 0;
  // Makes [offset, offset+length) read as zeros, as holes where whole blocks are covered.
  virtual Status PunchHole(uint64_t offset, uint64_t length) = 0;
  // SEEK_DATA / SEEK_HOLE; kNotFound (ENXIO) beyond the end.
  virtual Result<uint64_t> SeekData(uint64_t offset) = 0;
  virtual Result<uint64_t> SeekHole(uint64_t offset) = 0;

  // Makes all changes complete: one fdatasync for kSynced. `author` may be null where the label
  // allows unknown authors. Without changes, kSynced only syncs.
  virtual Status Commit(const Author* author, Durability durability) = 0;
  // Brings records into place and cuts them off (docs/FORMAT.md, 6).
  virtual Status Apply() = 0;
  // Forgets uncommitted changes.
  virtual void Discard() = 0;

  // Replaces the header (a new key epoch or label) with the next Commit. New data keys, if the
  // wrapper has any, are used for what is written from then on; kinds 2 and 3 of signature entries
  // are used when the content did not change.
  virtual Status ReplaceHeader(const SealedHeader& header, std::vector<DataKey> keys) = 0;
};

// The content size that a stored length stands for; kNotFound when no size maps to it (records
// stand behind the document: ask StoredContentSize).
Result<uint64_t> SizeFromStoredLength(uint64_t stored_length);
uint64_t StoredLengthFromSize(uint64_t size);
// As above, but looks at the footer where the length says so; 0 for an empty or unfinished file.
Result<uint64_t> StoredContentSize(StoredFile& file);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_DOCUMENT_H_
