// Recryption grants: what Get computes for its Dynamic resources.
#ifndef RECRYPT_SERVICE_GRANTS_H_
#define RECRYPT_SERVICE_GRANTS_H_

#include "service/transactions.h"

namespace recrypt {

// Answers request.grants into `response`, each granted or refused for itself, and replies once
// their records are committed; kInternal, and nothing granted, when they cannot be.
void RunGrants(ServiceContext& context, const Caller& caller, GetRequest request,
               GetResponse response, Reply reply);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_GRANTS_H_
