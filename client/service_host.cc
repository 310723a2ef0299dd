#include <charconv>

#include "client/discovery.h"
#include "core/protocol/session.h"

namespace recrypt {

Result<ServiceHost> ParseServiceHost(std::string_view text) {
  ServiceHost result;
  const std::string shown = "\"" + std::string(text) + "\"";
  std::string_view rest = text;
  if (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    if (end == rest.npos) return Fail(ErrorCode::kInvalid, shown + " lacks a ]");
    result.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    const size_t colon = rest.find(':');
    result.host = rest.substr(0, colon);
    rest.remove_prefix(colon == rest.npos ? rest.size() : colon);
  }
  const bool odd = result.host.find_first_of(" \t\r\n/@[]") != std::string::npos;
  if (result.host.empty() || odd) {
    return Fail(ErrorCode::kInvalid, shown + " is no host:port");
  }
  if (rest.empty()) return result;
  rest.remove_prefix(1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), result.port);
  if (error != std::errc() || end != rest.data() + rest.size() || result.port == 0) {
    return Fail(ErrorCode::kInvalid, shown + " has no port from 1 to 65535");
  }
  return result;
}

Result<ServiceHost> ParseServiceUri(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  if (!text.starts_with(kScheme)) {
    return Fail(ErrorCode::kInvalid, "\"" + std::string(text) + "\" is no https URI");
  }
  text.remove_prefix(kScheme.size());
  const size_t slash = text.find('/');
  const std::string_view path = slash == text.npos ? "" : text.substr(slash);
  if (path != "" && path != "/" && path != kWellKnownPath) {
    return Fail(ErrorCode::kInvalid, "\"" + std::string(path) + "\" is not the protocol's path");
  }
  return ParseServiceHost(text.substr(0, slash));
}

}  // namespace recrypt
