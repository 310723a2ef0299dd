#include <bit>
#include <cmath>

#include "core/json/jsonbcd.h"
#include "core/json/jsonbcd_codes.h"
#include "core/json/utf8.h"

namespace recrypt {
namespace {

using namespace jsonbcd;

// Writes the shortest code of a family for `value`, be it a length or an integer.
void AppendField(Bytes& to, uint8_t base, uint64_t value) {
  uint8_t size_code = 0;
  while (size_code < 3 && value >> (8 * FieldSize(size_code)) != 0) ++size_code;
  to.push_back(static_cast<uint8_t>(base + size_code));
  for (size_t left = FieldSize(size_code); left > 0; --left) {
    to.push_back(static_cast<uint8_t>(value >> (8 * (left - 1))));
  }
}

void AppendString(Bytes& to, const std::string& text) {
  if (!IsUtf8(text)) {
    // DumpJson replaces what is no UTF-8; the two encodings of a value shall say the same.
    AppendString(to, Json::parse(DumpJson(Json(text))).get<std::string>());
    return;
  }
  AppendField(to, kStringTerminal, text.size());
  Append(to, AsBytes(text));
}

void AppendInteger(Bytes& to, int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  // Negation of the unsigned value is right for the smallest integer too.
  value < 0 ? AppendField(to, kNegative, 0 - bits) : AppendField(to, kPositive, bits);
}

void AppendDouble(Bytes& to, double value) {
  if (!std::isfinite(value)) {
    to.push_back(kNull);  // JSON has no such numbers; DumpJson writes null as well
    return;
  }
  to.push_back(kBinary64);
  AppendU64(to, std::bit_cast<uint64_t>(value));
}

void AppendValue(Bytes& to, const Json& value);

// The draft's grammar asks for a comma behind an object or array that is not the last item.
template <typename AppendItem>
void AppendItems(Bytes& to, const Json& container, char open, char close, AppendItem append) {
  to.push_back(static_cast<uint8_t>(open));
  bool after_structure = false;
  for (auto item = container.begin(); item != container.end(); ++item) {
    if (after_structure) to.push_back(',');
    append(item);
    after_structure = item->is_structured();
  }
  to.push_back(static_cast<uint8_t>(close));
}

void AppendObject(Bytes& to, const Json& object) {
  AppendItems(to, object, '{', '}', [&to](const Json::const_iterator& member) {
    AppendString(to, member.key());
    AppendValue(to, *member);
  });
}

void AppendArray(Bytes& to, const Json& array) {
  AppendItems(to, array, '[', ']',
              [&to](const Json::const_iterator& item) { AppendValue(to, *item); });
}

void AppendValue(Bytes& to, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      return AppendObject(to, value);
    case Json::value_t::array:
      return AppendArray(to, value);
    case Json::value_t::string:
      return AppendString(to, value.get_ref<const std::string&>());
    case Json::value_t::binary:
      AppendField(to, kBinaryTerminal, value.get_binary().size());
      return Append(to, value.get_binary());
    case Json::value_t::boolean:
      return to.push_back(value.get<bool>() ? kTrue : kFalse);
    case Json::value_t::number_unsigned:
      return AppendField(to, kPositive, value.get<uint64_t>());
    case Json::value_t::number_integer:
      return AppendInteger(to, value.get<int64_t>());
    case Json::value_t::number_float:
      return AppendDouble(to, value.get<double>());
    case Json::value_t::null:
    case Json::value_t::discarded:
      return to.push_back(kNull);
  }
}

}  // namespace

Bytes EncodeJsonB(const Json& value) {
  Bytes out;
  AppendValue(out, value);
  return out;
}

}  // namespace recrypt
