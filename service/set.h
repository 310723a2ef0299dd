// What Set sets, one function each. Each verifies signatures on the calling thread, and decides by
// what is stored on the committer's.
#ifndef RECRYPT_SERVICE_SET_H_
#define RECRYPT_SERVICE_SET_H_

#include "service/transactions.h"

namespace recrypt {

void SetProfile(ServiceContext& context, const Caller& caller, const Json& jws, Reply reply);
void SetKeySet(ServiceContext& context, const Caller& caller, const KeySetRecord& record,
               Reply reply);
void SetOpens(ServiceContext& context, const Caller& caller, const OpensRecord& record,
              Reply reply);
void SetReview(ServiceContext& context, const Caller& caller, const ReviewRecord& record,
               Reply reply);
// At least one user; all of one label.
void SetUsers(ServiceContext& context, const Caller& caller, const UsersRecord& record,
              Reply reply);

// kInvalid for a signed object that has expired: such are refused for writing.
Status CheckNotExpired(const ObjectVersion& version, int64_t now);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SET_H_
