// What a mount tells the person at the desktop: short texts that stand for themselves.
//
//   notifier.Tell(AccessEnded("Accounting#example.com", error.code));
//
// Names come from documents and services, so their length is bounded, and they are no markup.
// Thread safe.
#ifndef RECRYPT_DAEMON_MOUNT_NOTICE_H_
#define RECRYPT_DAEMON_MOUNT_NOTICE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "client/own_reviews.h"

namespace recrypt {

struct Notice {
  std::string summary;  // plain text
  std::string body;     // with the markup of the Desktop Notifications Specification: escaped
};

// `labels`: the expression of a document that was readable here and is refused with `why`.
Notice AccessEnded(std::string_view labels, ErrorCode why);
// `asked`: when the document was refused here for being held; seconds since 1970.
Notice ReviewDecided(std::string_view label, const OwnReview& review, int64_t asked);

// `text` as it may stand in a body: at most `max` bytes of it, with an ellipsis where it is cut, no
// control characters, markup escaped. What is no UTF-8 gives "?".
std::string NoticeText(std::string_view text, size_t max);

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_MOUNT_NOTICE_H_
