// Session: authenticated exchange with one service (docs/PROTOCOL.md, 2).
//
//   ServiceSession session(domain, transport, clock, identity, deadline_ms, check_service_key);
//   RECRYPT_ASSIGN(Response answer, session.Call(GetRequest{...}, SessionUse::kNeeded));
//
// Makes a session when one is needed, again shortly before it ends, and once more when the service
// no longer knows it. An answer whose MAC does not fit is never believed. Where the service says
// that it has moved, it is asked there, and has to prove with its key that it is the same. Thread
// safe: requests run in parallel.
#ifndef RECRYPT_CLIENT_SESSION_H_
#define RECRYPT_CLIENT_SESSION_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "client/keystore.h"
#include "client/transport.h"
#include "core/base/clock.h"
#include "core/protocol/messages.h"

namespace recrypt {

enum class SessionUse { kNone, kNeeded };

// Whether this service profile, verified in itself, is the one expected for its domain.
using ServiceKeyCheck = std::function<Status(const ServiceProfile& service, const Json& jws)>;

class ServiceSession {
 public:
  // `transport` and `clock` outlive the session. Without an identity only kNone works.
  ServiceSession(std::string domain, Transport& transport, const Clock& clock,
                 std::shared_ptr<const Identity> identity, int64_t deadline_ms,
                 ServiceKeyCheck check);
  ~ServiceSession();

  // Fills in the portal. The answer whatever its status says; an error only when there is none to
  // be believed (kUnavailable), or the service's key is refused (kDenied).
  Result<Response> Call(Request request, SessionUse use);
  // The service's own profile, of the session in use; makes one when there is none.
  Result<ServiceProfile> Service();
  // Forgets keys and session.
  void Drop();

 private:
  struct State;
  struct Exchange;
  Result<std::shared_ptr<State>> Current();
  Result<std::shared_ptr<State>> Handshake();
  Result<std::shared_ptr<State>> Start();  // a handshake's exchange
  Result<Response> AskPublicly(const std::string& body);
  Result<Response> AskUnderSession(const std::string& body);
  // The first answer that is no redirect; a few of these are followed.
  Result<Response> FollowMoves(const std::function<Result<Response>()>& ask);
  Exchange CallUnder(State& state, const std::string& body);
  // What a service turns away because it is overloaded is made and sent again, when it says and as
  // long as the deadline lets.
  Result<HttpAnswer> Post(const std::function<HttpPost()>& make);

  const std::string domain_;
  Transport& transport_;
  const Clock& clock_;
  const std::shared_ptr<const Identity> identity_;
  const int64_t deadline_ms_;
  const ServiceKeyCheck check_;
  std::mutex handshake_;  // one handshake at a time; taken before mutex_
  std::mutex mutex_;      // guards state_
  std::shared_ptr<State> state_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_SESSION_H_
