// Bytes as test vectors write them.
#ifndef RECRYPT_TESTS_UNIT_HEX_H_
#define RECRYPT_TESTS_UNIT_HEX_H_

#include <string>

#include "core/base/bytes.h"
#include "core/base/secret.h"

namespace recrypt {

// Blanks may stand between the digits.
inline Bytes Hex(std::string text) {
  std::erase(text, ' ');
  return HexDecode(text).value();
}
inline std::string ToHex(ByteSpan bytes) { return HexEncode(bytes); }
inline std::string ToHex(const Secret& secret) { return HexEncode(secret.Reveal()); }

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_HEX_H_
