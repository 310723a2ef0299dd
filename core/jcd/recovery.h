// Recovery: which state of a document a stored file holds, whatever a crash has left behind it
// (docs/FORMAT.md, 6).
//
//   RECRYPT_ASSIGN(StoredState state, FindLastState(file, keys, header_digest));
//
// Reads only; what stands behind state.end is left to the next writer to cut. Thread safe.
#ifndef RECRYPT_CORE_JCD_RECOVERY_H_
#define RECRYPT_CORE_JCD_RECOVERY_H_

#include "core/jcd/overlay.h"
#include "core/jcd/record.h"

namespace recrypt {

struct StoredState {
  TrailerBytes trailer{};
  TrailerFields fields;  // of the trailer, authenticated
  SealedPart sealed{};
  uint64_t length = 0;        // stored length of the state, without records
  uint64_t base_length = 0;   // likewise of the state that the first record follows
  uint64_t first_record = 0;  // positions; 0: there are no records
  uint64_t last_record = 0;
  uint64_t end = 0;             // of the last record's footer, or `length`
  uint64_t file_size = 0;       // more than `end` when a commit did not finish
  bool partly_applied = false;  // an Apply was interrupted: it is to be finished before a commit
  Overlay overlay;              // what the records put over the file
};

// kNotFound for an empty file; kCorrupt with kCreationUnfinished (document.h) in the message when
// nothing was ever committed, kCorrupt otherwise when no state authenticates; kStale when the
// newest state has another header than `header` (somebody replaced it since it was read).
Result<StoredState> FindLastState(StoredFile& file, const DataKeys& keys,
                                  const Sha256Digest& header);

// As above without authenticating anything, for telling what a file holds: the state that a reader
// would find if all of it verified. kDenied when that takes a grant, because records that nobody
// has verified would take too much memory.
Result<StoredState> FindLastStateUnverified(StoredFile& file, const Sha256Digest& header);

// The trailer of the last state that stands whole in the file, by its place alone, unauthenticated.
Result<std::optional<TrailerFields>> FindTrailerInPlace(StoredFile& file, uint64_t file_size);

// Whether a file that starts with these bytes may be a document of the binary layout. One that does
// not cannot be opened, so that nothing has to be looked for in it.
bool StartsLikeADocument(ByteSpan start);

// The last header regions as records put them over `region`, the one in the file, newest first,
// without authenticating them; none when there are no records or when they leave the header alone.
// Where no footer leads to the records they are looked for by their text, near the file's end. What
// is damaged counts as none.
Result<std::vector<Bytes>> PeekRecordedHeaders(StoredFile& file, uint64_t file_size,
                                               const Bytes& region);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_RECOVERY_H_
