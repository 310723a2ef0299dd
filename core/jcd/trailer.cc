#include "core/jcd/trailer.h"

#include <algorithm>

namespace recrypt {

using namespace std::string_view_literals;
const std::string_view kTrailerStart = "{\"trailer\":\x89\x02\x80"sv;

namespace {

constexpr size_t kFraming = 14;  // kTrailerStart
constexpr size_t kBody = 640;
constexpr size_t kCleared = 128;  // authenticated, not sealed
constexpr size_t kNonceAt = kFraming + kCleared;
constexpr size_t kSealedAt = kNonceAt + kAeadNonceSize;
constexpr size_t kTagAt = kSealedAt + kSealedPartSize;
static_assert(kTagAt + kAeadTagSize == kFraming + kBody);
constexpr std::string_view kEnd = "}]";

void CopyTo(uint8_t* at, ByteSpan bytes) { std::copy(bytes.begin(), bytes.end(), at); }

Bytes AssociatedData(const DocumentId& uid, ByteSpan cleared) {
  Bytes aad = ToBytes(AsBytes("jcd/1 trailer"));
  Append(aad, uid);
  Append(aad, cleared);
  return aad;
}

}  // namespace

Result<TrailerFields> ParseTrailer(ByteSpan bytes) {
  if (bytes.size() != kTrailerSize || AsText(bytes.first(kFraming)) != kTrailerStart ||
      AsText(bytes.last(kEnd.size())) != kEnd) {
    return Fail(ErrorCode::kCorrupt, "there is no trailer at the document's end");
  }
  const ByteSpan body = bytes.subspan(kFraming);
  if (body[0] != 1 || body[1] != 0 || body[2] != 0 || body[3] != 0) {
    return Fail(ErrorCode::kCorrupt, "the trailer is of an unknown version");
  }
  TrailerFields fields;
  fields.key = LoadU32(&body[4]);
  fields.generation = LoadU64(&body[8]);
  fields.size = LoadU64(&body[16]);
  fields.block_writes = LoadU64(&body[24]);
  std::copy_n(&body[32], 32, fields.root.begin());
  std::copy_n(&body[64], 32, fields.attributes.begin());
  std::copy_n(&body[96], 32, fields.header.begin());
  if (fields.size > kMaxContentSize || fields.generation == 0) {
    return Fail(ErrorCode::kCorrupt, "the trailer's size or generation is out of range");
  }
  return fields;
}

Result<SealedPart> UnsealTrailer(ByteSpan bytes, const DataKeys& keys) {
  RECRYPT_ASSIGN(const TrailerFields fields, ParseTrailer(bytes));
  if (fields.key != keys.newest()) {
    return Fail(ErrorCode::kCorrupt, "the trailer is not sealed under the newest data key");
  }
  return UnsealEarlierTrailer(bytes, keys);
}

Result<SealedPart> UnsealEarlierTrailer(ByteSpan bytes, const DataKeys& keys) {
  RECRYPT_ASSIGN(const TrailerFields fields, ParseTrailer(bytes));
  if (!keys.Has(fields.key)) {
    return Fail(ErrorCode::kCorrupt, "the trailer is sealed under an unknown data key");
  }
  Aead aead(keys.Derive(fields.key, KeyUse::kTrailer));
  SealedPart part;
  if (!aead.Open(bytes.subspan(kNonceAt, kAeadNonceSize),
                 AssociatedData(keys.uid(), bytes.subspan(kFraming, kCleared)),
                 bytes.subspan(kSealedAt, kSealedPartSize), bytes.subspan(kTagAt, kAeadTagSize),
                 part.data())) {
    return Fail(ErrorCode::kCorrupt, "the trailer does not authenticate");
  }
  return part;
}

TrailerBytes SealTrailer(const TrailerFields& fields, const SealedPart& part,
                         const DataKeys& keys) {
  TrailerBytes bytes{};
  CopyTo(bytes.data(), AsBytes(kTrailerStart));
  CopyTo(bytes.data() + kFraming + kBody, AsBytes(kEnd));
  uint8_t* body = bytes.data() + kFraming;
  body[0] = 1;
  StoreU32(body + 4, fields.key);
  StoreU64(body + 8, fields.generation);
  StoreU64(body + 16, fields.size);
  StoreU64(body + 24, fields.block_writes);
  CopyTo(body + 32, fields.root);
  CopyTo(body + 64, fields.attributes);
  CopyTo(body + 96, fields.header);
  const ByteSpan all = bytes;
  RandomBytes({bytes.data() + kNonceAt, kAeadNonceSize});
  Aead aead(keys.Derive(fields.key, KeyUse::kTrailer));
  aead.Seal(all.subspan(kNonceAt, kAeadNonceSize),
            AssociatedData(keys.uid(), all.subspan(kFraming, kCleared)), part,
            bytes.data() + kSealedAt, bytes.data() + kTagAt);
  return bytes;
}

}  // namespace recrypt
