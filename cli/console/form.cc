#include "cli/console/form.h"

#include <array>
#include <charconv>

#include "core/json/utf8.h"

namespace recrypt {
namespace {

constexpr size_t kMaxFields = 32;

Result<std::string> Decode(std::string_view encoded) {
  const auto refuse = [] {
    return Fail(ErrorCode::kInvalid, "a field of the form is not encoded");
  };
  std::string text;
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] != '%') {
      text += encoded[i] == '+' ? ' ' : encoded[i];
      continue;
    }
    if (i + 2 >= encoded.size()) return refuse();
    unsigned value = 0;
    const char* const from = encoded.data() + i + 1;
    const auto [end, error] = std::from_chars(from, from + 2, value, 16);
    if (error != std::errc() || end != from + 2) return refuse();
    text += static_cast<char>(value);
    i += 2;
  }
  if (text.find('\0') != text.npos || !IsUtf8(text)) return refuse();
  return text;
}

std::string Encode(std::string_view text) {
  static constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kPlain.find(c) != kPlain.npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace

Result<Form> ParseForm(std::string_view encoded) {
  Form form;
  while (!encoded.empty()) {
    const size_t end = std::min(encoded.find('&'), encoded.size());
    const std::string_view field = encoded.substr(0, end);
    encoded.remove_prefix(std::min(end + 1, encoded.size()));
    if (field.empty()) continue;
    const size_t equals = std::min(field.find('='), field.size());
    RECRYPT_ASSIGN(std::string name, Decode(field.substr(0, equals)));
    RECRYPT_ASSIGN(std::string value, Decode(field.substr(std::min(equals + 1, field.size()))));
    if (!form.emplace(std::move(name), std::move(value)).second) {
      return Fail(ErrorCode::kInvalid, "a field of the form is there twice");
    }
    if (form.size() > kMaxFields) return Fail(ErrorCode::kInvalid, "the form has too many fields");
  }
  return form;
}

Result<WebTarget> ParseTarget(std::string_view target) {
  if (!target.starts_with('/')) return Fail(ErrorCode::kInvalid, "this is no address of a page");
  const size_t mark = std::min(target.find('?'), target.size());
  WebTarget parsed{std::string(target.substr(0, mark)), {}};
  RECRYPT_ASSIGN(parsed.query, ParseForm(target.substr(std::min(mark + 1, target.size()))));
  return parsed;
}

std::string WriteTarget(std::string_view path, const Form& query) {
  std::string target(path);
  char separator = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    target += separator + Encode(name) + "=" + Encode(value);
    separator = '&';
  }
  return target;
}

std::string FieldOf(const Form& form, const std::string& name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string() : found->second;
}

}  // namespace recrypt
