// What became of the grants that this account waits for, since a label's policy holds them for
// review.
//
//   RECRYPT_ASSIGN(auto reviews, OwnReviews(client, label));
//   for (const OwnReview& review : reviews) ...
//
// Asking is on no record and uses up no quota. Thread safe.
#ifndef RECRYPT_CLIENT_OWN_REVIEWS_H_
#define RECRYPT_CLIENT_OWN_REVIEWS_H_

#include <string>
#include <vector>

#include "client/client.h"

namespace recrypt {

struct OwnReview {
  enum class State { kPending, kApproved, kDenied, kExpired };
  Bytes document;  // its id
  Bytes header;    // the digest of its header
  State state = State::kPending;
  std::string by;  // the supervisor's account; empty while it is pending
};

// Of every device of the account, but for decisions that have expired. kDenied when this device is
// no member's; otherwise as any request to a service fails. `client` has keys.
Result<std::vector<OwnReview>> OwnReviews(Client& client, const LabelName& label);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_OWN_REVIEWS_H_
