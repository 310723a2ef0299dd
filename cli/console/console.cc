// recryptfs console: a label's administration as pages in a browser of this machine.
#include <array>
#include <charconv>
#include <chrono>
#include <thread>

#include "cli/console/console_app.h"
#include "cli/console/web_server.h"
#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"

namespace recrypt {
namespace {

constexpr std::chrono::milliseconds kLook(100);

Result<uint16_t> ParsePort(const std::string& text) {
  if (text.empty()) return 0;
  int port = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  if (parsed.ec == std::errc() && parsed.ptr == end && port >= 1 && port <= 65535) {
    return static_cast<uint16_t>(port);
  }
  return Fail(ErrorCode::kInvalid, "'" + text + "' is no port, a number from 1 to 65535");
}

class Console : public Command {
 public:
  void Declare(Options& options) override {
    options.Value("--port", "N", &port_, "Listen there; on a port that is free unless given");
    options.Value("--idle", "DURATION", &idle_, "End when nobody has used it for so long; 15m");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const uint16_t port, ParsePort(port_));
    RECRYPT_ASSIGN(const uint32_t idle, ParseDuration(idle_));
    if (idle == 0) return Fail(ErrorCode::kInvalid, "--idle is at least a second");
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    // Pages ask about fingerprints, and nobody sits at the terminal any more.
    opened.prompt->Silence();
    return Serve(context, *opened, port, idle);
  }

 private:
  static Status Serve(Context& context, Client& client, uint16_t port, uint32_t idle) {
    RECRYPT_ASSIGN(const auto server, WebServer::Listen(port));
    ConsoleApp app(client, server->port());
    server->Serve([&app](const WebRequest& request) { return app.Answer(request); });
    const std::string url =
        "http://127.0.0.1:" + std::to_string(server->port()) + app.EntryTarget();
    context.out.Line("The console is open for one browser of this machine, at\n\n    " + url +
                     "\n\nIt ends by its button, by Ctrl-C here, and when nobody has used it for " +
                     FormatDuration(idle) + ".");
    context.out.Object({{"url", url}});
    const bool told = context.out.Flush();
    while (told && !app.ended() && app.IdleSeconds() < int64_t{idle}) {
      std::this_thread::sleep_for(kLook);
    }
    server->Stop();  // before the app goes, which it calls
    if (!told) return Fail(ErrorCode::kIo, "standard output cannot be written");
    context.out.Line(app.ended() ? "The console has ended."
                                 : "Nobody has used the console for " + FormatDuration(idle) +
                                       ": it has ended.");
    return {};
  }

  std::string port_, idle_ = "15m";
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"console", "Administer labels in a browser of this machine", "recryptfs console",
         MakeCommand<Console>},
};

}  // namespace

std::span<const Verb> ConsoleVerbs() { return kVerbs; }

}  // namespace recrypt
