// JSON-B and JSON-C: JSON with binary codes for strings, byte strings, numbers and tags
// (draft-hallambaker-jsonbcd; the code table stands in docs/FORMAT.md).
//
//   RECRYPT_ASSIGN(Json value, ParseJsonBcd(bytes));      // any JSON, JSON-B or JSON-C text
//   Bytes bytes = EncodeJsonB(value);
//
// A byte string becomes a base64url string in the Json value. Refused: what ParseJson refuses, and
// lengths beyond the input, unknown codes, undefined tags, dictionaries (none is known here).
// Memory is bounded by a small multiple of the input. Thread safe.
#ifndef RECRYPT_CORE_JSON_JSONBCD_H_
#define RECRYPT_CORE_JSON_JSONBCD_H_

#include "core/json/json.h"

namespace recrypt {

Result<Json> ParseJsonBcd(ByteSpan data);

// As above, but leaves what stands behind the first value alone and says where that starts.
struct JsonBcdPrefix {
  Json value;
  size_t size = 0;
};
Result<JsonBcdPrefix> ParseJsonBcdPrefix(ByteSpan data);

// Encodes a Json value as JSON-B: strings, integers and doubles binary, lengths and integers in
// the shortest form. Json::binary values become data items; what is not UTF-8 comes out as U+FFFD.
Bytes EncodeJsonB(const Json& value);

// Codes of the binary items that the document format writes itself.
constexpr uint8_t kBinaryTerminal16 = 0x89;
constexpr uint8_t kBinaryTerminal64 = 0x8B;
constexpr uint8_t kBinaryChunk64 = 0x8F;

}  // namespace recrypt

#endif  // RECRYPT_CORE_JSON_JSONBCD_H_
