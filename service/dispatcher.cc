#include "service/dispatcher.h"

#include "core/json/jsonbcd.h"
#include "core/protocol/request_names.h"
#include "service/authentication.h"
#include "service/log.h"

namespace recrypt {
namespace {

constexpr int kRetryAfterSeconds = 1;
constexpr std::chrono::minutes kCheckpointInterval(1);

bool IsForDomain(std::string_view host, const std::string& domain) {
  // A port may follow.
  const size_t colon = host.find(':');
  std::string name(host.substr(0, colon));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name == domain;
}

Result<Json> ParseBody(const HttpRequest& request) {
  const std::string_view type = request.content_type;
  const std::string_view essence = type.substr(0, type.find(';'));
  if (essence == "application/json") return ParseJson(request.body);
  if (essence == "application/json-b" || essence == "application/json-c") {
    return ParseJsonBcd(AsBytes(request.body));
  }
  return Fail(ErrorCode::kInvalid, "Content-Type is none of application/json, -b, -c");
}

Result<Request> ReadRequest(const HttpRequest& request, const std::string& domain) {
  RECRYPT_ASSIGN(const Json body, ParseBody(request));
  RECRYPT_ASSIGN(Request parsed, ParseRequest(body));
  const std::string& portal =
      std::visit([](const auto& one) -> const std::string& { return one.portal; }, parsed);
  if (!portal.empty() && portal != domain) {
    return Fail(ErrorCode::kInvalid,
                "the request is for another domain: this is the service of " + domain);
  }
  return parsed;
}

HttpResponse Render(const Response& response, const Authentication* authentication) {
  HttpResponse http;
  http.status = static_cast<int>(StatusIn(response).status);
  http.content_type = "application/json";
  http.body = DumpJson(ToJson(response));
  if (StatusIn(response).status == StatusCode::kOverload) {
    http.retry_after_seconds = kRetryAfterSeconds;
  }
  if (authentication != nullptr && authentication->session) {
    http.mac =
        Base64UrlEncode(ResponseMac(authentication->session->keys, authentication->request_mac,
                                    http.status, AsBytes(http.body)));
  }
  return http;
}

HttpResponse NoPage(std::string_view path) {
  return PlainResponse(path == kWellKnownPath ? 405 : 404,
                       "POST " + std::string(kWellKnownPath) + "\n");
}

}  // namespace

Dispatcher::Dispatcher(ServiceOptions options, const ServiceKeys& keys, const Clock& clock,
                       Store& store, Sessions& sessions, Metrics& metrics)
    : options_(std::move(options)),
      clock_(clock),
      store_(store),
      sessions_(sessions),
      metrics_(metrics),
      committer_(store, options_.writer),
      checkpointer_(keys, options_.domain, clock, store, committer_, kCheckpointInterval),
      context_{options_, keys, clock, store, committer_, sessions_, opened_, metrics} {}

Dispatcher::~Dispatcher() { Stop(); }

void Dispatcher::Stop() {
  checkpointer_.Stop();
  committer_.Stop();
}

void Dispatcher::Handle(HttpRequest request, HttpReply reply) {
  if (request.method == "POST" && request.target == kWellKnownPath) {
    return HandleTransaction(request, std::move(reply));
  }
  reply(request.method == "GET" ? Page(request.target) : NoPage(request.target));
}

Status Dispatcher::Ready() const {
  if (stopping_) return Fail(ErrorCode::kUnavailable, "stopping");
  const Status read = store_.Read([](StoreView& view) -> Status {
    RECRYPT_ASSIGN([[maybe_unused]] const AuditHead head, view.FindAuditHead());
    return {};
  });
  // Why is for the log: whoever may ask this need not know.
  if (read) return {};
  LogWarning("not ready: " + read.error().message);
  return Fail(ErrorCode::kUnavailable, "the store does not answer");
}

void Dispatcher::Measure(Metrics::Gauges& gauges) const {
  gauges.ready = Ready().has_value();
  gauges.writes_waiting = committer_.waiting();
  gauges.sessions = sessions_.Count().value_or(0);
  gauges.checkpoint = checkpointer_.signed_sequence();
  (void)store_.Read([&gauges](StoreView& view) -> Status {
    RECRYPT_ASSIGN(gauges.audit, view.FindAuditHead());
    return {};
  });
}

HttpResponse Dispatcher::Page(std::string_view path) const {
  if (path == "/healthz") return PlainResponse(200, "ok\n");
  if (path == "/readyz") {
    const Status ready = Ready();
    return ready ? PlainResponse(200, "ready\n") : PlainResponse(503, ready.error().message + "\n");
  }
  return NoPage(path);
}

void Dispatcher::HandleTransaction(const HttpRequest& request, HttpReply reply) {
  const auto watch = std::make_shared<RequestWatch>(metrics_, logged_, request.peer);
  const LogScope scope(watch->id());
  const auto answer = [watch, reply = std::move(reply)](const Response& response,
                                                        const Authentication* authentication) {
    HttpResponse http = Render(response, authentication);
    watch->Answer(http, StatusIn(response).reason);
    reply(std::move(http));
  };
  if (!IsForDomain(request.host, options_.domain)) {
    return answer(ResponseStatus{StatusCode::kInvalid, "invalid",
                                 "this is the service of " + options_.domain},
                  nullptr);
  }
  Authentication authentication;
  if (!request.authorization.empty()) {
    authentication = Authenticate(request, options_.domain, sessions_, clock_.NowSeconds());
    if (authentication.session) watch->SetDevice(authentication.session->device);
    if (!authentication.status.ok()) return answer(authentication.status, &authentication);
  }
  if (options_.moved) return answer(*options_.moved, &authentication);
  auto parsed = ReadRequest(request, options_.domain);
  if (!parsed) return answer(StatusFor(parsed.error()), &authentication);
  watch->SetTransaction(TransactionName(*parsed));
  if (!authentication.session && NeedsSession(*parsed)) {
    return answer(Refusal("session", "this request needs a session"), nullptr);
  }
  Caller caller;
  if (authentication.session) caller.device = authentication.session->device;
  caller.address = request.peer;
  Dispatch(
      std::move(*parsed), authentication.session ? &caller : nullptr,
      [authentication, answer](const Response& response) { answer(response, &authentication); });
}

void Dispatcher::Dispatch(Request request, const Caller* caller, Reply reply) {
  // NeedsSession has seen to it that only Hello and Get come here without a caller.
  if (auto* hello = std::get_if<HelloRequest>(&request)) {
    HandleHello(context_, *hello, reply);
  } else if (auto* get = std::get_if<GetRequest>(&request)) {
    HandleGet(context_, caller, std::move(*get), std::move(reply));
  } else if (auto* set = std::get_if<SetRequest>(&request)) {
    HandleSet(context_, *caller, *set, std::move(reply));
  } else if (auto* remove = std::get_if<DeleteRequest>(&request)) {
    HandleDelete(context_, *caller, *remove, std::move(reply));
  } else if (auto* select = std::get_if<SelectRequest>(&request)) {
    HandleSelect(context_, *caller, *select, reply);
  } else if (auto* join = std::get_if<JoinRequest>(&request)) {
    HandleJoin(context_, *caller, *join, std::move(reply));
  } else if (auto* leave = std::get_if<LeaveRequest>(&request)) {
    HandleLeave(context_, *caller, *leave, std::move(reply));
  }
}

}  // namespace recrypt
