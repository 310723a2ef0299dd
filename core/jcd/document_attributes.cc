// The sealed attributes that a document's trailer names.
#include "core/jcd/document_impl.h"

namespace recrypt {
namespace {

constexpr size_t kSeal = kAeadNonceSize + kAeadTagSize;

Result<std::optional<TrailerFields>> TrailerBefore(StoredFile& file, uint64_t end) {
  if (end < kTrailerSize) return std::nullopt;
  TrailerBytes bytes;
  RECRYPT_ASSIGN(const size_t got, file.ReadAt(end - kTrailerSize, bytes));
  const auto fields = ParseTrailer(ByteSpan(bytes).first(got));
  if (!fields) return std::nullopt;
  return *fields;
}

}  // namespace

Sha256Digest DocumentImpl::AttributesDigest() const {
  std::shared_lock lock(state_mutex_);
  return attributes_;
}

Result<Attributes> DocumentImpl::OpenAttributes(ByteSpan sealed) const {
  std::shared_lock lock(state_mutex_);
  if (Sha256(sealed) != attributes_) {
    return Fail(ErrorCode::kCorrupt, "these are not the attributes that the document names");
  }
  return recrypt::OpenAttributes(sealed, *keys_);
}

Result<Bytes> DocumentImpl::SealAttributes(const Attributes& attributes) const {
  std::shared_lock lock(state_mutex_);
  return recrypt::SealAttributes(attributes, *keys_);
}

void DocumentImpl::SetAttributes(const Sha256Digest& sealed) {
  std::lock_guard operation(operation_);
  std::unique_lock lock(state_mutex_);
  attributes_ = sealed;
  changes_.content = true;
}

// The trailer stands at the end of the file or, as this implementation writes them, at the end of
// the last record's writes.
Result<std::optional<Sha256Digest>> StoredAttributesDigest(StoredFile& file) {
  RECRYPT_ASSIGN(const uint64_t length, file.Size());
  if (length == 0) return Sha256Digest{};
  uint64_t trailer_end = length;
  if (!ContentSizeOf(length)) {
    // The file may have become shorter since its length was taken.
    const auto footer = ReadFooter(file, length);
    if (!footer && footer.error().code != ErrorCode::kCorrupt) return Fail(footer.error());
    if (!footer || !*footer) return std::nullopt;
    trailer_end = (*footer)->length;
    if ((*footer)->record != 0) {
      const auto record = PeekRecord(file, (*footer)->record, length);
      if (!record && record.error().code != ErrorCode::kCorrupt) return Fail(record.error());
      if (!record) return std::nullopt;
      trailer_end = record->end - 1 - kSeal;
    }
  }
  RECRYPT_ASSIGN(const auto trailer, TrailerBefore(file, trailer_end));
  if (!trailer) return std::nullopt;
  return trailer->attributes;
}

}  // namespace recrypt
