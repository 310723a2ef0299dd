// Hello, and the answer that may stand for any: RecryptResponse.
#include "core/protocol/message_fields.h"

namespace recrypt::protocol {
namespace {

constexpr size_t kMaxSignature = 128;

}  // namespace

Json Write(const HelloRequest& request) {
  Json object = Json::object();
  PutText(object, "Portal", request.portal);
  if (request.session) {
    object["Session"] = {{"Device", request.session->device},
                         {"Ephemeral", Base64UrlEncode(request.session->ephemeral)},
                         {"Signature", Base64UrlEncode(request.session->signature)},
                         {"Time", request.session->time}};
  }
  return object;
}

Result<Request> ReadHelloRequest(const Json& object) {
  HelloRequest request;
  RECRYPT_ASSIGN(request.portal, OptionalText(object, "Portal"));
  if (FindMember(object, "Session") != nullptr) {
    RECRYPT_ASSIGN(const Json* member, GetObject(object, "Session"));
    HelloRequest::Session& session = request.session.emplace();
    RECRYPT_ASSIGN(session.device, RequiredObject(*member, "Device"));
    RECRYPT_ASSIGN(session.ephemeral, BytesOfSize(*member, "Ephemeral", 32));
    RECRYPT_ASSIGN(session.signature, OptionalBytes(*member, "Signature", kMaxSignature));
    RECRYPT_ASSIGN(session.time, RequiredText(*member, "Time"));
  }
  return Request(std::move(request));
}

Json Write(const HelloResponse& response) {
  Json object = Json::object();
  PutStatus(object, response.status);
  object["Version"] = {
      {"Major", 1},
      {"Minor", 0},
      {"Encodings", Json::array({{{"ID", Json::array({"JSON", "JSON-B", "JSON-C"})}}})}};
  if (!response.service.is_null()) object["Service"] = response.service;
  if (response.session) {
    object["Session"] = {{"Id", Base64UrlEncode(response.session->id)},
                         {"Ephemeral", Base64UrlEncode(response.session->ephemeral)},
                         {"Expires", response.session->expires},
                         {"Signature", Base64UrlEncode(response.session->signature)}};
  }
  return object;
}

Result<Response> ReadHelloResponse(const Json& object) {
  HelloResponse response;
  RECRYPT_ASSIGN(response.status, ReadStatus(object));
  if (FindMember(object, "Version") != nullptr) {
    RECRYPT_ASSIGN(const Json* version, GetObject(object, "Version"));
    RECRYPT_ASSIGN(const uint64_t major, GetUint(*version, "Major"));
    if (major != 1) {
      return Fail(ErrorCode::kInvalid,
                  "the service speaks version " + std::to_string(major) + " of the protocol");
    }
  }
  if (FindMember(object, "Service") != nullptr) {
    RECRYPT_ASSIGN(response.service, RequiredObject(object, "Service"));
  }
  if (FindMember(object, "Session") != nullptr) {
    RECRYPT_ASSIGN(const Json* member, GetObject(object, "Session"));
    HelloResponse::Session& session = response.session.emplace();
    RECRYPT_ASSIGN(session.id, BytesOfSize(*member, "Id", 16));
    RECRYPT_ASSIGN(session.ephemeral, BytesOfSize(*member, "Ephemeral", 32));
    RECRYPT_ASSIGN(session.expires, RequiredText(*member, "Expires"));
    RECRYPT_ASSIGN(session.signature, OptionalBytes(*member, "Signature", kMaxSignature));
  }
  return Response(std::move(response));
}

Json Write(const ResponseStatus& response) {
  Json object = Json::object();
  PutStatus(object, response);
  return object;
}

Result<Response> ReadPlainResponse(const Json& object) {
  RECRYPT_ASSIGN(ResponseStatus status, ReadStatus(object));
  return Response(std::move(status));
}

}  // namespace recrypt::protocol
