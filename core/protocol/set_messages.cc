// Set and Delete: what administrators and accounts publish and take away.
#include "core/base/clock.h"
#include "core/protocol/message_fields.h"
#include "core/protocol/session.h"

namespace recrypt {

using namespace protocol;

namespace {

constexpr size_t kMaxCredential = 1024;

}  // namespace

Json ToJson(const EntryRecord& entry) {
  Json object = {{"Device", entry.device},
                 {"Sign", entry.sign},
                 {"Epoch", entry.epoch},
                 {"Key", entry.key},
                 {"ServiceHalf", entry.service_half},
                 {"MemberHalf", entry.member_half}};
  if (!entry.credential.empty()) object["Credential"] = Base64UrlEncode(entry.credential);
  if (entry.group) object["Group"] = true;
  return object;
}

Result<EntryRecord> ParseEntryRecord(const Json& json) {
  EntryRecord entry;
  RECRYPT_ASSIGN(entry.device, RequiredText(json, "Device"));
  RECRYPT_ASSIGN(entry.sign, RequiredObject(json, "Sign"));
  RECRYPT_ASSIGN(const uint64_t epoch, GetUint(json, "Epoch"));
  if (epoch == 0 || epoch > UINT32_MAX) return Fail(ErrorCode::kInvalid, "Epoch is out of range");
  entry.epoch = static_cast<uint32_t>(epoch);
  RECRYPT_ASSIGN(entry.key, RequiredText(json, "Key"));
  RECRYPT_ASSIGN(entry.service_half, RequiredObject(json, "ServiceHalf"));
  RECRYPT_ASSIGN(entry.member_half, RequiredObject(json, "MemberHalf"));
  RECRYPT_ASSIGN(entry.credential, OptionalBytes(json, "Credential", kMaxCredential));
  if (FindMember(json, "Group") != nullptr) {
    RECRYPT_ASSIGN(entry.group, GetBool(json, "Group"));
  }
  return entry;
}

}  // namespace recrypt

