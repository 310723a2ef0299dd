#include "core/json/utf8.h"

#include <cstddef>
#include <cstdint>

namespace recrypt {
namespace {

// The smallest code point that a sequence of 0 to 4 bytes may stand for.
constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};

size_t SequenceSize(uint8_t first) {
  if (first < 0x80) return 1;
  if ((first & 0xE0) == 0xC0) return 2;
  if ((first & 0xF0) == 0xE0) return 3;
  if ((first & 0xF8) == 0xF0) return 4;
  return 0;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto first = static_cast<uint8_t>(text[at]);
    const size_t size = SequenceSize(first);
    if (size == 0 || size > text.size() - at) return false;
    uint32_t code = size == 1 ? first : first & (0x7Fu >> size);
    for (size_t i = 1; i < size; ++i) {
      const auto next = static_cast<uint8_t>(text[at + i]);
      if ((next & 0xC0) != 0x80) return false;
      code = code << 6 | (next & 0x3Fu);
    }
    if (code < kSmallest[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      return false;
    }
    at += size;
  }
  return true;
}

}  // namespace recrypt
