// Verifying a whole document, as whoever opens a provisional one does first, of which they have
// seen no state before (docs/FORMAT.md, 6).
#ifndef RECRYPT_CORE_JCD_VERIFY_ALL_H_
#define RECRYPT_CORE_JCD_VERIFY_ALL_H_

#include "core/jcd/document.h"

namespace recrypt {

// Reads all that is no hole: a power cut may have taken any of it. kCorrupt when it has.
Status VerifyAll(Document& document);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_VERIFY_ALL_H_
