#include "client/session.h"

#include <algorithm>
#include <atomic>

#include "core/crypto/symmetric.h"
#include "core/jose/jwk.h"
#include "core/protocol/session.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr int64_t kRenewBeforeEndSeconds = 60;
constexpr std::string_view kReasonSession = "session";
constexpr int kMaxMoves = 3;
// As long as an answer of DNS, and for most programs for good.
constexpr std::chrono::seconds kTemporaryMove = std::chrono::minutes(1);
constexpr std::chrono::seconds kPermanentMove = std::chrono::hours(24);

tl::unexpected<Error> Disbelieve(const std::string& domain, const std::string& why) {
  return Fail(ErrorCode::kUnavailable,
              "the answer of the recryption service of " + domain + " is not believed: " + why);
}

Result<Response> ParseAnswer(const std::string& domain, const HttpAnswer& answer) {
  auto json = ParseJson(answer.body);
  if (!json) return Disbelieve(domain, json.error().message);
  auto response = ParseResponse(*json);
  if (!response) return Disbelieve(domain, response.error().message);
  ResponseStatus status = StatusIn(*response);
  if (status.status != StatusCode::kInternal || answer.request_id.empty()) return response;
  // Why stands in the log of the service, under this name.
  status.description += " (request " + answer.request_id + ")";
  return Response(std::move(status));
}

// Clients that were sent away together do not come back together.
int64_t PauseMillis(int retry_after_seconds) {
  ByteArray<1> random{};
  RandomBytes(random);
  return retry_after_seconds * int64_t{1000} * (256 + random[0]) / 256;
}

tl::unexpected<Error> FailOverloaded(const std::string& domain) {
  return Fail(ErrorCode::kUnavailable, "the recryption service of " + domain + " is overloaded");
}

// Before anything was looked at: by the HTTP server, or something in front of it.
bool IsTurnedAway(const HttpAnswer& answer) { return answer.status == 503 && answer.mac.empty(); }

bool IsRedirect(const ResponseStatus& status) {
  return status.status == StatusCode::kRedirectPermanent ||
         status.status == StatusCode::kRedirectTemporary;
}

struct HelloInProgress {
  PrivateKey ephemeral;
  HandshakeText text;
};

// Checks what the service says about itself and the session; gives the keys.
Result<SessionKeys> FinishHello(const HelloInProgress& hello, const HelloResponse::Session& session,
                                const ServiceProfile& service) {
  const ServiceText text{session.id, session.ephemeral, service.Udf()};
  const Sha256Digest transcript = Transcript(hello.text, text);
  if (!service.sign.Verify(SessionText(transcript), session.signature)) {
    return Fail(ErrorCode::kUnavailable,
                "its signature does not fit: replayed, or for another session");
  }
  return DeriveSessionKeys(hello.ephemeral, session.ephemeral, transcript);
}

void SetPortal(Request& request, const std::string& domain) {
  std::visit([&domain](auto& message) { message.portal = domain; }, request);
}

}  // namespace

struct ServiceSession::State {
  ServiceProfile service;
  Bytes id;
  SessionKeys keys;
  int64_t ends = 0;     // seconds since 1970, as the service said
  int64_t ends_ms = 0;  // the same by the clock that never steps
  std::atomic<uint64_t> sequence{0};
};

ServiceSession::ServiceSession(std::string domain, Transport& transport, const Clock& clock,
                               std::shared_ptr<const Identity> identity, int64_t deadline_ms,
                               ServiceKeyCheck check)
    : domain_(std::move(domain)),
      transport_(transport),
      clock_(clock),
      identity_(std::move(identity)),
      deadline_ms_(deadline_ms),
      check_(std::move(check)) {}

ServiceSession::~ServiceSession() = default;

void ServiceSession::Drop() {
  const std::lock_guard guard(mutex_);
  state_ = nullptr;
}

Result<std::shared_ptr<ServiceSession::State>> ServiceSession::Current() {
  const auto usable = [this]() -> std::shared_ptr<State> {
    const std::lock_guard guard(mutex_);
    if (!state_ || clock_.MonotonicMillis() >= state_->ends_ms) return nullptr;
    if (clock_.NowSeconds() + kRenewBeforeEndSeconds >= state_->ends) return nullptr;
    return state_;
  };
  if (auto state = usable()) return state;
  const std::lock_guard one_at_a_time(handshake_);
  if (auto state = usable()) return state;
  return Handshake();
}

Result<HttpAnswer> ServiceSession::Post(const std::function<HttpPost()>& make) {
  const int64_t end = clock_.MonotonicMillis() + deadline_ms_;
  for (;;) {
    auto answer = transport_.Post(make(), std::max<int64_t>(end - clock_.MonotonicMillis(), 1));
    if (!answer || answer->status != 503 || answer->retry_after_seconds == 0) return answer;
    const int64_t pause = PauseMillis(answer->retry_after_seconds);
    if (clock_.MonotonicMillis() + pause >= end || !transport_.Wait(pause)) return answer;
  }
}

Result<Response> ServiceSession::FollowMoves(const std::function<Result<Response>()>& ask) {
  for (int moves = 0; moves <= kMaxMoves; ++moves) {
    RECRYPT_ASSIGN(Response response, ask());
    const ResponseStatus& status = StatusIn(response);
    if (!IsRedirect(status)) return response;
    const auto to = ParseServiceUri(status.description);
    if (!to) return Disbelieve(domain_, "it says that it has moved, and " + to.error().message);
    const bool for_good = status.status == StatusCode::kRedirectPermanent;
    transport_.Move(domain_, *to, for_good ? kPermanentMove : kTemporaryMove);
  }
  transport_.ForgetMove(domain_);
  return Disbelieve(domain_, "it sends from one place to another without end");
}

