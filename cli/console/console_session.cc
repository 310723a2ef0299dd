#include "cli/console/console_session.h"

namespace recrypt {
namespace {

constexpr size_t kSecretSize = 32;
constexpr size_t kFolderSize = 16;
constexpr std::string_view kCookieName = "recryptfs_console";

std::string TextOf(const Secret& secret) { return Base64UrlEncode(secret.Reveal()); }

// False for an empty secret.
bool IsTextOf(std::string_view text, const Secret& secret) {
  const auto bytes = Base64UrlDecode(text);
  return bytes && !secret.empty() && ConstantTimeEqual(*bytes, secret.Reveal());
}

// The value of our cookie in a header such as "a=b; recryptfs_console=c". One that stands there
// twice is none: somebody has put one beside ours.
std::string_view CookieIn(std::string_view header) {
  std::string_view value;
  int found = 0;
  while (!header.empty()) {
    const size_t end = std::min(header.find(';'), header.size());
    std::string_view one = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (!one.starts_with(kCookieName) || one.substr(kCookieName.size(), 1) != "=") continue;
    value = one.substr(kCookieName.size() + 1);
    ++found;
  }
  return found == 1 ? value : std::string_view();
}

}  // namespace

ConsoleSession::ConsoleSession(const Clock& clock, uint16_t port)
    : clock_(clock),
      port_(port),
      folder_("/" + TextOf(Secret::Random(kFolderSize))),
      cookie_(Secret::Random(kSecretSize)),
      form_token_(Secret::Random(kSecretSize)),
      token_(Secret::Random(kSecretSize)),
      used_ms_(clock.MonotonicMillis()) {}

std::string ConsoleSession::EntryTarget() const {
  const std::lock_guard lock(mutex_);
  return "/enter?token=" + TextOf(token_);
}

std::string ConsoleSession::Cookie() const {
  return std::string(kCookieName) + "=" + TextOf(cookie_) + "; Path=" + folder_ +
         "; HttpOnly; SameSite=Strict";
}

std::string ConsoleSession::FormToken() const { return TextOf(form_token_); }

Status ConsoleSession::CheckOrigin(const WebRequest& request) const {
  // A name that somebody's server gives out for 127.0.0.1 is another host to the browser, and would
  // be one to us (DNS rebinding).
  bool ours = false;
  for (const char* host : {"127.0.0.1", "localhost", "[::1]"}) {
    ours = ours || request.host == std::string(host) + ":" + std::to_string(port_);
  }
  if (!ours) {
    return Fail(ErrorCode::kDenied,
                "this address is not the console's; open the one that "
                "'recryptfs console' has printed");
  }
  const std::string& site = request.fetch_site;
  const bool typed = request.method == "GET" && site == "none";
  const bool foreign_site = !site.empty() && site != "same-origin" && !typed;
  const bool foreign_origin = !request.origin.empty() && request.origin != "http://" + request.host;
  // Browsers say one of the two with every form.
  const bool unsaid = request.method != "GET" && site.empty() && request.origin.empty();
  if (!foreign_site && !foreign_origin && !unsaid) return {};
  return Fail(ErrorCode::kDenied, "another page has sent the browser here, and nothing was done");
}

Status ConsoleSession::Enter(std::string_view token) {
  const std::lock_guard lock(mutex_);
  if (!IsTextOf(token, token_)) {
    return Fail(ErrorCode::kDenied,
                "this address opens the console once, and has been used, or is "
                "another console's");
  }
  token_ = Secret();
  used_ms_ = clock_.MonotonicMillis();
  return {};
}

Status ConsoleSession::CheckCookie(const WebRequest& request) {
  const std::lock_guard lock(mutex_);
  if (!IsTextOf(CookieIn(request.cookie), cookie_)) {
    return Fail(ErrorCode::kDenied, "this browser has not opened the console");
  }
  used_ms_ = clock_.MonotonicMillis();
  return {};
}

Status ConsoleSession::CheckForm(const Form& form) const {
  if (IsTextOf(FieldOf(form, "form"), form_token_)) return {};
  return Fail(ErrorCode::kDenied, "this form is not of this console, and nothing was done");
}

int64_t ConsoleSession::IdleSeconds() const {
  const std::lock_guard lock(mutex_);
  return (clock_.MonotonicMillis() - used_ms_) / 1000;
}

}  // namespace recrypt
