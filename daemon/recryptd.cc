// recryptd: the recryption service of a domain. See recryptd(8).
#include <signal.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>

#include "core/base/secret.h"
#include "daemon/command_line.h"
#include "daemon/service_manager.h"
#include "service/log.h"
#include "service/server.h"

namespace recrypt {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

int Complain(const Error& error) {
  std::fprintf(stderr, "recryptd: %s\n", error.message.c_str());
  return error.code == ErrorCode::kInvalid ? kExitUsage : kExitFailure;
}

sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, one);
  // Before there are threads: all of them inherit it, and sigwait takes the signals.
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// What was there before goes on when anything is wrong with the new settings.
void Reload(Server& server, const CommandLine& line) {
  NotifyReloading();
  const auto config = line.ReadConfig();
  const auto later =
      config ? server.Reload(*config) : Result<std::vector<std::string_view>>(Fail(config.error()));
  if (!later) LogError("not reloaded: " + later.error().message);
  if (later) LogInfo("reloaded");
  if (later) {
    for (const std::string_view name : *later) {
      LogWarning(std::string(name) + " changes at the next start");
    }
  }
  NotifyManager("READY=1",
                later ? "Serving " + config->domain : "Not reloaded: " + later.error().message);
}

int Serve(const CommandLine& line) {
  const auto config = line.ReadConfig();
  if (!config) return Complain(config.error());
  const sigset_t signals = BlockSignals();
  const SystemClock clock;
  auto server = Server::Start(*config, clock);
  if (!server) return Complain(server.error());
  std::printf("recryptd: serving %s on %s fingerprint %s\n", config->domain.c_str(),
              (*server)->address().c_str(), (*server)->fingerprint().c_str());
  const std::string admin = (*server)->admin_address();
  if (!admin.empty()) std::printf("recryptd: administration on %s\n", admin.c_str());
  std::fflush(stdout);
  NotifyManager("READY=1", "Serving " + config->domain + " on " + (*server)->address());
  int number = 0;
  while (sigwait(&signals, &number) != 0 || number == SIGHUP) {
    if (number == SIGHUP) Reload(**server, line);
  }
  LogInfo(std::string("stopping on signal ") + strsignal(number));
  NotifyManager("STOPPING=1");
  (*server)->Stop();
  server->reset();
  LogInfo("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("The recryption service of a domain.");
  CommandLine line;
  line.Declare(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kExitUsage;
  }
  if (const auto done = line.RunStateCommand()) return *done ? 0 : Complain(done->error());
  if (!line.only_checks()) return Serve(line);
  const auto config = line.ReadConfig();
  if (!config) return Complain(config.error());
  std::printf("The settings can be served.\n");
  return 0;
}

}  // namespace
}  // namespace recrypt

int main(int argc, char** argv) {
  recrypt::HardenProcess();
  umask(077);
  return recrypt::Main(argc, argv);
}
