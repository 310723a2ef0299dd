// Notes: what one device leaves for another that knows the id, which is as good as a password:
// sealed content between devices that have no other way to one another yet (docs/PROTOCOL.md, 3).
//
//   RECRYPT_TRY(AddNote(transaction, {id, device, content, expires}, now));
//   RECRYPT_ASSIGN(std::string content, FindNote(view, id, now));
//
// They live for minutes, and their number and their size are bounded. Thread safe.
#ifndef RECRYPT_SERVICE_NOTES_H_
#define RECRYPT_SERVICE_NOTES_H_

#include <string>

#include "service/store.h"

namespace recrypt {

// kExists when another one of that id was left before, expired ones included; kInvalid for one of
// more than 64 KiB or a day; kQuota for more than 64 of a device; kBusy for more than 10,000.
Status AddNote(StoreTransaction& transaction, const StoredNote& note, int64_t now);
// kNotFound when there is none, kStale when it has expired.
Result<std::string> FindNote(StoreView& view, const std::string& id, int64_t now);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_NOTES_H_
