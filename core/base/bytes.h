// Byte strings, and their text forms: hex, base64url (RFC 4648, 5, unpadded) and base32.
//
//   Bytes b = FromText("abc");
//   std::string t = Base64UrlEncode(b);
//   Result<Bytes> back = Base64UrlDecode(t);
//
// Spans are borrowed for the length of the call. All functions are thread safe.
#ifndef RECRYPT_CORE_BASE_BYTES_H_
#define RECRYPT_CORE_BASE_BYTES_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

using Bytes = std::vector<uint8_t>;
using ByteSpan = std::span<const uint8_t>;
using MutableByteSpan = std::span<uint8_t>;
template <size_t N>
using ByteArray = std::array<uint8_t, N>;

// Views a text's bytes; the text must outlive the span.
inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes ToBytes(ByteSpan bytes) { return Bytes(bytes.begin(), bytes.end()); }
// `more` must not view `to`.
void Append(Bytes& to, ByteSpan more);

// Copies exactly N bytes; kInvalid when the span has another length.
template <size_t N>
Result<ByteArray<N>> ToArray(ByteSpan bytes) {
  if (bytes.size() != N) {
    return Fail(ErrorCode::kInvalid,
                "expected " + std::to_string(N) + " bytes, got " + std::to_string(bytes.size()));
  }
  ByteArray<N> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

// Big-endian integers, as the document format and JSON-B write them.
void AppendU16(Bytes& to, uint16_t value);
void AppendU32(Bytes& to, uint32_t value);
void AppendU64(Bytes& to, uint64_t value);
void StoreU32(uint8_t* at, uint32_t value);
void StoreU64(uint8_t* at, uint64_t value);
uint16_t LoadU16(const uint8_t* at);
uint32_t LoadU32(const uint8_t* at);
uint64_t LoadU64(const uint8_t* at);

std::string HexEncode(ByteSpan bytes);
Result<Bytes> HexDecode(std::string_view text);

std::string Base64UrlEncode(ByteSpan bytes);
// Refuses padding, white space, characters outside the alphabet and non-zero trailing bits.
Result<Bytes> Base64UrlDecode(std::string_view text);

// RFC 4648, 6, upper case, unpadded; decoding accepts either case.
std::string Base32Encode(ByteSpan bytes);
Result<Bytes> Base32Decode(std::string_view text);

// Compares in time that depends on the lengths alone.
bool ConstantTimeEqual(ByteSpan a, ByteSpan b);

}  // namespace recrypt

#endif  // RECRYPT_CORE_BASE_BYTES_H_
