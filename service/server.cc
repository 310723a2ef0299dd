#include "service/server.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "service/log.h"
#include "service/measured_store.h"
#include "service/state_files.h"

namespace recrypt {
namespace {

int ThreadsFor(const ServerConfig& config) {
  if (config.threads > 0) return config.threads;
  const unsigned cores = std::clamp(std::thread::hardware_concurrency(), 2u, 8u);
  // Some wait for the database.
  return static_cast<int>(config.store.empty() ? cores : 2 * cores);
}

Result<TlsFiles> FindTlsFiles(const ServerConfig& config, const Clock& clock) {
  if (!config.self_signed) return TlsFiles{config.cert, config.key};
  return LoadOrCreateSelfSigned(config.state, config.domain, clock);
}

LoggedRequests LoggedRequestsOf(const ServerConfig& config) {
  if (config.log_requests == "none") return LoggedRequests::kNone;
  if (config.log_requests == "refused") return LoggedRequests::kRefused;
  if (config.log_requests == "all") return LoggedRequests::kAll;
  return LoggedRequests::kFailed;
}

HttpLimits LimitsOf(const ServerConfig& config) {
  return {config.max_connections, config.max_requests, config.max_wait_millis, config.stop_seconds};
}

std::optional<ResponseStatus> RedirectOf(const ServerConfig& config) {
  if (config.moved_to.empty()) return std::nullopt;
  const bool for_good = config.moved == "permanent";
  return ResponseStatus{for_good ? StatusCode::kRedirectPermanent : StatusCode::kRedirectTemporary,
                        "moved", config.moved_to};
}

Status SetUpLog(const ServerConfig& config) {
  SetLogFormat(config.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  return SetLogLevel(config.log_level);
}

}  // namespace

Server::~Server() { Stop(); }

Result<std::unique_ptr<Server>> Server::Start(const ServerConfig& config, const Clock& clock,
                                              const WrapStore& wrap) {
  RECRYPT_TRY(CheckConfig(config));
  RECRYPT_TRY(SetUpLog(config));
  RECRYPT_TRY(MakeStateDirectory(config.state));
  RECRYPT_ASSIGN(UniqueFd lock, LockStateDirectory(config.state));
  RECRYPT_ASSIGN(ServiceKeys keys, LoadOrCreateServiceKeys(config.state, config.domain, clock));
  const AuditSync sync = config.audit_sync == "os" ? AuditSync::kOs : AuditSync::kDisk;
  RECRYPT_ASSIGN(ServingStore opened, OpenServingStore({config.state, config.store}, sync, keys));
  RECRYPT_ASSIGN(Json profile, ClaimStore(*opened.store, keys));
  RECRYPT_TRY(AdoptServiceProfile(config.state, std::move(profile), keys));
  if (wrap) opened.store = wrap(std::move(opened.store));
  std::unique_ptr<Server> server(new Server(config, std::move(lock), std::move(keys), clock));
  server->Begin(std::move(opened), sync);
  RECRYPT_TRY(server->Listen());
  return server;
}

void Server::Begin(ServingStore opened, AuditSync sync) {
  store_ = std::make_unique<MeasuredStore>(std::move(opened.store), metrics_);
  sessions_ = std::move(opened.sessions);
  const Registration registration =
      config_.registration == "closed" ? Registration::kClosed : Registration::kOpen;
  const bool waits = sync == AuditSync::kDisk || !config_.store.empty();
  const auto writer = waits ? Committer::Writer::kOwnThread : Committer::Writer::kCaller;
  dispatcher_ = std::make_unique<Dispatcher>(
      ServiceOptions{config_.domain, registration, config_.guests, writer, RedirectOf(config_)},
      keys_, clock_, *store_, *sessions_, metrics_);
  dispatcher_->LogRequests(LoggedRequestsOf(config_));
}

Status Server::Listen() {
  HttpServerOptions http;
  http.listen = config_.listen;
  http.threads = ThreadsFor(config_);
  http.limits = LimitsOf(config_);
  http.max_body = kMaxRequestBody;
  http.turned_away = [this](int status) { metrics_.CountTurnedAway(status); };
  RECRYPT_ASSIGN(http.tls, FindTlsFiles(config_, clock_));
  RECRYPT_ASSIGN(http_, HttpServer::Start(http, [this](HttpRequest request, HttpReply reply) {
                   dispatcher_->Handle(std::move(request), std::move(reply));
                 }));
  if (config_.admin_listen.empty()) return {};
  const auto page = [this](const char* path) {
    return [this, path] { return dispatcher_->Page(path); };
  };
  RECRYPT_ASSIGN(admin_, AdminServer::Start(config_.admin_listen,
                                            {{"/healthz", page("/healthz")},
                                             {"/readyz", page("/readyz")},
                                             {"/metrics", [this] { return MetricsPage(); }}}));
  return {};
}

HttpResponse Server::MetricsPage() const {
  Metrics::Gauges gauges;
  const HttpLoad load = http_->load();
  gauges.connections = load.connections;
  gauges.requests = load.requests;
  gauges.wait_millis = load.wait_millis;
  gauges.certificate_expires = http_->certificate_expires();
  gauges.started = started_;
  dispatcher_->Measure(gauges);
  HttpResponse response = PlainResponse(200, metrics_.Render(gauges));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

Result<std::vector<std::string_view>> Server::Reload(const ServerConfig& config) {
  ServerConfig next = config_;
  for (const Setting& setting : Settings()) {
    if (setting.effect == Setting::Effect::kReload) CopySetting(setting, config, next);
  }
  RECRYPT_TRY(CheckConfig(next));
  RECRYPT_ASSIGN(const TlsFiles tls, FindTlsFiles(next, clock_));
  RECRYPT_TRY(http_->UseTls(tls));
  RECRYPT_TRY(SetUpLog(next));
  http_->SetLimits(LimitsOf(next));
  dispatcher_->LogRequests(LoggedRequestsOf(next));
  config_ = std::move(next);
  return ChangedSettings(config_, config, Setting::Effect::kStart);
}

void Server::Stop() {
  // Monitoring sees it stop: the pages of operators go last.
  if (dispatcher_) dispatcher_->PrepareToStop();
  if (http_) http_->Stop();
  // Requests cut off by the time limit are still written; their senders were told nothing.
  if (dispatcher_) dispatcher_->Stop();
  admin_.reset();
}

}  // namespace recrypt
