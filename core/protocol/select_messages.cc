// Select, Join and Leave.
#include "core/base/clock.h"
#include "core/protocol/message_fields.h"

namespace recrypt::protocol {

Json Write(const SelectRequest& request) {
  Json object = {{"Type", request.type}, {"Limit", request.limit}};
  PutText(object, "Portal", request.portal);
  PutText(object, "Label", request.label);
  PutText(object, "Account", request.account);
  PutText(object, "Event", request.event);
  if (!request.document.empty()) object["Document"] = Base64UrlEncode(request.document);
  if (request.from) object["From"] = FormatTime(*request.from);
  if (request.to) object["To"] = FormatTime(*request.to);
  PutText(object, "After", request.after);
  return object;
}

Result<Request> ReadSelectRequest(const Json& object) {
  SelectRequest request;
  RECRYPT_ASSIGN(request.portal, OptionalText(object, "Portal"));
  RECRYPT_ASSIGN(request.type, RequiredText(object, "Type"));
  RECRYPT_ASSIGN(request.label, OptionalText(object, "Label"));
  RECRYPT_ASSIGN(request.account, OptionalText(object, "Account"));
  RECRYPT_ASSIGN(request.event, OptionalText(object, "Event"));
  RECRYPT_ASSIGN(request.document, OptionalBytes(object, "Document", kMaxDocumentUid));
  RECRYPT_ASSIGN(request.from, OptionalTime(object, "From"));
  RECRYPT_ASSIGN(request.to, OptionalTime(object, "To"));
  RECRYPT_ASSIGN(request.after, OptionalText(object, "After"));
  if (FindMember(object, "Limit") != nullptr) {
    RECRYPT_ASSIGN(const uint64_t limit, GetUint(object, "Limit"));
    if (limit == 0 || limit > kMaxItemsInPage) {
      return Fail(ErrorCode::kInvalid, "Limit is not from 1 to 1000");
    }
    request.limit = static_cast<uint32_t>(limit);
  }
  return Request(std::move(request));
}

Json Write(const SelectResponse& response) {
  Json object = Write(response.status);
  object["Items"] = response.items;
  PutText(object, "Next", response.next);
  if (!response.checkpoint.is_null()) object["Checkpoint"] = response.checkpoint;
  return object;
}

Result<Response> ReadSelectResponse(const Json& object) {
  SelectResponse response;
  RECRYPT_ASSIGN(response.status, ReadStatus(object));
  RECRYPT_ASSIGN(const Json* items, OptionalArray(object, "Items", kMaxItemsInPage));
  if (items != nullptr) response.items = *items;
  RECRYPT_ASSIGN(response.next, OptionalText(object, "Next"));
  if (FindMember(object, "Checkpoint") != nullptr) {
    RECRYPT_ASSIGN(response.checkpoint, RequiredObject(object, "Checkpoint"));
  }
  return Response(std::move(response));
}

Json Write(const JoinRequest& request) {
  Json object = {
      {"Label", request.label}, {"Account", request.account}, {"Profile", request.profile}};
  PutText(object, "Portal", request.portal);
  PutText(object, "Message", request.message);
  return object;
}

Result<Request> ReadJoinRequest(const Json& object) {
  JoinRequest request;
  RECRYPT_ASSIGN(request.portal, OptionalText(object, "Portal"));
  RECRYPT_ASSIGN(request.label, RequiredText(object, "Label"));
  RECRYPT_ASSIGN(request.account, RequiredText(object, "Account"));
  RECRYPT_ASSIGN(request.profile, RequiredObject(object, "Profile"));
  RECRYPT_ASSIGN(request.message, OptionalText(object, "Message", kMaxSentence));
  return Request(std::move(request));
}

Json Write(const LeaveRequest& request) {
  Json object = {{"Label", request.label}};
  PutText(object, "Portal", request.portal);
  return object;
}

Result<Request> ReadLeaveRequest(const Json& object) {
  LeaveRequest request;
  RECRYPT_ASSIGN(request.portal, OptionalText(object, "Portal"));
  RECRYPT_ASSIGN(request.label, RequiredText(object, "Label"));
  return Request(std::move(request));
}

Json Write(const JoinResponse& response) { return Write(response.status); }

Result<Response> ReadJoinResponse(const Json& object) {
  JoinResponse response;
  RECRYPT_ASSIGN(response.status, ReadStatus(object));
  return Response(std::move(response));
}

Json Write(const LeaveResponse& response) { return Write(response.status); }

Result<Response> ReadLeaveResponse(const Json& object) {
  LeaveResponse response;
  RECRYPT_ASSIGN(response.status, ReadStatus(object));
  return Response(std::move(response));
}

}  // namespace recrypt::protocol
