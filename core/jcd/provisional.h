// Provisional documents: those that are not known to have ever been durable (docs/FORMAT.md, 6).
//
//   RECRYPT_ASSIGN(const bool torn, MayBeTornCreation(file));   // what does not open: is it
//   damage? RECRYPT_TRY(file.SyncData()); RECRYPT_TRY(ConfirmDurable(file)); // from now on damage
//   is damage
//
// A document is marked so when it is created, and until somebody has made it durable. A power cut
// before that may take any part of it, whereupon it is an empty document, as a new file that was
// not synced is anywhere; what was durable once and does not verify is damage, and stays an error.
// Whoever could set the mark could cut the file to nothing as well.
//
// Thread safe.
#ifndef RECRYPT_CORE_JCD_PROVISIONAL_H_
#define RECRYPT_CORE_JCD_PROVISIONAL_H_

#include "core/jcd/geometry.h"
#include "core/jcd/stored_file.h"

namespace recrypt {

// In the last byte in front of slot 0, where else a space stands. Both are white space in JSON.
constexpr uint64_t kProvisionalAt = kSlot0 - 1;
constexpr uint8_t kProvisionalMark = '\t';
constexpr uint8_t kConfirmedMark = ' ';

Result<bool> IsProvisional(StoredFile& file);
// Whether a file in which no document opens may be what a power cut has left of one that was being
// created: it is provisional, or a sector of its header never reached the disk, without which
// nobody ever reads a byte of it.
Result<bool> MayBeTornCreation(StoredFile& file);
// Takes the mark away. The caller has made all of the file durable since it was last changed, under
// the document's exclusive lock.
Status ConfirmDurable(StoredFile& file);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_PROVISIONAL_H_
