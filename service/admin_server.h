// AdminServer: what operators and their monitoring ask, on an address of its own: plain HTTP, GET
// only, a connection for each request.
//
//   RECRYPT_ASSIGN(auto admin, AdminServer::Start("127.0.0.1:9464", pages));
//
// There is no authentication: it belongs on loopback, or behind what provides it. Connections,
// requests and times are bounded. Pages are made on its own thread, one at a time. Thread safe.
#ifndef RECRYPT_SERVICE_ADMIN_SERVER_H_
#define RECRYPT_SERVICE_ADMIN_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "service/http_message.h"

namespace recrypt {

class AdminServer {
 public:
  // By path. Anything else is answered 404.
  using Pages = std::map<std::string, std::function<HttpResponse()>, std::less<>>;

  // Listens and serves when it returns. `listen` as in HttpServerOptions.
  static Result<std::unique_ptr<AdminServer>> Start(const std::string& listen, Pages pages);
  virtual ~AdminServer() = default;

  // Where it listens, with the port that was picked.
  virtual std::string address() const = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_ADMIN_SERVER_H_
