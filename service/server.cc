#include "service/server.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "service/log.h"
#include "service/sql_store.h"
#include "service/state_files.h"

namespace recrypt {
namespace {

Result<UniqueFd> LockState(const std::string& state) {
  const std::string path = state + "/lock";
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return FailErrno(errno, "opening " + path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  return Fail(ErrorCode::kBusy, "another recryptd serves from " + state);
}

int ThreadsFor(const ServerConfig& config) {
  if (config.threads > 0) return config.threads;
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 2u, 8u));
}

Result<TlsFiles> FindTlsFiles(const ServerConfig& config, const Clock& clock) {
  if (!config.self_signed) return TlsFiles{config.cert, config.key};
  return LoadOrCreateSelfSigned(config.state, config.domain, clock);
}

}  // namespace

std::string StorePath(const std::string& state) { return state + "/recryptd.sqlite"; }

Server::Server(UniqueFd lock, std::unique_ptr<Store> store, ServiceKeys keys)
    : lock_(std::move(lock)), store_(std::move(store)), keys_(std::move(keys)) {}

Server::~Server() { Stop(); }

Result<std::unique_ptr<Server>> Server::Start(const ServerConfig& config, const Clock& clock,
                                              const WrapStore& wrap) {
  RECRYPT_TRY(CheckConfig(config));
  RECRYPT_TRY(SetLogLevel(config.log_level));
  RECRYPT_TRY(MakeStateDirectory(config.state));
  RECRYPT_ASSIGN(UniqueFd lock, LockState(config.state));
  RECRYPT_ASSIGN(ServiceKeys keys, LoadOrCreateServiceKeys(config.state, config.domain, clock));
  const AuditSync sync = config.audit_sync == "os" ? AuditSync::kOs : AuditSync::kDisk;
  RECRYPT_ASSIGN(std::unique_ptr<Store> store, OpenSqliteStore(StorePath(config.state), sync));
  if (wrap) store = wrap(std::move(store));
  HttpServerOptions http;
  http.listen = config.listen;
  http.threads = ThreadsFor(config);
  http.max_body = kMaxRequestBody;
  RECRYPT_ASSIGN(http.tls, FindTlsFiles(config, clock));
  std::unique_ptr<Server> server(new Server(std::move(lock), std::move(store), std::move(keys)));
  const Registration registration =
      config.registration == "closed" ? Registration::kClosed : Registration::kOpen;
  const auto writer =
      sync == AuditSync::kOs ? Committer::Writer::kCaller : Committer::Writer::kOwnThread;
  server->dispatcher_ = std::make_unique<Dispatcher>(
      ServiceOptions{config.domain, registration, writer}, server->keys_, clock, *server->store_);
  Dispatcher& dispatcher = *server->dispatcher_;
  RECRYPT_ASSIGN(server->http_,
                 HttpServer::Start(http, [&dispatcher](HttpRequest request, HttpReply reply) {
                   dispatcher.Handle(std::move(request), std::move(reply));
                 }));
  return server;
}

void Server::Stop() {
  if (http_) http_->Stop();
  // Requests cut off by the time limit are still written; their senders were told nothing.
  if (dispatcher_) dispatcher_->Stop();
}

}  // namespace recrypt