namespace recrypt::protocol {
namespace {

Json WriteUser(const UserRecord& user) {
  Json object = {{"Label", user.label}, {"Account", user.account}, {"Profile", user.profile_udf}};
  Json entries = Json::array();
  for (const EntryRecord& entry : user.entries) entries.push_back(ToJson(entry));
  object["Entries"] = std::move(entries);
  return object;
}

Result<UserRecord> ReadUser(const Json& object) {
  UserRecord user;
  RECRYPT_ASSIGN(user.label, RequiredText(object, "Label"));
  RECRYPT_ASSIGN(user.account, RequiredText(object, "Account"));
  RECRYPT_ASSIGN(user.profile_udf, RequiredText(object, "Profile"));
  RECRYPT_ASSIGN(const Json* entries, OptionalArray(object, "Entries", kMaxEntriesInRequest));
  if (entries == nullptr || entries->empty()) {
    return Fail(ErrorCode::kInvalid, "Entries is absent or empty");
  }
  for (const Json& item : *entries) {
    RECRYPT_ASSIGN(EntryRecord entry, ParseEntryRecord(item));
    user.entries.push_back(std::move(entry));
  }
  return user;
}

Json WriteUsers(const UsersRecord& record) {
  Json items = Json::array();
  for (const UserRecord& user : record.users) items.push_back(WriteUser(user));
  return {{"Items", std::move(items)}};
}

Result<UsersRecord> ReadUsers(const Json& object) {
  UsersRecord record;
  RECRYPT_ASSIGN(const Json* items, OptionalArray(object, "Items", kMaxUsersInRequest));
  if (items == nullptr || items->empty()) {
    return Fail(ErrorCode::kInvalid, "Items is absent or empty");
  }
  for (const Json& item : *items) {
    RECRYPT_ASSIGN(UserRecord user, ReadUser(item));
    record.users.push_back(std::move(user));
  }
  return record;
}

Result<KeySetRecord> ReadKeySet(const Json& object) {
  KeySetRecord record;
  RECRYPT_ASSIGN(record.profile, RequiredObject(object, "Profile"));
  if (FindMember(object, "Secrets") == nullptr) return record;
  RECRYPT_ASSIGN(const Json* secrets, GetObject(object, "Secrets"));
  if (secrets->size() > kMaxSecretsInRequest) {
    return Fail(ErrorCode::kInvalid, "Secrets holds too many items");
  }
  for (const auto& [device, jwe] : secrets->items()) {
    if (device.size() > kMaxNameText || !jwe.is_object()) {
      return Fail(ErrorCode::kInvalid, "Secrets holds something else than a JWE for each device");
    }
    record.secrets.emplace(device, jwe);
  }
  return record;
}

Json WriteNote(const NoteRecord& note) {
  return {{"Id", Base64UrlEncode(note.id)}, {"Content", note.content}, {"Expires", note.expires}};
}

Result<NoteRecord> ReadNote(const Json& object) {
  NoteRecord note;
  RECRYPT_ASSIGN(note.id, BytesOfSize(object, "Id", kNoteIdSize));
  RECRYPT_ASSIGN(note.content, RequiredObject(object, "Content"));
  RECRYPT_ASSIGN(note.expires, RequiredText(object, "Expires"));
  return note;
}

Json WriteOpens(const OpensRecord& record) {
  Json items = Json::array();
  for (const OpenReport& one : record.opens) {
    Json item = {{"Key", one.key}, {"Time", FormatTime(one.time)}, {"Count", one.count}};
    if (!one.document.empty()) item["Document"] = Base64UrlEncode(one.document);
    if (!one.header.empty()) item["Header"] = Base64UrlEncode(one.header);
    if (one.offline) item["Offline"] = true;
    items.push_back(std::move(item));
  }
  return {{"Items", std::move(items)}};
}

Result<OpenReport> ReadOpenReport(const Json& object) {
  OpenReport report;
  RECRYPT_ASSIGN(report.key, RequiredText(object, "Key"));
  RECRYPT_ASSIGN(report.document, OptionalBytes(object, "Document", kMaxDocumentUid));
  RECRYPT_ASSIGN(report.header, OptionalBytes(object, "Header", kDigestSize));
  RECRYPT_ASSIGN(const auto time, OptionalTime(object, "Time"));
  if (!time) return Fail(ErrorCode::kInvalid, "Time is absent");
  report.time = *time;
  RECRYPT_ASSIGN(const uint64_t count, GetUint(object, "Count"));
  if (count == 0 || count > UINT32_MAX) return Fail(ErrorCode::kInvalid, "Count is out of range");
  report.count = static_cast<uint32_t>(count);
  if (FindMember(object, "Offline") != nullptr) {
    RECRYPT_ASSIGN(report.offline, GetBool(object, "Offline"));
  }
  return report;
}

Result<OpensRecord> ReadOpens(const Json& object) {
  OpensRecord record;
  RECRYPT_ASSIGN(const Json* items, OptionalArray(object, "Items", kMaxOpensInRequest));
  if (items == nullptr || items->empty()) {
    return Fail(ErrorCode::kInvalid, "Items is absent or empty");
  }
  for (const Json& item : *items) {
    RECRYPT_ASSIGN(OpenReport report, ReadOpenReport(item));
    record.opens.push_back(std::move(report));
  }
  return record;
}

Json WriteReview(const ReviewRecord& record) {
  Json object = {{"Label", record.label},
                 {"Id", record.id},
                 {"Decision", record.approved ? "approve" : "deny"}};
  if (record.seconds != 0) object["Seconds"] = record.seconds;
  return object;
}

Result<ReviewRecord> ReadReview(const Json& object) {
  ReviewRecord record;
  RECRYPT_ASSIGN(record.label, RequiredText(object, "Label"));
  RECRYPT_ASSIGN(record.id, GetUint(object, "Id"));
  if (record.id > INT64_MAX) return Fail(ErrorCode::kInvalid, "Id is out of range");
  RECRYPT_ASSIGN(const std::string decision, RequiredText(object, "Decision"));
  if (decision != "approve" && decision != "deny") {
    return Fail(ErrorCode::kInvalid, "Decision is neither approve nor deny");
  }
  record.approved = decision == "approve";
  if (FindMember(object, "Seconds") == nullptr) return record;
  RECRYPT_ASSIGN(const uint64_t seconds, GetUint(object, "Seconds"));
  if (seconds > UINT32_MAX) return Fail(ErrorCode::kInvalid, "Seconds is out of range");
  record.seconds = static_cast<uint32_t>(seconds);
  return record;
}

// The one member among `names` that the object has.
Result<std::string> OnlyOneOf(const Json& object, std::initializer_list<const char*> names) {
  std::string found;
  for (const char* name : names) {
    if (FindMember(object, name) == nullptr) continue;
    if (!found.empty())
      return Fail(ErrorCode::kInvalid, found + " and " + name + " exclude each other");
    found = name;
  }
  if (found.empty()) return Fail(ErrorCode::kInvalid, "the request names no object");
  return found;
}

}  // namespace

Json Write(const SetRequest& request) {
  Json object = Json::object();
  PutText(object, "Portal", request.portal);
  if (const Json* profile = std::get_if<Json>(&request.what)) {
    object["Profile"] = *profile;
  } else if (const auto* key_set = std::get_if<KeySetRecord>(&request.what)) {
    object["KeySet"] = {{"Profile", key_set->profile}, {"Secrets", key_set->secrets}};
  } else if (const auto* user = std::get_if<UserRecord>(&request.what)) {
    object["User"] = WriteUser(*user);
  } else if (const auto* users = std::get_if<UsersRecord>(&request.what)) {
    object["Users"] = WriteUsers(*users);
  } else if (const auto* note = std::get_if<NoteRecord>(&request.what)) {
    object["Note"] = WriteNote(*note);
  } else if (const auto* opens = std::get_if<OpensRecord>(&request.what)) {
    object["Opens"] = WriteOpens(*opens);
  } else if (const auto* review = std::get_if<ReviewRecord>(&request.what)) {
    object["Review"] = WriteReview(*review);
  }
  return object;
}

Result<Request> ReadSetRequest(const Json& object) {
  SetRequest request;
  RECRYPT_ASSIGN(request.portal, OptionalText(object, "Portal"));
  RECRYPT_ASSIGN(const std::string what, OnlyOneOf(object, {"Profile", "KeySet", "User", "Users",
                                                            "Note", "Opens", "Review"}));
  RECRYPT_ASSIGN(const Json* member, GetObject(object, what));
  if (what == "Profile") {
    request.what.emplace<Json>(*member);
  } else if (what == "KeySet") {
    RECRYPT_ASSIGN(KeySetRecord record, ReadKeySet(*member));
    request.what.emplace<KeySetRecord>(std::move(record));
  } else if (what == "Users") {
    RECRYPT_ASSIGN(UsersRecord record, ReadUsers(*member));
    request.what.emplace<UsersRecord>(std::move(record));
  } else if (what == "Note") {
    RECRYPT_ASSIGN(NoteRecord record, ReadNote(*member));
    request.what.emplace<NoteRecord>(std::move(record));
  } else if (what == "Opens") {
    RECRYPT_ASSIGN(OpensRecord record, ReadOpens(*member));
    request.what.emplace<OpensRecord>(std::move(record));
  } else if (what == "Review") {
    RECRYPT_ASSIGN(ReviewRecord record, ReadReview(*member));
    request.what.emplace<ReviewRecord>(std::move(record));
  } else {
    RECRYPT_ASSIGN(UserRecord record, ReadUser(*member));
    request.what.emplace<UserRecord>(std::move(record));
  }
  return Request(std::move(request));
}

Json Write(const DeleteRequest& request) {
  Json object = Json::object();
  PutText(object, "Portal", request.portal);
  Json what = Json::object();
  PutText(what, "Label", request.label);
  PutText(what, "Account", request.account);
  PutText(what, "Device", request.device);
  switch (request.kind) {
    case DeleteRequest::Kind::kUser:
      object["User"] = std::move(what);
      break;
    case DeleteRequest::Kind::kKeySet:
      object["KeySet"] = std::move(what);
      break;
    case DeleteRequest::Kind::kDevice:
      object["Device"] = std::move(what);
      break;
  }
  return object;
}

Result<Request> ReadDeleteRequest(const Json& object) {
  DeleteRequest request;
  RECRYPT_ASSIGN(request.portal, OptionalText(object, "Portal"));
  RECRYPT_ASSIGN(const std::string what, OnlyOneOf(object, {"User", "KeySet", "Device"}));
  RECRYPT_ASSIGN(const Json* member, GetObject(object, what));
  if (what == "User") {
    RECRYPT_ASSIGN(request.label, RequiredText(*member, "Label"));
    RECRYPT_ASSIGN(request.account, RequiredText(*member, "Account"));
    RECRYPT_ASSIGN(request.device, OptionalText(*member, "Device"));
  } else if (what == "KeySet") {
    request.kind = DeleteRequest::Kind::kKeySet;
    RECRYPT_ASSIGN(request.label, RequiredText(*member, "Label"));
  } else {
    request.kind = DeleteRequest::Kind::kDevice;
    RECRYPT_ASSIGN(request.account, RequiredText(*member, "Account"));
    RECRYPT_ASSIGN(request.device, RequiredText(*member, "Device"));
  }
  return Request(std::move(request));
}

Json Write(const SetResponse& response) { return Write(response.status); }

Result<Response> ReadSetResponse(const Json& object) {
  SetResponse response;
  RECRYPT_ASSIGN(response.status, ReadStatus(object));
  return Response(std::move(response));
}

Json Write(const DeleteResponse& response) {
  Json object = Write(response.status);
  PutText(object, "Until", response.until);
  return object;
}

Result<Response> ReadDeleteResponse(const Json& object) {
  DeleteResponse response;
  RECRYPT_ASSIGN(response.status, ReadStatus(object));
  RECRYPT_ASSIGN(response.until, OptionalText(object, "Until"));
  return Response(std::move(response));
}

}  // namespace recrypt::protocol
