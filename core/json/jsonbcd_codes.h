// The codes of JSON-B and JSON-C, for the reader and the writer of core/json/jsonbcd.h.
//
// A code of a family is its base plus 0, 1, 2 or 3 for a field (a length, an integer, a tag) of
// 1, 2, 4 or 8 bytes in network byte order.
#ifndef RECRYPT_CORE_JSON_JSONBCD_CODES_H_
#define RECRYPT_CORE_JSON_JSONBCD_CODES_H_

#include <cstddef>
#include <cstdint>

namespace recrypt::jsonbcd {

constexpr uint8_t kStringTerminal = 0x80;
constexpr uint8_t kStringChunk = 0x84;
constexpr uint8_t kBinaryTerminal = 0x88;
constexpr uint8_t kBinaryLast = 0x8F;
constexpr uint8_t kChunkBit = 0x04;
constexpr uint8_t kBinary16 = 0x90;
constexpr uint8_t kBinary32 = 0x91;
constexpr uint8_t kBinary64 = 0x92;
constexpr uint8_t kFloatLast = 0x98;
constexpr uint8_t kPositive = 0xA0;
constexpr uint8_t kNegative = 0xA8;
constexpr uint8_t kIntegerLast = 0xAF;
constexpr uint8_t kInteger128 = 0x04;  // kPositive or kNegative plus this: 16 bytes
constexpr uint8_t kIntegerBig = 0x07;  // the same: two bytes of length, then the magnitude
constexpr uint8_t kTrue = 0xB0;
constexpr uint8_t kFalse = 0xB1;
constexpr uint8_t kNull = 0xB2;
constexpr uint8_t kUseTag = 0xC0;
constexpr uint8_t kDefineTag = 0xC4;
constexpr uint8_t kDefineAndUseTag = 0xC8;
constexpr uint8_t kDictionary = 0xCC;
constexpr uint8_t kDictionaryByHash = 0xD0;
constexpr uint8_t kFrame = 0xF0;

// 1, 2, 4 or 8: the size of the field behind a code.
constexpr size_t FieldSize(uint8_t code) { return size_t{1} << (code & 3); }
// Is `code` one of the tag family at `base`? Tags have fields of 1, 2 and 4 bytes.
constexpr bool IsTag(uint8_t code, uint8_t base) { return code >= base && code < base + 3; }

}  // namespace recrypt::jsonbcd

#endif  // RECRYPT_CORE_JSON_JSONBCD_CODES_H_
