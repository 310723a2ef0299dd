// WebServer: HTTP/1.1 on the loopback addresses of this machine, for one person's browser.
//
//   RECRYPT_ASSIGN(auto server, WebServer::Listen(0));
//   server->Serve(handler);          // which may know server->port()
//   server->Stop();
//
// One request on a connection, bounded in size and in time before the handler sees it; connections
// are bounded in number. The handler is called on a few threads of the server's, so that a page
// which waits for a service keeps no other from being shown. Thread safe.
#ifndef RECRYPT_CLI_CONSOLE_WEB_SERVER_H_
#define RECRYPT_CLI_CONSOLE_WEB_SERVER_H_

#include <cstdint>
#include <memory>

#include "cli/console/web_message.h"
#include "core/base/result.h"

namespace recrypt {

constexpr size_t kMaxWebHeader = 16 * 1024;
constexpr size_t kMaxWebBody = 16 * 1024;

class WebServer {
 public:
  // On 127.0.0.1, and on ::1 where there is one. Port 0 picks one that is free on both. kIo when
  // the port cannot be had.
  static Result<std::unique_ptr<WebServer>> Listen(uint16_t port);
  virtual ~WebServer() = default;

  virtual uint16_t port() const = 0;
  // From now on, in threads of its own. Once.
  virtual void Serve(WebHandler handler) = 0;
  // Takes no more connections, waits a little for answers that are on their way, and ends the
  // threads. The handler is not called afterwards.
  virtual void Stop() = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_WEB_SERVER_H_
