// What a request is called outside of its body: by its transaction, and by the id that the service
// gave it.
//
//   TransactionName(request)      // "Get"
//   "MeshRecrypt-Request: 5f0c11ab-42"
#ifndef RECRYPT_CORE_PROTOCOL_REQUEST_NAMES_H_
#define RECRYPT_CORE_PROTOCOL_REQUEST_NAMES_H_

#include <string_view>

#include "core/protocol/messages.h"

namespace recrypt {

// Under no MAC, since it only helps people to find the request in the service's log.
inline constexpr std::string_view kRequestIdHeader = "MeshRecrypt-Request";

// "Hello", "Get", …
std::string_view TransactionName(const Request& request);

}  // namespace recrypt

#endif  // RECRYPT_CORE_PROTOCOL_REQUEST_NAMES_H_
