// Strict JSON over nlohmann-json: the only door through which JSON text enters.
//
//   RECRYPT_ASSIGN(Json object, ParseJson(text));
//   RECRYPT_ASSIGN(std::string name, GetString(object, "name"));
//
// Refused: duplicate keys, invalid UTF-8, NUL outside of an escape, text behind the value,
// nesting deeper than 64. The Get functions fail with kInvalid and name the member. Thread safe.
#ifndef RECRYPT_CORE_JSON_JSON_H_
#define RECRYPT_CORE_JSON_JSON_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.h"

namespace recrypt {

using Json = nlohmann::json;

constexpr int kMaxJsonDepth = 64;

// RFC 8259, strictly. Numbers outside of the range of a double are refused or become doubles as
// nlohmann-json has it; lone surrogates are refused.
Result<Json> ParseJson(std::string_view text);

// Without white space; keys in the order of nlohmann's map (sorted). What is not UTF-8 in a string
// comes out as U+FFFD.
std::string DumpJson(const Json& value);

Result<std::string> GetString(const Json& object, std::string_view key);
Result<uint64_t> GetUint(const Json& object, std::string_view key);
Result<int64_t> GetInt(const Json& object, std::string_view key);
Result<bool> GetBool(const Json& object, std::string_view key);
// The member as an object or array, by pointer into `object`.
Result<const Json*> GetObject(const Json& object, std::string_view key);
Result<const Json*> GetArray(const Json& object, std::string_view key);
// A base64url member, decoded.
Result<Bytes> GetBytes(const Json& object, std::string_view key);
// nullptr when absent or null.
const Json* FindMember(const Json& object, std::string_view key);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JSON_JSON_H_
