#include "service/dispatcher.h"

#include "core/json/jsonbcd.h"
#include "service/authentication.h"

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
        Base64UrlEncode(ResponseMac(authentication->session->keys(), authentication->request_mac,
                                    http.status, AsBytes(http.body)));
  }
  return http;
}

}  // namespace

Dispatcher::Dispatcher(ServiceOptions options, const ServiceKeys& keys, const Clock& clock,
                       Store& store)
    : options_(std::move(options)),
      clock_(clock),
      store_(store),
      committer_(store, options_.writer),
      checkpointer_(keys, options_.domain, clock, store, committer_, kCheckpointInterval),
      context_{options_, keys, clock, store, committer_, sessions_, opened_, notes_} {}

Dispatcher::~Dispatcher() { Stop(); }

void Dispatcher::Stop() {
  checkpointer_.Stop();
  committer_.Stop();
}

void Dispatcher::Handle(HttpRequest request, HttpReply reply) {
  if (request.method == "POST" && request.target == kWellKnownPath) {
    return HandleTransaction(request, std::move(reply));
  }
  reply(HandlePlain(request));
}

HttpResponse Dispatcher::HandlePlain(const HttpRequest& request) const {
  HttpResponse response;
  response.content_type = "text/plain";
  if (request.method == "GET" && request.target == "/healthz") {
    response.status = 200;
    response.body = "ok\n";
  } else if (request.method == "GET" && request.target == "/readyz") {
    const Status ready = store_.Read([](StoreView& view) -> Status {
      RECRYPT_ASSIGN([[maybe_unused]] const AuditHead head, view.FindAuditHead());
      return {};
    });
    response.status = ready ? 200 : 503;
    response.body = ready ? "ready\n" : "the store does not answer\n";
  } else {
    response.status = request.target == kWellKnownPath ? 405 : 404;
    response.body = "POST " + std::string(kWellKnownPath) + "\n";
  }
  return response;
}

void Dispatcher::HandleTransaction(const HttpRequest& request, HttpReply reply) {
  const auto answer = [&](const ResponseStatus& status, const Authentication* authentication) {
    reply(Render(Response(status), authentication));
  };
  if (!IsForDomain(request.host, options_.domain)) {
    return answer({StatusCode::kInvalid, "invalid", "this is the service of " + options_.domain},
                  nullptr);
  }
  Authentication authentication;
  if (!request.authorization.empty()) {
    authentication = Authenticate(request, options_.domain, sessions_, clock_.NowSeconds());
    if (!authentication.status.ok()) return answer(authentication.status, &authentication);
  }
  auto parsed = ReadRequest(request, options_.domain);
  if (!parsed) return answer(StatusFor(parsed.error()), &authentication);
  if (!authentication.session && NeedsSession(*parsed)) {
    return answer(Refusal("session", "this request needs a session"), nullptr);
  }
  Caller caller;
  if (authentication.session) caller.device = authentication.session->device();
  caller.address = request.peer;
  Dispatch(std::move(*parsed), authentication.session ? &caller : nullptr,
           [authentication, reply = std::move(reply)](const Response& response) {
             reply(Render(response, &authentication));
           });
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
