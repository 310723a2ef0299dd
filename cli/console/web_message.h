// A request and an answer as the console and its server hand them to one another.
//
//   WebResponse response;
//   response.body = page.markup();
//   for (const auto& [name, value] : ProtectiveHeaders()) …
#ifndef RECRYPT_CLI_CONSOLE_WEB_MESSAGE_H_
#define RECRYPT_CLI_CONSOLE_WEB_MESSAGE_H_

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace recrypt {

// Headers as they came, empty when absent or there several times.
struct WebRequest {
  std::string method;
  std::string target;
  std::string host;
  std::string origin;
  std::string fetch_site;  // Sec-Fetch-Site
  std::string cookie;
  std::string content_type;
  std::string body;
};

struct WebResponse {
  int status = 200;
  std::string content_type = "text/html; charset=utf-8";
  std::string body;
  std::string location;    // of a redirection, else empty
  std::string set_cookie;  // empty: none
};

using WebHandler = std::function<WebResponse(const WebRequest&)>;

// What every answer says to the browser, whatever it is.
std::span<const std::pair<std::string_view, std::string_view>> ProtectiveHeaders();

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_WEB_MESSAGE_H_
