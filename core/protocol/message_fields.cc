#include "core/protocol/message_fields.h"

#include "core/base/clock.h"

namespace recrypt::protocol {

Result<std::string> RequiredText(const Json& object, std::string_view key, size_t max) {
  RECRYPT_ASSIGN(std::string text, GetString(object, key));
  if (text.empty()) return Fail(ErrorCode::kInvalid, std::string(key) + " is empty");
  if (text.size() > max) {
    return Fail(ErrorCode::kInvalid, std::string(key) + " is longer than " + std::to_string(max));
  }
  return text;
}

Result<std::string> OptionalText(const Json& object, std::string_view key, size_t max) {
  const Json* member = FindMember(object, key);
  if (member == nullptr || *member == "") return std::string();
  return RequiredText(object, key, max);
}

Result<Bytes> OptionalBytes(const Json& object, std::string_view key, size_t max) {
  if (FindMember(object, key) == nullptr) return Bytes();
  RECRYPT_ASSIGN(Bytes bytes, GetBytes(object, key));
  if (bytes.size() > max) {
    return Fail(ErrorCode::kInvalid, std::string(key) + " is longer than " + std::to_string(max));
  }
  return bytes;
}

Result<Bytes> BytesOfSize(const Json& object, std::string_view key, size_t size) {
  RECRYPT_ASSIGN(Bytes bytes, GetBytes(object, key));
  if (bytes.size() != size) {
    return Fail(ErrorCode::kInvalid,
                std::string(key) + " is not of " + std::to_string(size) + " bytes");
  }
  return bytes;
}

Result<std::optional<int64_t>> OptionalTime(const Json& object, std::string_view key) {
  RECRYPT_ASSIGN(const std::string text, OptionalText(object, key));
  if (text.empty()) return std::nullopt;
  auto time = ParseTime(text);
  if (!time) return Fail(time.error(), key);
  return std::optional<int64_t>(*time);
}

Result<Json> RequiredObject(const Json& object, std::string_view key) {
  RECRYPT_ASSIGN(const Json* member, GetObject(object, key));
  return Json(*member);
}

Result<const Json*> OptionalArray(const Json& object, std::string_view key, size_t max) {
  if (FindMember(object, key) == nullptr) return nullptr;
  RECRYPT_ASSIGN(const Json* array, GetArray(object, key));
  if (array->size() > max) {
    return Fail(ErrorCode::kInvalid,
                std::string(key) + " holds more than " + std::to_string(max) + " items");
  }
  return array;
}

void PutText(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

void PutStatus(Json& object, const ResponseStatus& status) {
  object["Status"] = static_cast<int>(status.status);
  PutText(object, "Reason", status.reason);
  PutText(object, "StatusDescription", status.description);
}

Result<ResponseStatus> ReadStatus(const Json& object) {
  RECRYPT_ASSIGN(const uint64_t code, GetUint(object, "Status"));
  if (code < 200 || code > 599) {
    return Fail(ErrorCode::kInvalid, "Status " + std::to_string(code) + " is none");
  }
  ResponseStatus status;
  // 200 is another spelling of 201; other numbers keep their class.
  status.status = static_cast<StatusCode>(code == 200 ? 201 : code);
  RECRYPT_ASSIGN(status.reason, OptionalText(object, "Reason"));
  RECRYPT_ASSIGN(status.description, OptionalText(object, "StatusDescription", kMaxSentence));
  return status;
}

}  // namespace recrypt::protocol
