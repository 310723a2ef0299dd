// Trailer: the last 656 bytes of a document's state (docs/FORMAT.md, 5).
//
//   RECRYPT_ASSIGN(TrailerFields fields, ParseTrailer(bytes));           // structure alone
//   RECRYPT_ASSIGN(SealedPart part, UnsealTrailer(bytes, keys));          // authenticated
//
//   TrailerBytes bytes = SealTrailer(fields, part, keys);
//
// Thread safe.
#ifndef RECRYPT_CORE_JCD_TRAILER_H_
#define RECRYPT_CORE_JCD_TRAILER_H_

#include "core/jcd/data_keys.h"
#include "core/jcd/geometry.h"

namespace recrypt {

using TrailerBytes = ByteArray<kTrailerSize>;
// The plaintext of the sealed part: signature entries (signatures.h).
constexpr size_t kSealedPartSize = 484;
using SealedPart = ByteArray<kSealedPartSize>;

struct TrailerFields {
  uint32_t key = 0;  // the data key that seals it, the newest
  uint64_t generation = 0;
  uint64_t size = 0;
  uint64_t block_writes = 0;  // under the newest data key
  Sha256Digest root{};
  Sha256Digest attributes{};
  Sha256Digest header{};
};

// The 14 bytes with which every trailer starts.
extern const std::string_view kTrailerStart;

// Checks framing, version and size; kCorrupt.
Result<TrailerFields> ParseTrailer(ByteSpan bytes);
// Authenticates a trailer that ParseTrailer takes; kCorrupt when it is another document's, altered,
// or sealed under a data key that is not the newest of `keys`.
Result<SealedPart> UnsealTrailer(ByteSpan bytes, const DataKeys& keys);
// The same for a state that records follow, which may have replaced its header: any of `keys` may
// have sealed it.
Result<SealedPart> UnsealEarlierTrailer(ByteSpan bytes, const DataKeys& keys);
// fields.key must be one of `keys`.
TrailerBytes SealTrailer(const TrailerFields& fields, const SealedPart& part, const DataKeys& keys);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_TRAILER_H_
