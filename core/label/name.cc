#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "core/label/expression.h"

namespace recrypt {
namespace {

constexpr size_t kMaxLabelName = 128;
constexpr size_t kMaxAccountName = 64;
constexpr size_t kMaxDomain = 253;
constexpr size_t kMaxDomainPart = 63;
// No name of the allowed lengths needs more before normalization.
constexpr size_t kMaxInput = 4096;

tl::unexpected<Error> Refuse(std::string why) { return Fail(ErrorCode::kInvalid, std::move(why)); }

Result<std::string> Map(std::string_view text, int options) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                                             static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (size < 0) return Refuse("not valid UTF-8");
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
}

Result<std::string> Nfc(std::string_view text) {
  return Map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

// The next code point of a text that is UTF-8; takes it off the text.
utf8proc_int32_t NextCodePoint(std::string_view& text) {
  utf8proc_int32_t code = 0;
  const utf8proc_ssize_t size =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &code);
  text.remove_prefix(static_cast<size_t>(size));
  return code;
}

bool IsMark(utf8proc_category_t category) {
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_ME;
}

// What is invisible, breaks a line or has no agreed meaning would let two names look alike.
bool IsAllowedInName(utf8proc_int32_t code) {
  if (code < 0x80) {
    return code > ' ' && code < 0x7F &&
           std::string_view("+|()#@/\"'`").find(static_cast<char>(code)) == std::string_view::npos;
  }
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
      return false;
    default:
      return true;
  }
}

bool IsAllowedInDomain(utf8proc_int32_t code) {
  if (code < 0x80) {
    return (code >= 'a' && code <= 'z') || (code >= '0' && code <= '9') || code == '-' ||
           code == '.';
  }
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
      return true;
    default:
      return false;
  }
}

Result<std::string> CanonicalName(std::string_view text, size_t max_size) {
  RECRYPT_ASSIGN(std::string name, Nfc(text));
  if (name.empty()) return Refuse("the name before '#' or '@' is empty");
  if (name.size() > max_size) {
    return Refuse("the name is longer than " + std::to_string(max_size) + " bytes");
  }
  std::string_view rest = name;
  for (bool first = true; !rest.empty(); first = false) {
    const utf8proc_int32_t code = NextCodePoint(rest);
    if (!IsAllowedInName(code)) return Refuse("the name has a character that is not allowed");
    if (first && IsMark(utf8proc_category(code))) {
      return Refuse("the name begins with a combining mark");
    }
  }
  return name;
}

Result<std::string> LowerCase(std::string_view domain) {
  std::string lower;
  while (!domain.empty()) {
    utf8proc_uint8_t encoded[4];
    const utf8proc_ssize_t size =
        utf8proc_encode_char(utf8proc_tolower(NextCodePoint(domain)), encoded);
    lower.append(reinterpret_cast<const char*>(encoded), static_cast<size_t>(size));
  }
  return Nfc(lower);
}

Status CheckDomainPart(std::string_view part) {
  if (part.empty()) return Refuse("the domain has an empty part");
  if (part.size() > kMaxDomainPart) return Refuse("a part of the domain exceeds 63 bytes");
  if (part.front() == '-' || part.back() == '-') {
    return Refuse("a part of the domain begins or ends with '-'");
  }
  for (bool first = true; !part.empty(); first = false) {
    const utf8proc_int32_t code = NextCodePoint(part);
    const bool wrong_mark = first && IsMark(utf8proc_category(code));
    if (!IsAllowedInDomain(code) || wrong_mark) {
      return Refuse("the domain has a character that no host name has");
    }
  }
  return {};
}

Result<std::string> CanonicalDomain(std::string_view text) {
  RECRYPT_ASSIGN(const std::string composed, Nfc(text));
  RECRYPT_ASSIGN(std::string domain, LowerCase(composed));
  RECRYPT_ASSIGN(const std::string folded,
                 Map(composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT |
                                   UTF8PROC_CASEFOLD | UTF8PROC_IGNORE));
  // Where folding does more than lower the case (sharp s, final sigma, dotted I, wide letters),
  // resolvers disagree on which host is meant, and a label must not lead to two hosts.
  if (folded != domain) {
    return Refuse("the domain is ambiguous in lower case; write it with xn--");
  }
  if (domain.empty()) return Refuse("the domain behind '#' or '@' is empty");
  if (domain.size() > kMaxDomain) return Refuse("the domain is longer than 253 bytes");
  std::string_view rest = domain;
  while (true) {
    const size_t dot = rest.find('.');
    RECRYPT_TRY(CheckDomainPart(rest.substr(0, dot)));
    if (dot == rest.npos) return domain;
    rest.remove_prefix(dot + 1);
  }
}

// name, separator, domain; the separator is the first character of `separators` that occurs.
Result<std::string> Canonical(std::string_view text, std::string_view separators, size_t max_name) {
  if (text.size() > kMaxInput) return Refuse("the name is too long");
  const size_t at = text.find_first_of(separators);
  if (at == text.npos) {
    return Refuse(separators.size() == 1 ? "expected name@domain"
                                         : "expected name#domain or name@domain");
  }
  RECRYPT_ASSIGN(const std::string name, CanonicalName(text.substr(0, at), max_name));
  RECRYPT_ASSIGN(const std::string domain, CanonicalDomain(text.substr(at + 1)));
  return name + text[at] + domain;
}

}  // namespace

Result<LabelName> LabelName::Parse(std::string_view text) {
  RECRYPT_ASSIGN(std::string canonical, Canonical(text, "#@", kMaxLabelName));
  return LabelName(std::move(canonical));
}

std::string_view LabelName::name() const {
  return std::string_view(text_).substr(0, text_.find_first_of("#@"));
}

std::string_view LabelName::domain() const {
  return std::string_view(text_).substr(text_.find_first_of("#@") + 1);
}

bool LabelName::is_personal() const { return text_[text_.find_first_of("#@")] == '@'; }

Result<AccountName> AccountName::Parse(std::string_view text) {
  RECRYPT_ASSIGN(std::string canonical, Canonical(text, "@", kMaxAccountName));
  return AccountName(std::move(canonical));
}

std::string_view AccountName::domain() const {
  return std::string_view(text_).substr(text_.find('@') + 1);
}

}  // namespace recrypt
