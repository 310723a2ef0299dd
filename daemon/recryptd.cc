// recryptd: the recryption service of a domain. See recryptd(8).
#include <signal.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "core/base/secret.h"
#include "daemon/service_manager.h"
#include "daemon/state_commands.h"
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

// What the command line says overrules the file, which is why the file is read first, each time.
class ConfigSource {
 public:
  void Declare(CLI::App& app) {
    for (const Setting& setting : Settings()) {
      const std::string option = "--" + std::string(setting.name);
      const std::string help(setting.help);
      std::visit(
          [&](const auto place) {
            auto& value = given_.*place;
            if constexpr (std::is_same_v<decltype(value), bool&>) {
              app.add_flag(option, value, help);
            } else {
              app.add_option(option, value, help);
            }
          },
          setting.place);
    }
    app.add_option("--config", file_, "A TOML file of the same settings");
    app_ = &app;
  }

  Result<ServerConfig> Read() const {
    ServerConfig config;
    if (!file_.empty()) {
      RECRYPT_ASSIGN(config, LoadConfig(file_, std::move(config)));
    }
    for (const Setting& setting : Settings()) {
      if (app_->count("--" + std::string(setting.name)) > 0) CopySetting(setting, given_, config);
    }
    RECRYPT_TRY(CheckConfig(config));
    return config;
  }

 private:
  const CLI::App* app_ = nullptr;
  ServerConfig given_;
  std::string file_;
};

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
void Reload(Server& server, const ConfigSource& source) {
  NotifyReloading();
  const auto config = source.Read();
  const auto later =
      config ? server.Reload(*config) : Result<std::vector<std::string_view>>(Fail(config.error()));
  if (!later) LogError("not reloaded: " + later.error().message);
  if (later) LogInfo("reloaded");
  if (later) {
    for (const std::string_view name : *later) {
      LogWarning(std::string(name) + " changes at the next start");
    }
  }
  NotifyManager("READY=1");
}

int Serve(const ConfigSource& source) {
  const auto config = source.Read();
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
  NotifyManager("READY=1");
  int number = 0;
  while (sigwait(&signals, &number) != 0 || number == SIGHUP) {
    if (number == SIGHUP) Reload(**server, source);
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
  app.set_version_flag("--version", "recryptd " RECRYPTFS_VERSION);
  ConfigSource source;
  source.Declare(app);
  bool foreground = true;
  app.add_flag("--foreground", foreground, "Stay in the foreground (always)");
  bool check = false;
  app.add_flag("--check", check, "Check the settings and do nothing else");
  StateCommands commands;
  commands.Declare(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kExitUsage;
  }
  if (const auto done = commands.Run()) return *done ? 0 : Complain(done->error());
  if (!check) return Serve(source);
  const auto config = source.Read();
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
