// HttpServer: HTTP/1.1 over TLS 1.3; few threads, many kept-alive connections.
//
//   RECRYPT_ASSIGN(auto server, HttpServer::Start(options, handler));
//   std::printf("%s\n", server->address().c_str());
//   server->Stop();              // finishes requests in flight, in bounded time
//
// Requests are bounded before they are read: header and body in size and in time, connections and
// requests in number, and in the time that they may have waited for a thread. A body beyond the
// limit is answered with 413 and not read; what is too many or has waited too long with 503, before
// anything else is done for it. The handler is called on the server's threads. Thread safe.
#ifndef RECRYPT_SERVICE_HTTP_SERVER_H_
#define RECRYPT_SERVICE_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "service/http_message.h"
#include "service/tls_certificate.h"

namespace recrypt {

// What can be changed while it serves.
struct HttpLimits {
  int max_connections = 10'000;
  int max_requests = 1'000;     // that are being answered at one time
  int max_wait_millis = 1'000;  // for a thread; 0: any
  int stop_seconds = 10;
};

struct HttpServerOptions {
  std::string listen = "127.0.0.1:8443";  // address:port, [address]:port; port 0 picks one
  TlsFiles tls;
  int threads = 2;
  HttpLimits limits;
  size_t max_header = 16 * 1024;
  size_t max_body = 1 << 20;
  int handshake_seconds = 10;
  int header_seconds = 10;
  int body_seconds = 30;
  int idle_seconds = 300;
  int write_seconds = 30;
  // Told what was answered without the handler: 413, 431, 408, 400, 503.
  std::function<void(int status)> turned_away = [](int) {};
};

struct HttpLoad {
  size_t connections = 0;
  size_t requests = 0;      // being answered
  int64_t wait_millis = 0;  // that a request waits for a thread at present
};

class HttpServer {
 public:
  // Listens and serves when it returns.
  static Result<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                   HttpHandler handler);
  virtual ~HttpServer() = default;

  // Where it listens, with the port that was picked.
  virtual std::string address() const = 0;
  virtual HttpLoad load() const = 0;
  // When its certificate ends, in seconds since 1970.
  virtual int64_t certificate_expires() const = 0;

  // For connections from now on. What was there before stays when the files are not good.
  virtual Status UseTls(const TlsFiles& files) = 0;
  virtual void SetLimits(const HttpLimits& limits) = 0;

  // Takes no more connections and requests, waits for those in flight (stop_seconds at most), and
  // ends the threads. The handler is not called afterwards.
  virtual void Stop() = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_HTTP_SERVER_H_
