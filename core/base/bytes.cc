#include "core/base/bytes.h"

#include <openssl/crypto.h>

namespace recrypt {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64UrlDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase32Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

constexpr int8_t kNoDigit = -1;
using DigitTable = std::array<int8_t, 256>;

constexpr DigitTable MakeTable(std::string_view digits) {
  DigitTable table{};
  table.fill(kNoDigit);
  for (size_t i = 0; i < digits.size(); ++i) {
    table[static_cast<uint8_t>(digits[i])] = static_cast<int8_t>(i);
  }
  return table;
}

// Lets a table of upper-case digits take lower-case ones too, or the other way round.
constexpr DigitTable WithBothCases(DigitTable table) {
  for (size_t upper = 'A'; upper <= 'Z'; ++upper) {
    const size_t lower = upper - 'A' + 'a';
    if (table[upper] == kNoDigit) table[upper] = table[lower];
    if (table[lower] == kNoDigit) table[lower] = table[upper];
  }
  return table;
}

constexpr DigitTable kHexTable = WithBothCases(MakeTable(kHexDigits));
constexpr DigitTable kBase64UrlTable = MakeTable(kBase64UrlDigits);
constexpr DigitTable kBase32Table = WithBothCases(MakeTable(kBase32Digits));

// Writes `bits` bits a digit, the most significant first, the last digit filled with zero bits.
std::string EncodeDigits(ByteSpan bytes, std::string_view digits, unsigned bits) {
  std::string out;
  out.reserve((bytes.size() * 8 + bits - 1) / bits);
  uint32_t pending = 0;
  unsigned have = 0;
  const uint32_t mask = (1u << bits) - 1;
  for (uint8_t byte : bytes) {
    pending = (pending << 8) | byte;
    have += 8;
    while (have >= bits) {
      have -= bits;
      out.push_back(digits[(pending >> have) & mask]);
    }
  }
  if (have > 0) out.push_back(digits[(pending << (bits - have)) & mask]);
  return out;
}

Result<Bytes> DecodeDigits(std::string_view text, const DigitTable& table, unsigned bits,
                           std::string_view what) {
  const std::string name(what);
  Bytes out;
  out.reserve(text.size() * bits / 8);
  uint32_t pending = 0;
  unsigned have = 0;
  for (char c : text) {
    const int8_t digit = table[static_cast<uint8_t>(c)];
    if (digit == kNoDigit) return Fail(ErrorCode::kInvalid, name + ": unexpected character");
    pending = (pending << bits) | static_cast<uint32_t>(digit);
    have += bits;
    if (have >= 8) {
      have -= 8;
      out.push_back(static_cast<uint8_t>(pending >> have));
    }
  }
  // A whole digit left over encodes nothing: the text has an impossible length.
  if (have >= bits) return Fail(ErrorCode::kInvalid, name + ": impossible length");
  if ((pending & ((1u << have) - 1)) != 0) {
    return Fail(ErrorCode::kInvalid, name + ": non-zero trailing bits");
  }
  return out;
}

}  // namespace

// Out of line: GCC 12 warns about overflows that are none when it inlines this insert.
void Append(Bytes& to, ByteSpan more) { to.insert(to.end(), more.begin(), more.end()); }

void AppendU16(Bytes& to, uint16_t value) {
  to.push_back(static_cast<uint8_t>(value >> 8));
  to.push_back(static_cast<uint8_t>(value));
}

void AppendU32(Bytes& to, uint32_t value) {
  uint8_t raw[4];
  StoreU32(raw, value);
  Append(to, raw);
}

void AppendU64(Bytes& to, uint64_t value) {
  uint8_t raw[8];
  StoreU64(raw, value);
  Append(to, raw);
}

void StoreU32(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

void StoreU64(uint8_t* at, uint64_t value) {
  for (int i = 0; i < 8; ++i) at[i] = static_cast<uint8_t>(value >> (56 - 8 * i));
}

uint16_t LoadU16(const uint8_t* at) { return static_cast<uint16_t>((at[0] << 8) | at[1]); }

uint32_t LoadU32(const uint8_t* at) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 8) | at[i];
  return value;
}

uint64_t LoadU64(const uint8_t* at) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = (value << 8) | at[i];
  return value;
}

std::string HexEncode(ByteSpan bytes) { return EncodeDigits(bytes, kHexDigits, 4); }

Result<Bytes> HexDecode(std::string_view text) { return DecodeDigits(text, kHexTable, 4, "hex"); }

std::string Base64UrlEncode(ByteSpan bytes) { return EncodeDigits(bytes, kBase64UrlDigits, 6); }

Result<Bytes> Base64UrlDecode(std::string_view text) {
  return DecodeDigits(text, kBase64UrlTable, 6, "base64url");
}

std::string Base32Encode(ByteSpan bytes) { return EncodeDigits(bytes, kBase32Digits, 5); }

Result<Bytes> Base32Decode(std::string_view text) {
  return DecodeDigits(text, kBase32Table, 5, "base32");
}

bool ConstantTimeEqual(ByteSpan a, ByteSpan b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace recrypt
