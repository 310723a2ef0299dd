// Who sent a request: the session of its Authorization header, if the MAC, the time and the
// sequence number are right (docs/PROTOCOL.md, 2).
#ifndef RECRYPT_SERVICE_AUTHENTICATION_H_
#define RECRYPT_SERVICE_AUTHENTICATION_H_

#include <memory>

#include "core/protocol/messages.h"
#include "service/http_message.h"
#include "service/sessions.h"

namespace recrypt {

struct Authentication {
  // Ok: the request is the session's device's, for the first time. Else the refusal.
  ResponseStatus status;
  // Set when the answer is to carry a MAC: to every request whose own MAC is right, but replays,
  // whose true answer a forger could otherwise replace by the refusal.
  std::shared_ptr<const Session> session;
  Sha256Digest request_mac{};
};

Authentication Authenticate(const HttpRequest& request, const std::string& domain,
                            Sessions& sessions, int64_t now);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_AUTHENTICATION_H_
