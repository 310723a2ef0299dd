#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "core/json/jsonbcd.h"
#include "core/json/jsonbcd_codes.h"
#include "core/json/utf8.h"

namespace recrypt {
namespace {

using namespace jsonbcd;

// What tags expand to may be this many times what was read, plus the base.
constexpr uint64_t kExpansionFactor = 16;
constexpr uint64_t kExpansionBase = 64 * 1024;

bool IsSpace(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

bool IsTextAtom(uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '+' || byte == '-' || byte == '.';
}

uint64_t LoadBigEndian(ByteSpan bytes) {
  uint64_t value = 0;
  for (uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

double HalfToDouble(uint64_t bits) {
  const auto fraction = static_cast<double>(bits & 0x3FF);
  const auto exponent = static_cast<int>(bits >> 10 & 0x1F);
  double value = 0;
  if (exponent == 0x1F) {
    value = std::numeric_limits<double>::infinity();  // or not a number: refused alike
  } else {
    value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
  }
  return bits & 0x8000 ? -value : value;
}

class Reader {
 public:
  explicit Reader(ByteSpan data) : data_(data) {}

  Result<Json> ReadValue() {
    RECRYPT_TRY(ReadDefinitions());
    if (at_ == data_.size()) return Refuse("the input ends where a value should stand");
    const uint8_t byte = data_[at_];
    if (byte == '{') return ReadContainer('}');
    if (byte == '[') return ReadContainer(']');
    if (byte >= 0x80) return ReadBinary();
    return ReadText();
  }

  void SkipSpace() {
    while (at_ < data_.size() && IsSpace(data_[at_])) ++at_;
  }

  size_t at() const { return at_; }

  tl::unexpected<Error> Refuse(const std::string& why) const {
    return Fail(ErrorCode::kInvalid,
                "not valid JSON-BCD: " + why + " at byte " + std::to_string(at_ + 1));
  }

 private:
  // A string, or data in base64url.
  struct Item {
    std::string text;
    bool is_data = false;
  };
  // What the last value was; decides whether a comma must stand behind it.
  enum class Kind { kText, kStructure, kBinary };

  Result<Json> ReadContainer(char close);
  Result<bool> HasNext(char close, bool first);
  Status ReadMember(Json& object);
  Result<std::string> ReadKey();
  Result<Json> ReadText();
  Result<Json> ReadBinary();
  Result<Json> ReadInteger(uint8_t code);
  Result<Json> ReadFloat(uint8_t code);
  Result<Item> ReadItem();
  Result<Item> ReadChunks();
  Status ReadDefinitions();
  Result<const Item*> Define();
  Result<Item> UseTag(uint8_t code);
  Result<uint64_t> ReadField(size_t size);
  Result<ByteSpan> Take(uint64_t size);

  bool NextIs(char c) const { return at_ < data_.size() && data_[at_] == static_cast<uint8_t>(c); }
  bool CommaMayMissHere() const {
    return data_[at_] >= 0x80 || last_ == Kind::kBinary ||
           (last_ == Kind::kStructure && binary_seen_);
  }

  ByteSpan data_;
  size_t at_ = 0;
  int depth_ = 0;
  Kind last_ = Kind::kText;
  // Pure JSON is held to JSON's rules; writers of JSON-B leave commas behind structures out, too.
  bool binary_seen_ = false;
  std::map<uint64_t, Item> tags_;
  uint64_t expanded_ = 0;
};

Result<Json> Reader::ReadContainer(char close) {
  if (depth_ == kMaxJsonDepth) return Refuse("nesting deeper than 64");
  ++depth_;
  ++at_;
  Json container = close == '}' ? Json::object() : Json::array();
  for (bool first = true;; first = false) {
    RECRYPT_ASSIGN(const bool more, HasNext(close, first));
    if (!more) break;
    if (close == '}') {
      RECRYPT_TRY(ReadMember(container));
    } else {
      RECRYPT_ASSIGN(Json value, ReadValue());
      container.push_back(std::move(value));
    }
  }
  --depth_;
  last_ = Kind::kStructure;
  return container;
}

// Steps over the end of the container, or over what separates the next item from the last.
Result<bool> Reader::HasNext(char close, bool first) {
  SkipSpace();
  if (at_ == data_.size()) return Refuse("the input ends within an object or array");
  if (NextIs(close)) {
    ++at_;
    return false;
  }
  if (first) return true;
  if (NextIs(',')) {
    ++at_;
  } else if (!CommaMayMissHere()) {
    return Refuse(std::string("expected ',' or '") + close + "'");
  }
  return true;
}

Status Reader::ReadMember(Json& object) {
  RECRYPT_ASSIGN(std::string key, ReadKey());
  if (object.contains(key)) return Refuse("a key stands twice in one object");
  RECRYPT_ASSIGN(Json value, ReadValue());
  object.emplace(std::move(key), std::move(value));
  return {};
}

Result<std::string> Reader::ReadKey() {
  RECRYPT_TRY(ReadDefinitions());
  if (at_ == data_.size()) return Refuse("the input ends where a key should stand");
  const bool is_text = data_[at_] == '"';
  if (!is_text && data_[at_] < 0x80) return Refuse("expected a key");
  RECRYPT_ASSIGN(Item key, ReadItem());
  if (key.is_data) return Refuse("data where a key should stand ends");
  SkipSpace();
  if (NextIs(':')) {
    ++at_;
  } else if (is_text) {
    return Refuse("expected ':'");
  }
  return std::move(key.text);
}

// Finds where a string, number or word of JSON ends, and leaves its rules to ParseJson.
Result<Json> Reader::ReadText() {
  size_t end = at_;
  if (data_[at_] == '"') {
    for (++end; end < data_.size() && data_[end] != '"'; ++end) {
      if (data_[end] == '\\') ++end;
    }
    if (end >= data_.size()) return Refuse("a string without end");
    ++end;
  } else {
    while (end < data_.size() && IsTextAtom(data_[end])) ++end;
    if (end == at_) return Refuse("expected a value");
  }
  auto value = ParseJson(AsText(data_.subspan(at_, end - at_)));
  if (!value) return Refuse("a wrong string, number or word");
  at_ = end;
  last_ = Kind::kText;
  return value;
}

Result<Json> Reader::ReadBinary() {
  binary_seen_ = true;
  const uint8_t code = data_[at_];
  Json value;
  if (code <= kBinaryLast || IsTag(code, kUseTag) || IsTag(code, kDefineAndUseTag)) {
    RECRYPT_ASSIGN(Item item, ReadItem());
    value = std::move(item.text);
  } else if (code <= kFloatLast) {
    RECRYPT_ASSIGN(value, ReadFloat(code));
  } else if (code >= kPositive && code <= kIntegerLast) {
    RECRYPT_ASSIGN(value, ReadInteger(code));
  } else if (code >= kTrue && code <= kNull) {
    ++at_;
    if (code != kNull) value = code == kTrue;
  } else if (code >= kDictionary && code <= kDictionaryByHash) {
    return Refuse("dictionaries are not supported; one stands");
  } else if (code >= kFrame) {
    return Refuse("a frame is no JSON value; one stands");
  } else {
    return Refuse("unknown code 0x" + HexEncode(ByteSpan(&code, 1)));
  }
  last_ = Kind::kBinary;
  return value;
}

Result<Json> Reader::ReadInteger(uint8_t code) {
  const bool negative = code >= kNegative;
  const auto form = static_cast<uint8_t>(code & 7);
  if (form > kInteger128 && form != kIntegerBig) {
    return Refuse("unknown code 0x" + HexEncode(ByteSpan(&code, 1)));
  }
  ++at_;
  uint64_t size = form == kInteger128 ? 16 : FieldSize(form);
  if (form == kIntegerBig) {
    RECRYPT_ASSIGN(size, ReadField(2));
  }
  RECRYPT_ASSIGN(ByteSpan bytes, Take(size));
  while (!bytes.empty() && bytes[0] == 0) bytes = bytes.subspan(1);
  if (bytes.size() > 8) return Refuse("an integer of more than 64 bits ends");
  const uint64_t magnitude = LoadBigEndian(bytes);
  if (!negative) return Json(magnitude);
  if (magnitude > uint64_t{1} << 63) return Refuse("an integer below -2^63 ends");
  return Json(static_cast<int64_t>(0 - magnitude));
}

Result<Json> Reader::ReadFloat(uint8_t code) {
  if (code > kBinary64) return Refuse("unsupported form of floating point number");
  ++at_;
  RECRYPT_ASSIGN(const uint64_t bits, ReadField(code == kBinary16 ? 2 : code == kBinary32 ? 4 : 8));
  double value = std::bit_cast<double>(bits);
  if (code == kBinary16) value = HalfToDouble(bits);
  if (code == kBinary32) value = std::bit_cast<float>(static_cast<uint32_t>(bits));
  if (!std::isfinite(value)) return Refuse("a number that JSON cannot express ends");
  return Json(value);
}

// A string or data in whatever form: JSON text, binary, or by a tag.
Result<Reader::Item> Reader::ReadItem() {
  if (at_ == data_.size()) return Refuse("the input ends where a string or data should stand");
  const uint8_t code = data_[at_];
  if (code == '"') {
    RECRYPT_ASSIGN(Json text, ReadText());
    return Item{std::move(text.get_ref<std::string&>()), false};
  }
  binary_seen_ = binary_seen_ || code >= 0x80;
  if (code >= kStringTerminal && code <= kBinaryLast) return ReadChunks();
  if (IsTag(code, kUseTag)) return UseTag(code);
  if (IsTag(code, kDefineAndUseTag)) {
    RECRYPT_ASSIGN(const Item* item, Define());
    return *item;
  }
  return Refuse("expected a string or data");
}

Result<Reader::Item> Reader::ReadChunks() {
  const bool is_data = data_[at_] >= kBinaryTerminal;
  const uint8_t family = is_data ? kBinaryTerminal : kStringTerminal;
  Bytes content;
  bool more = true;
  while (more) {
    if (at_ == data_.size()) return Refuse("the input ends between two chunks");
    const uint8_t code = data_[at_];
    if ((code & 0xF8) != family) return Refuse("expected the next chunk");
    more = (code & kChunkBit) != 0;
    ++at_;
    RECRYPT_ASSIGN(const uint64_t size, ReadField(FieldSize(code)));
    RECRYPT_ASSIGN(ByteSpan chunk, Take(size));
    Append(content, chunk);
  }
  if (is_data) return Item{Base64UrlEncode(content), true};
  if (!IsUtf8(AsText(content))) return Refuse("a string that is not UTF-8 ends");
  return Item{std::string(AsText(content)), false};
}

// White space, and definitions of tags (C4 to C6) that stand before a key or value.
Status Reader::ReadDefinitions() {
  SkipSpace();
  while (at_ < data_.size() && IsTag(data_[at_], kDefineTag)) {
    RECRYPT_TRY(Define());
    SkipSpace();
  }
  return {};
}

Result<const Reader::Item*> Reader::Define() {
  binary_seen_ = true;
  const uint8_t code = data_[at_++];
  RECRYPT_ASSIGN(const uint64_t tag, ReadField(FieldSize(code)));
  const bool is_item = at_ < data_.size() && (data_[at_] == '"' || (data_[at_] & 0xF0) == 0x80);
  if (!is_item) return Refuse("expected the string or data that a tag stands for");
  RECRYPT_ASSIGN(Item item, ReadItem());
  const auto [entry, added] = tags_.emplace(tag, std::move(item));
  if (!added) return Refuse("a second definition of tag " + std::to_string(tag) + " ends");
  return &entry->second;
}

Result<Reader::Item> Reader::UseTag(uint8_t code) {
  ++at_;
  RECRYPT_ASSIGN(const uint64_t tag, ReadField(FieldSize(code)));
  const auto entry = tags_.find(tag);
  if (entry == tags_.end()) return Refuse("undefined tag " + std::to_string(tag) + " ends");
  expanded_ += entry->second.text.size();
  if (expanded_ > kExpansionFactor * at_ + kExpansionBase) {
    return Refuse("tags expand to too much");
  }
  return entry->second;
}

Result<uint64_t> Reader::ReadField(size_t size) {
  RECRYPT_ASSIGN(ByteSpan bytes, Take(size));
  return LoadBigEndian(bytes);
}

Result<ByteSpan> Reader::Take(uint64_t size) {
  if (size > data_.size() - at_) return Refuse("a length goes beyond the input");
  const ByteSpan bytes = data_.subspan(at_, size);
  at_ += size;
  return bytes;
}

}  // namespace

Result<JsonBcdPrefix> ParseJsonBcdPrefix(ByteSpan data) {
  Reader reader(data);
  RECRYPT_ASSIGN(Json value, reader.ReadValue());
  return JsonBcdPrefix{std::move(value), reader.at()};
}

Result<Json> ParseJsonBcd(ByteSpan data) {
  Reader reader(data);
  RECRYPT_ASSIGN(Json value, reader.ReadValue());
  reader.SkipSpace();
  if (reader.at() < data.size()) return reader.Refuse("something stands behind the value");
  return value;
}

}  // namespace recrypt
