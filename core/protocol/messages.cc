#include "core/protocol/messages.h"

#include <array>

#include "core/protocol/message_fields.h"
#include "core/protocol/request_names.h"

namespace recrypt {
namespace {

using namespace protocol;

struct StatusRow {
  StatusCode status;
  std::string_view reason;
  ErrorCode code;
};

// Read downwards in both directions: the first row of an error code is what a service answers, the
// first row of a status (with its reason, else without) is what a client makes of it.
constexpr std::array kStatusTable = {
    StatusRow{StatusCode::kInvalid, "invalid", ErrorCode::kInvalid},
    StatusRow{StatusCode::kUnauthorized, "", ErrorCode::kDenied},
    StatusRow{StatusCode::kUnauthorized, "policy", ErrorCode::kForbidden},
    StatusRow{StatusCode::kUnauthorized, "hours", ErrorCode::kForbidden},
    StatusRow{StatusCode::kUnauthorized, "network", ErrorCode::kForbidden},
    StatusRow{StatusCode::kUnauthorized, "prefetch", ErrorCode::kForbidden},
    StatusRow{StatusCode::kUnauthorized, "unbound", ErrorCode::kForbidden},
    StatusRow{StatusCode::kUnauthorized, "denied", ErrorCode::kForbidden},
    StatusRow{StatusCode::kUnauthorized, "quota", ErrorCode::kQuota},
    StatusRow{StatusCode::kUnauthorized, "pending", ErrorCode::kPending},
    StatusRow{StatusCode::kNotFound, "not-found", ErrorCode::kNotFound},
    StatusRow{StatusCode::kExists, "exists", ErrorCode::kExists},
    StatusRow{StatusCode::kExists, "stale", ErrorCode::kStale},
    StatusRow{StatusCode::kUnauthorized, "stale", ErrorCode::kStale},
    StatusRow{StatusCode::kOverload, "overload", ErrorCode::kUnavailable},
    StatusRow{StatusCode::kOverload, "overload", ErrorCode::kBusy},
    StatusRow{StatusCode::kInternal, "internal", ErrorCode::kUnavailable},
    StatusRow{StatusCode::kInternal, "internal", ErrorCode::kIo},
    StatusRow{StatusCode::kInternal, "internal", ErrorCode::kCorrupt},
};

ErrorCode CodeOf(const ResponseStatus& status) {
  for (const StatusRow& row : kStatusTable) {
    if (row.status == status.status && row.reason == status.reason) return row.code;
  }
  for (const StatusRow& row : kStatusTable) {
    if (row.status == status.status) return row.code;
  }
  // Numbers that a later version may bring, and redirects, which are followed elsewhere.
  return static_cast<int>(status.status) / 100 == 4 ? ErrorCode::kDenied : ErrorCode::kUnavailable;
}

struct RequestName {
  std::string_view name;
  std::string_view long_name;
  Result<Request> (*read)(const Json&);
};
// In the order of the variant's alternatives.
constexpr std::array kRequestNames = {
    RequestName{"Hello", "HelloRequest", ReadHelloRequest},
    RequestName{"Get", "GetRequest", ReadGetRequest},
    RequestName{"Set", "SetRequest", ReadSetRequest},
    RequestName{"Delete", "DeleteRequest", ReadDeleteRequest},
    RequestName{"Select", "SearchRequest", ReadSelectRequest},
    RequestName{"Join", "JoinRequest", ReadJoinRequest},
    RequestName{"Leave", "LeaveRequest", ReadLeaveRequest},
};
static_assert(kRequestNames.size() == std::variant_size_v<Request>);

struct ResponseName {
  std::string_view name;
  Result<Response> (*read)(const Json&);
};
constexpr std::array kResponseNames = {
    ResponseName{"RecryptResponse", ReadPlainResponse},
    ResponseName{"HelloResponse", ReadHelloResponse},
    ResponseName{"GetResponse", ReadGetResponse},
    ResponseName{"SetResponse", ReadSetResponse},
    ResponseName{"DeleteResponse", ReadDeleteResponse},
    ResponseName{"SearchResponse", ReadSelectResponse},
    ResponseName{"JoinResponse", ReadJoinResponse},
    ResponseName{"LeaveResponse", ReadLeaveResponse},
};
static_assert(kResponseNames.size() == std::variant_size_v<Response>);

template <typename Message, size_t N, typename Name>
Json Wrap(const Message& message, const std::array<Name, N>& names) {
  Json body = Json::object();
  body[std::string(names[message.index()].name)] =
      std::visit([](const auto& alternative) { return Write(alternative); }, message);
  return body;
}

// The one member of a body: its name, and the object that it holds.
Result<std::pair<std::string, const Json*>> OnlyMember(const Json& body) {
  if (!body.is_object() || body.size() != 1 || !body.begin()->is_object()) {
    return Fail(ErrorCode::kInvalid, "the body is not an object with one object in it");
  }
  return std::pair<std::string, const Json*>(body.begin().key(), &*body.begin());
}

}  // namespace

Error ErrorOf(const ResponseStatus& status) {
  std::string message = status.description;
  if (message.empty()) {
    message = "the service answered " + std::to_string(static_cast<int>(status.status));
    if (!status.reason.empty()) message += " (" + status.reason + ")";
  }
  return Error{CodeOf(status), std::move(message), 0};
}

ResponseStatus StatusOf(const Error& error) {
  for (const StatusRow& row : kStatusTable) {
    if (row.code != error.code) continue;
    // What went wrong inside of the service is for its log alone.
    const bool internal = row.status == StatusCode::kInternal;
    return {row.status, std::string(row.reason), internal ? "the service failed" : error.message};
  }
  return {StatusCode::kInternal, "internal", "the service failed"};
}

Json ToJson(const Request& request) { return Wrap(request, kRequestNames); }

Json ToJson(const Response& response) { return Wrap(response, kResponseNames); }

Result<Request> ParseRequest(const Json& body) {
  RECRYPT_ASSIGN(const auto member, OnlyMember(body));
  for (const RequestName& row : kRequestNames) {
    if (member.first == row.name || member.first == row.long_name) return row.read(*member.second);
  }
  return Fail(ErrorCode::kInvalid, "there is no such transaction");
}

Result<Response> ParseResponse(const Json& body) {
  RECRYPT_ASSIGN(const auto member, OnlyMember(body));
  for (const ResponseName& row : kResponseNames) {
    if (member.first == row.name) return row.read(*member.second);
  }
  return Fail(ErrorCode::kInvalid, "there is no such response");
}

std::string_view TransactionName(const Request& request) {
  return kRequestNames[request.index()].name;
}

const ResponseStatus& StatusIn(const Response& response) {
  return std::visit(
      [](const auto& alternative) -> const ResponseStatus& {
        if constexpr (std::is_same_v<std::decay_t<decltype(alternative)>, ResponseStatus>) {
          return alternative;
        } else {
          return alternative.status;
        }
      },
      response);
}

}  // namespace recrypt
