#include "service/authentication.h"

#include "core/base/clock.h"
#include "service/transactions.h"

namespace recrypt {
namespace {

Authentication Refuse(std::string reason, std::string description) {
  return {{StatusCode::kUnauthorized, std::move(reason), std::move(description)}, nullptr, {}};
}

}  // namespace

Authentication Authenticate(const HttpRequest& request, const std::string& domain,
                            Sessions& sessions, int64_t now) {
  if (request.authorization.empty()) return Refuse("session", "this request needs a session");
  const auto authorization = ParseAuthorization(request.authorization);
  if (!authorization) return {StatusOf(authorization.error()), nullptr, {}};
  auto session = sessions.Find(authorization->session_id, now);
  if (!session) return {StatusFor(session.error()), nullptr, {}};
  // One answer for both: no one learns which sessions there are.
  const std::string unknown = "there is no such session, or the MAC does not match";
  if (!*session) return Refuse("session", unknown);
  const Sha256Digest expected =
      RequestMac((*session)->keys, {request.method, domain, request.target, authorization->time,
                                    authorization->sequence, AsBytes(request.body)});
  if (!ConstantTimeEqual(expected, authorization->mac)) return Refuse("session", unknown);
  Authentication known{{}, std::move(*session), expected};
  if (authorization->time < now - kMaxClockSkewSeconds ||
      authorization->time > now + kMaxClockSkewSeconds) {
    known.status = {StatusCode::kUnauthorized, "stale",
                    "the request's time is off: here it is " + FormatTime(now)};
    return known;
  }
  const auto taken = sessions.Take(*known.session, authorization->sequence, now);
  if (!taken) {
    known.status = StatusFor(taken.error());
    return known;
  }
  if (*taken == Taken::kEnded) return Refuse("session", unknown);
  if (*taken == Taken::kAgain) {
    return Refuse("stale", "a request of this number has been taken before");
  }
  return known;
}

}  // namespace recrypt
