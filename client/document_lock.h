// The lock of a whole stored document between those who may change it (DESIGN 6): one byte above
// every offset that a user's own lock can have, held by the open file description of a descriptor.
//
//   RECRYPT_TRY(TryLockDocument(fd, LockKind::kExclusive));
//   ...
//   UnlockDocument(fd);
//
// Thread safe.
#ifndef RECRYPT_CLIENT_DOCUMENT_LOCK_H_
#define RECRYPT_CLIENT_DOCUMENT_LOCK_H_

#include "core/base/result.h"

namespace recrypt {

enum class LockKind { kShared, kExclusive };

// Does not wait: kBusy when somebody else holds it. An exclusive one needs a descriptor open for
// writing.
Status TryLockDocument(int fd, LockKind kind);
void UnlockDocument(int fd);

// A mount gives a small new document its room first, and commits it a moment later, under the lock
// (docs/FORMAT.md, 6). Waits for that, at most 5 seconds: kBusy. What still begins with a zero when
// nobody holds the lock was never committed.
Status WaitUntilCreated(int fd);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_DOCUMENT_LOCK_H_