Result<std::shared_ptr<ServiceSession::State>> ServiceSession::Handshake() {
  if (!identity_) {
    return Fail(ErrorCode::kDenied, "no keystore is open: nothing to authenticate with");
  }
  auto state = Start();
  // Where it was sent to, the service did not show that it is this one.
  if (!state) transport_.ForgetMove(domain_);
  return state;
}

Result<std::shared_ptr<ServiceSession::State>> ServiceSession::Start() {
  HelloInProgress hello{PrivateKey::Generate(Curve::kX25519), {}};
  hello.text = {domain_, hello.ephemeral.public_key().bytes(), identity_->DeviceUdf(),
                FormatTime(clock_.NowSeconds())};
  HelloRequest request;
  request.portal = domain_;
  RECRYPT_ASSIGN(Bytes signature, identity_->device_sign.Sign(HelloText(hello.text)));
  request.session =
      HelloRequest::Session{ToJwk(identity_->device_sign.public_key()), hello.text.client_ephemeral,
                            std::move(signature), hello.text.time};
  const std::string body = DumpJson(ToJson(Request(request)));
  RECRYPT_ASSIGN(const Response response, FollowMoves([&] { return AskPublicly(body); }));
  if (!StatusIn(response).ok()) {
    return Fail(ErrorOf(StatusIn(response)), "starting a session with " + domain_);
  }
  const auto* answered = std::get_if<HelloResponse>(&response);
  if (answered == nullptr || !answered->session) {
    return Disbelieve(domain_, "it starts no session");
  }
  RECRYPT_ASSIGN(const ServiceProfile service, VerifyServiceProfile(answered->service));
  if (service.domain != domain_) {
    return Disbelieve(domain_, "its profile is that of " + service.domain);
  }
  RECRYPT_TRY(check_(service, answered->service));
  auto keys = FinishHello(hello, *answered->session, service);
  if (!keys) return Disbelieve(domain_, keys.error().message);
  RECRYPT_ASSIGN(const int64_t ends, ParseTime(answered->session->expires));

  auto state = std::make_shared<State>(service, answered->session->id, std::move(*keys));
  state->ends = ends;
  state->ends_ms =
      clock_.MonotonicMillis() + (kSessionSeconds - kRenewBeforeEndSeconds) * int64_t{1000};
  const std::lock_guard guard(mutex_);
  state_ = state;
  return state;
}

Result<ServiceProfile> ServiceSession::Service() {
  RECRYPT_ASSIGN(const std::shared_ptr<State> state, Current());
  return state->service;
}

// One exchange under a session.
struct ServiceSession::Exchange {
  Result<Response> response;
  // The service does not know the session, and says so without a MAC, which it could not make.
  bool session_is_gone = false;
};

ServiceSession::Exchange ServiceSession::CallUnder(State& state, const std::string& body) {
  RequestAuthorization authorization;
  authorization.session_id = state.id;
  // Asked again, it is another request: numbers are taken once.
  auto answer = Post([&] {
    authorization.sequence = state.sequence.fetch_add(1) + 1;
    authorization.time = clock_.NowSeconds();
    authorization.mac = RequestMac(state.keys, {"POST", domain_, kWellKnownPath, authorization.time,
                                                authorization.sequence, AsBytes(body)});
    return HttpPost{domain_, body, FormatAuthorization(authorization)};
  });
  if (!answer) return {Fail(std::move(answer.error()))};
  const Sha256Digest expected =
      ResponseMac(state.keys, authorization.mac, answer->status, AsBytes(answer->body));
  const auto found = Base64UrlDecode(answer->mac);
  if (!answer->mac.empty() && found && ConstantTimeEqual(*found, expected)) {
    return {ParseAnswer(domain_, *answer)};
  }
  if (!answer->mac.empty()) {
    return {Disbelieve(domain_, "its MAC does not fit: forged, or a replay of another answer")};
  }
  if (IsTurnedAway(*answer)) return {FailOverloaded(domain_)};
  bool session_is_gone = false;
  if (answer->status == 401) {
    const auto response = ParseAnswer(domain_, *answer);
    session_is_gone = response && StatusIn(*response).reason == kReasonSession;
  }
  return {Disbelieve(domain_, "it has no MAC (HTTP " + std::to_string(answer->status) + ")"),
          session_is_gone};
}

Result<Response> ServiceSession::Call(Request request, SessionUse use) {
  SetPortal(request, domain_);
  const std::string body = DumpJson(ToJson(request));
  if (body.size() > kMaxRequestBody) {
    return Fail(ErrorCode::kInvalid, "the request is larger than a service takes");
  }
  int asked = 0;
  return FollowMoves([&]() -> Result<Response> {
    // The session was with who was asked before; whoever is asked now has to show the same key.
    if (asked++ > 0) Drop();
    if (use == SessionUse::kNeeded) return AskUnderSession(body);
    if (asked > 1 && identity_) RECRYPT_TRY(Current());
    return AskPublicly(body);
  });
}

Result<Response> ServiceSession::AskPublicly(const std::string& body) {
  RECRYPT_ASSIGN(const HttpAnswer answer, Post([&] { return HttpPost{domain_, body, ""}; }));
  if (IsTurnedAway(answer)) return FailOverloaded(domain_);
  return ParseAnswer(domain_, answer);
}

Result<Response> ServiceSession::AskUnderSession(const std::string& body) {
  RECRYPT_ASSIGN(std::shared_ptr<State> state, Current());
  Exchange first = CallUnder(*state, body);
  if (!first.session_is_gone) return std::move(first.response);
  {
    const std::lock_guard guard(mutex_);
    if (state_ == state) state_ = nullptr;
  }
  RECRYPT_ASSIGN(state, Current());
  return CallUnder(*state, body).response;
}

}  // namespace recrypt
