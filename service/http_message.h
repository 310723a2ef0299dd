// A request and an answer as the HTTP server and the dispatcher hand them to one another.
#ifndef RECRYPT_SERVICE_HTTP_MESSAGE_H_
#define RECRYPT_SERVICE_HTTP_MESSAGE_H_

#include <functional>
#include <string>
#include <utility>

namespace recrypt {

struct HttpRequest {
  std::string method;
  std::string target;
  std::string host;           // as in the header
  std::string content_type;   // as in the header
  std::string authorization;  // empty when absent
  std::string body;
  std::string peer;  // address of who is connected: the reader's, or that of a proxy in between
};

struct HttpResponse {
  int status = 500;
  std::string content_type;
  std::string body;
  std::string mac;              // of the answer, empty when there is none
  int retry_after_seconds = 0;  // 0: no such header
  std::string request_id;       // to be found in the service's log; empty when there is none
};

inline HttpResponse PlainResponse(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain";
  response.body = std::move(text);
  return response;
}

// The reply is given once, on any thread.
using HttpReply = std::function<void(HttpResponse)>;
using HttpHandler = std::function<void(HttpRequest, HttpReply)>;

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_HTTP_MESSAGE_H_
