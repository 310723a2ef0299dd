#include "core/json/json.h"

#include <limits>

namespace recrypt {
namespace {

// Keys come from outside: escaped and cut, so that a message stays one short line.
std::string QuotedKey(std::string_view key) { return DumpJson(Json(key.substr(0, 64))); }

// Builds the value from the parser's events, where nlohmann-json's own builder would keep the last
// of two equal keys and follow any depth.
class StrictBuilder : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Put(nullptr) != nullptr; }
  bool boolean(bool value) override { return Put(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return Put(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return Put(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override {
    return Put(value) != nullptr;
  }
  bool string(string_t& value) override { return Put(std::move(value)) != nullptr; }
  bool binary(binary_t&) override { return Refuse("binary value"); }
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }

  bool key(string_t& key) override {
    auto [member, added] = open_.back()->emplace(key, nullptr);
    if (!added) return Refuse("key " + QuotedKey(key) + " stands twice in one object");
    member_ = &*member;
    return true;
  }

  // The library's own text quotes the input, which may be a secret: only the place is told.
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    const bool range = dynamic_cast<const Json::out_of_range*>(&error) != nullptr;
    return Refuse((range ? "number out of range at byte " : "syntax error at byte ") +
                  std::to_string(position));
  }

  Json& root() { return root_; }
  const std::string& refusal() const { return refusal_; }

 private:
  Json* Put(Json value) {
    Json* place = &root_;
    if (!open_.empty() && open_.back()->is_array()) {
      open_.back()->push_back(nullptr);
      place = &open_.back()->back();
    } else if (!open_.empty()) {
      place = member_;
    }
    *place = std::move(value);
    return place;
  }

  bool Open(Json container) {
    if (open_.size() == kMaxJsonDepth) {
      return Refuse("nested deeper than " + std::to_string(kMaxJsonDepth));
    }
    open_.push_back(Put(std::move(container)));
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  bool Refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }

  Json root_;
  // The containers around the current place. A container grows only while it is the last one here,
  // so the pointers to the others stay valid.
  std::vector<Json*> open_;
  Json* member_ = nullptr;
  std::string refusal_;
};

tl::unexpected<Error> Refused(const std::string& why) {
  return Fail(ErrorCode::kInvalid, "not valid JSON: " + why);
}

Result<const Json*> Member(const Json& object, std::string_view key) {
  if (!object.is_object()) {
    return Fail(ErrorCode::kInvalid, "looked for member " + QuotedKey(key) + " of no JSON object");
  }
  const Json* member = FindMember(object, key);
  if (!member) return Fail(ErrorCode::kInvalid, "member " + QuotedKey(key) + " is missing");
  return member;
}

tl::unexpected<Error> WrongType(std::string_view key, std::string_view wanted) {
  return Fail(ErrorCode::kInvalid, "member " + QuotedKey(key) + " is not " + std::string(wanted));
}

}  // namespace

Result<Json> ParseJson(std::string_view text) {
  // The library takes a NUL for the end of the text, and skips a byte order mark (RFC 8259, 8.1).
  const size_t nul = text.find('\0');
  if (nul != text.npos) return Refused("NUL at byte " + std::to_string(nul + 1));
  if (text.starts_with("\xEF\xBB\xBF")) return Refused("it starts with a byte order mark");
  try {
    StrictBuilder builder;
    if (!Json::sax_parse(text, &builder)) return Refused(builder.refusal());
    return std::move(builder.root());
  } catch (const Json::exception&) {
    return Refused("the parser gave up");
  }
}

std::string DumpJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> GetString(const Json& object, std::string_view key) {
  RECRYPT_ASSIGN(const Json* member, Member(object, key));
  if (!member->is_string()) return WrongType(key, "a string");
  return member->get_ref<const std::string&>();
}

Result<uint64_t> GetUint(const Json& object, std::string_view key) {
  RECRYPT_ASSIGN(const Json* member, Member(object, key));
  const bool negative =
      !member->is_number_unsigned() && member->is_number_integer() && member->get<int64_t>() < 0;
  if (!member->is_number_integer() || negative) {
    return WrongType(key, "an integer from 0 to 2^64-1");
  }
  return member->get<uint64_t>();
}

Result<int64_t> GetInt(const Json& object, std::string_view key) {
  RECRYPT_ASSIGN(const Json* member, Member(object, key));
  constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  const bool large = member->is_number_unsigned() && member->get<uint64_t>() > kLargest;
  if (!member->is_number_integer() || large) {
    return WrongType(key, "an integer from -2^63 to 2^63-1");
  }
  return member->get<int64_t>();
}

Result<bool> GetBool(const Json& object, std::string_view key) {
  RECRYPT_ASSIGN(const Json* member, Member(object, key));
  if (!member->is_boolean()) return WrongType(key, "true or false");
  return member->get<bool>();
}

Result<const Json*> GetObject(const Json& object, std::string_view key) {
  RECRYPT_ASSIGN(const Json* member, Member(object, key));
  if (!member->is_object()) return WrongType(key, "an object");
  return member;
}

Result<const Json*> GetArray(const Json& object, std::string_view key) {
  RECRYPT_ASSIGN(const Json* member, Member(object, key));
  if (!member->is_array()) return WrongType(key, "an array");
  return member;
}

Result<Bytes> GetBytes(const Json& object, std::string_view key) {
  RECRYPT_ASSIGN(const Json* member, Member(object, key));
  if (!member->is_string()) return WrongType(key, "a base64url string");
  auto bytes = Base64UrlDecode(member->get_ref<const std::string&>());
  if (!bytes) return Fail(bytes.error(), "member " + QuotedKey(key));
  return bytes;
}

const Json* FindMember(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace recrypt
