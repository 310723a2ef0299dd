#include "core/jcd/document_impl.h"
#include "core/jcd/provisional.h"

namespace recrypt {

Result<uint64_t> SizeFromStoredLength(uint64_t stored_length) {
  const auto size = ContentSizeOf(stored_length);
  if (!size) return Fail(ErrorCode::kNotFound, "no content size has this stored length");
  return *size;
}

uint64_t StoredLengthFromSize(uint64_t size) { return Layout(size).StoredLength(); }

Result<uint64_t> StoredContentSize(StoredFile& file) {
  RECRYPT_ASSIGN(const uint64_t length, file.Size());
  if (length == 0) return 0;
  if (const auto size = ContentSizeOf(length)) return *size;
  RECRYPT_ASSIGN(const std::optional<Footer> footer, ReadFooter(file, length));
  if (footer) return footer->size;
  // Torn: a commit or a creation that did not finish.
  ByteArray<64> start{};
  RECRYPT_ASSIGN(const size_t got, file.ReadAt(0, start));
  if (!StartsLikeADocument(ByteSpan(start).first(got))) return 0;
  RECRYPT_ASSIGN(const auto trailer, FindTrailerInPlace(file, length));
  return trailer ? trailer->size : 0;
}

Result<std::vector<Bytes>> ReadHeaderRegions(StoredFile& file) {
  RECRYPT_ASSIGN(const uint64_t length, file.Size());
  Bytes region(kHeaderRegion);
  RECRYPT_ASSIGN(const size_t got, file.ReadAt(0, region));
  region.resize(got);
  RECRYPT_ASSIGN(std::vector<Bytes> regions, PeekRecordedHeaders(file, length, region));
  regions.push_back(std::move(region));
  return regions;
}

Result<std::unique_ptr<Document>> Document::Open(std::shared_ptr<StoredFile> file,
                                                 DocumentKeys keys, const TrustedLabels& trust,
                                                 int64_t now) {
  RECRYPT_ASSIGN(DataKeys data_keys, DataKeys::Make(keys.uid, std::move(keys.keys)));
  RECRYPT_ASSIGN(StoredState state, FindLastState(*file, data_keys, keys.header_digest));
  auto document = std::make_unique<DocumentImpl>(
      std::move(file), std::make_shared<const DataKeys>(std::move(data_keys)),
      std::move(keys.expression));
  RECRYPT_TRY(document->StartFrom(std::move(state), trust, now));
  return std::unique_ptr<Document>(std::move(document));
}

DocumentKeys DocumentKeys::Clone() const {
  DocumentKeys copy{uid, header_digest, expression, {}};
  for (const DataKey& key : keys) copy.keys.push_back({key.number, key.key.Clone()});
  return copy;
}

std::unique_ptr<Document> Document::Create(std::shared_ptr<StoredFile> file, Bytes header_region,
                                           DocumentKeys keys) {
  auto data_keys = DataKeys::Make(keys.uid, std::move(keys.keys));
  if (!data_keys || header_region.size() != kHeaderRegion) return nullptr;
  auto document = std::make_unique<DocumentImpl>(
      std::move(file), std::make_shared<const DataKeys>(std::move(*data_keys)),
      std::move(keys.expression));
  document->StartEmpty(std::move(header_region), keys.header_digest);
  return document;
}

DocumentImpl::DocumentImpl(std::shared_ptr<StoredFile> file, std::shared_ptr<const DataKeys> keys,
                           LabelExpression expression)
    : file_(std::move(file)),
      keys_(std::move(keys)),
      cipher_(std::make_unique<BlockCipher>(keys_)),
      expression_(std::move(expression)),
      tree_(*this) {}

Status DocumentImpl::StartFrom(StoredState state, const TrustedLabels& trust, int64_t now) {
  RECRYPT_ASSIGN(stored_.entries, ParseEntries(state.sealed));
  RECRYPT_ASSIGN(authorship_, VerifyEntries(stored_.entries, keys_->uid(), state.fields,
                                            expression_, trust, now));
  trust_ = trust;
  trust_known_ = true;
  header_digest_ = state.fields.header;
  block_writes_ = state.fields.block_writes;
  attributes_ = state.fields.attributes;
  stored_.trailer = state.trailer;
  stored_.fields = state.fields;
  stored_.length = state.length;
  stored_.base_length = state.base_length;
  stored_.first_record = state.first_record;
  stored_.last_record = state.last_record;
  stored_.end = state.end;
  stored_.file_size = state.file_size;
  stored_.partly_applied = state.partly_applied;
  stored_.overlay = std::move(state.overlay);
  tree_.Reset(state.fields.size, state.fields.root);
  RECRYPT_ASSIGN(provisional_, recrypt::IsProvisional(*file_));
  return {};
}

void DocumentImpl::StartEmpty(Bytes header_region, const Sha256Digest& header_digest) {
  header_region_ = std::move(header_region);
  header_digest_ = header_digest;
}

uint64_t DocumentImpl::Size() const {
  std::shared_lock lock(state_mutex_);
  return tree_.layout().size();
}

uint64_t DocumentImpl::Generation() const {
  std::shared_lock lock(state_mutex_);
  return stored_.fields.generation;
}

Authorship DocumentImpl::GetAuthorship() const {
  std::shared_lock lock(state_mutex_);
  return authorship_;
}

Sha256Digest DocumentImpl::TrailerDigest() const {
  std::shared_lock lock(state_mutex_);
  return Sha256(stored_.trailer);
}

bool DocumentImpl::IsDirty() const {
  std::shared_lock lock(state_mutex_);
  return Dirty();
}

uint64_t DocumentImpl::DirtyBytes() const {
  std::shared_lock lock(state_mutex_);
  return BytesHeld();
}

bool DocumentImpl::HasRecords() const {
  std::shared_lock lock(state_mutex_);
  return stored_.last_record != 0;
}

bool DocumentImpl::IsProvisional() const { return provisional_; }

uint64_t DocumentImpl::RecordBytes() const {
  std::shared_lock lock(state_mutex_);
  return stored_.last_record == 0 ? 0 : stored_.end - std::min(stored_.end, stored_.length);
}

uint64_t DocumentImpl::BlockWrites() const {
  std::shared_lock lock(state_mutex_);
  return block_writes_;
}

Result<bool> DocumentImpl::IsCurrent() {
  std::shared_lock lock(state_mutex_);
  return FileIsAsStored();
}

Result<bool> DocumentImpl::FileIsAsStored() const {
  RECRYPT_ASSIGN(const uint64_t size, file_->Size());
  if (size != stored_.file_size) return false;
  if (NeverCommitted()) return true;
  TrailerBytes trailer;
  const auto read = ReadStored(stored_.length - kTrailerSize, trailer);
  if (!read && read.error().code != ErrorCode::kCorrupt) return Fail(read.error());
  return read && trailer == stored_.trailer;
}

Status DocumentImpl::ReadStored(uint64_t offset, MutableByteSpan out) const {
  return stored_.overlay.Read(*file_, offset, out);
}

}  // namespace recrypt
