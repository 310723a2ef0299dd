#include "core/udf/udf_text.h"

namespace recrypt {

std::string GroupUdf(std::string_view characters) {
  constexpr size_t kGroupSize = 4;
  std::string out;
  out.reserve(characters.size() + characters.size() / kGroupSize);
  for (size_t at = 0; at < characters.size(); at += kGroupSize) {
    if (at > 0) out += '-';
    out += characters.substr(at, kGroupSize);
  }
  return out;
}

Result<std::string> UdfCharacters(std::string_view text) {
  std::string characters;
  characters.reserve(text.size());
  for (char c : text) {
    if (c == '-') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!((c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'))) {
      return Fail(ErrorCode::kInvalid, "it has letters and the digits 2 to 7 only");
    }
    characters += c;
  }
  return characters;
}

}  // namespace recrypt
