// recryptd: the recryption service of a domain. See recryptd(8).
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/base/secret.h"
#include "service/audit.h"
#include "service/log.h"
#include "service/server.h"
#include "service/service_keys.h"
#include "service/sql_store.h"

namespace recrypt {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

int Complain(const Error& error) {
  std::fprintf(stderr, "recryptd: %s\n", error.message.c_str());
  return error.code == ErrorCode::kInvalid ? kExitUsage : kExitFailure;
}

// sd_notify(3): one datagram to the socket that the service manager names.
void NotifyManager(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || (path[0] != '/' && path[0] != '@') ||
      std::strlen(path) >= sizeof(address.sun_path)) {
    return;
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  (void)sendto(fd.get(), state, std::strlen(state), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size);
}

sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);  // the terminal is gone
  // Before there are threads: all of them inherit it, and sigwait takes the signals.
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

int Serve(const ServerConfig& config) {
  const sigset_t signals = BlockStopSignals();
  const SystemClock clock;
  auto server = Server::Start(config, clock);
  if (!server) return Complain(server.error());
  std::printf("recryptd: serving %s on %s fingerprint %s\n", config.domain.c_str(),
              (*server)->address().c_str(), (*server)->fingerprint().c_str());
  std::fflush(stdout);
  NotifyManager("READY=1");
  int signal_number = 0;
  while (sigwait(&signals, &signal_number) != 0) {
  }
  LogInfo(std::string("stopping on signal ") + strsignal(signal_number));
  NotifyManager("STOPPING=1");
  (*server)->Stop();
  server->reset();
  LogInfo("stopped");
  return 0;
}

int VerifyAuditOf(const std::string& state) {
  auto store = OpenSqliteStoreReadOnly(StorePath(state));
  if (!store) return Complain(store.error());
  const auto head = VerifyAudit(**store);
  if (!head) return Complain(head.error());
  const auto service = ReadServiceProfile(state);
  if (!service) return Complain(service.error());
  const auto checkpoints = VerifyCheckpoints(**store, service->Udf());
  if (!checkpoints) return Complain(checkpoints.error());
  std::printf("%llu records, head %s, %llu checkpoints signed by %s\n",
              static_cast<unsigned long long>(head->sequence), Base64UrlEncode(head->hash).c_str(),
              static_cast<unsigned long long>(*checkpoints), service->Udf().c_str());
  return 0;
}

// What the command line says overrules the file, which is why it is read twice.
Result<ServerConfig> ReadConfig(const CLI::App& app, const ServerConfig& given,
                                const std::string& file) {
  if (file.empty()) return given;
  RECRYPT_ASSIGN(ServerConfig config, LoadConfig(file, ServerConfig()));
  const auto overrule = [&app](const char* option, auto& setting, const auto& value) {
    if (app.count(option) > 0) setting = value;
  };
  overrule("--domain", config.domain, given.domain);
  overrule("--listen", config.listen, given.listen);
  overrule("--state", config.state, given.state);
  overrule("--cert", config.cert, given.cert);
  overrule("--key", config.key, given.key);
  overrule("--self-signed", config.self_signed, given.self_signed);
  overrule("--audit-sync", config.audit_sync, given.audit_sync);
  overrule("--registration", config.registration, given.registration);
  overrule("--threads", config.threads, given.threads);
  overrule("--log-level", config.log_level, given.log_level);
  return config;
}

int Main(int argc, char** argv) {
  ServerConfig given;
  std::string file;
  bool foreground = true;
  CLI::App app("The recryption service of a domain.");
  app.set_version_flag("--version", "recryptd " RECRYPTFS_VERSION);
  app.add_option("--domain", given.domain, "The domain served, such as example.com");
  app.add_option("--listen", given.listen, "Address and port; port 0 picks one");
  app.add_option("--state", given.state, "The directory of keys and store");
  app.add_option("--cert", given.cert, "TLS certificate chain, PEM");
  app.add_option("--key", given.key, "The certificate's key, PEM");
  app.add_flag("--self-signed", given.self_signed, "Serve with a certificate made here");
  app.add_option("--config", file, "A TOML file of the same settings");
  app.add_option("--audit-sync", given.audit_sync, "disk: answers wait for the disk; os");
  app.add_option("--registration", given.registration, "open or closed to new accounts");
  app.add_option("--threads", given.threads, "Threads that serve; 0 picks");
  app.add_option("--log-level", given.log_level, "debug, info, warning, error or off");
  app.add_flag("--foreground", foreground, "Stay in the foreground (always)");
  std::string audit_state;
  CLI::App* audit = app.add_subcommand("audit", "Look after the audit log");
  audit->require_subcommand(1);
  CLI::App* verify = audit->add_subcommand("verify", "Verify the chain of records");
  verify->add_option("--state", audit_state, "The state directory")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kExitUsage;
  }
  if (verify->parsed()) return VerifyAuditOf(audit_state);
  const auto config = ReadConfig(app, given, file);
  if (!config) return Complain(config.error());
  return Serve(*config);
}

}  // namespace
}  // namespace recrypt

int main(int argc, char** argv) {
  recrypt::HardenProcess();
  umask(077);
  return recrypt::Main(argc, argv);
}
