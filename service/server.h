// Server: a whole recryptd in a process: store, keys, transactions and the HTTP server over them.
//
//   RECRYPT_ASSIGN(auto server, Server::Start(config, clock));
//   std::printf("%s\n", server->address().c_str());
//   server->Stop();
//
// Start and Stop from one thread.
#ifndef RECRYPT_SERVICE_SERVER_H_
#define RECRYPT_SERVICE_SERVER_H_

#include <functional>
#include <memory>

#include "core/base/unique_fd.h"
#include "service/config.h"
#include "service/dispatcher.h"
#include "service/http_server.h"

namespace recrypt {

class Server {
 public:
  // What a test puts between the service and its store.
  using WrapStore = std::function<std::unique_ptr<Store>(std::unique_ptr<Store>)>;

  // Serves when it returns. kBusy when another recryptd has the state directory.
  static Result<std::unique_ptr<Server>> Start(const ServerConfig& config, const Clock& clock,
                                               const WrapStore& wrap = nullptr);
  ~Server();

  std::string address() const { return http_->address(); }
  const std::string& fingerprint() const { return keys_.udf; }
  const ServiceKeys& keys() const { return keys_; }

  // Takes no more requests, answers those in flight, and writes what they were told. Everything
  // acknowledged is in the store.
  void Stop();

 private:
  Server(UniqueFd lock, std::unique_ptr<Store> store, ServiceKeys keys);

  UniqueFd lock_;  // on the state directory
  std::unique_ptr<Store> store_;
  ServiceKeys keys_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpServer> http_;  // goes first: it calls the dispatcher
};

// Where the SQLite store of a state directory is.
std::string StorePath(const std::string& state);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SERVER_H_
