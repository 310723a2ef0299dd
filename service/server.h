// Server: a whole recryptd in a process: store, keys, transactions and the HTTP server over them.
//
//   RECRYPT_ASSIGN(auto server, Server::Start(config, clock));
//   std::printf("%s\n", server->address().c_str());
//   RECRYPT_ASSIGN(const auto at_next_start, server->Reload(changed));
//   server->Stop();
//
// Start, Reload and Stop from one thread.
#ifndef RECRYPT_SERVICE_SERVER_H_
#define RECRYPT_SERVICE_SERVER_H_

#include <functional>
#include <memory>

#include "core/base/unique_fd.h"
#include "service/admin_server.h"
#include "service/config.h"
#include "service/dispatcher.h"
#include "service/http_server.h"
#include "service/open_store.h"

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

  // Where /healthz, /readyz and /metrics are; empty when they are nowhere.
  std::string admin_address() const { return admin_ ? admin_->address() : ""; }

  // Makes what can be changed while it serves as `config` says: limits, log, and the TLS
  // certificate, whose files are read again. An error changes nothing of that. What takes effect at
  // the next start alone is named.
  Result<std::vector<std::string_view>> Reload(const ServerConfig& config);

  // Takes no more requests, answers those in flight, and writes what they were told. Everything
  // acknowledged is in the store.
  void Stop();

 private:
  Server(ServerConfig config, UniqueFd lock, ServiceKeys keys, const Clock& clock)
      : config_(std::move(config)),
        lock_(std::move(lock)),
        keys_(std::move(keys)),
        clock_(clock),
        started_(clock.NowSeconds()) {}

  void Begin(ServingStore opened, AuditSync sync);
  Status Listen();
  HttpResponse MetricsPage() const;

  ServerConfig config_;
  UniqueFd lock_;  // on the state directory
  ServiceKeys keys_;
  const Clock& clock_;
  const int64_t started_;
  Metrics metrics_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Sessions> sessions_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpServer> http_;  // goes before what it calls
  std::unique_ptr<AdminServer> admin_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SERVER_H_
