// The command line of recryptd.
//
//   CommandLine line;
//   line.Declare(app);
//   app.parse(argc, argv);
//   RECRYPT_ASSIGN(const ServerConfig config, line.ReadConfig());
//
// Not thread safe.
#ifndef RECRYPT_DAEMON_COMMAND_LINE_H_
#define RECRYPT_DAEMON_COMMAND_LINE_H_

#include <optional>
#include <string>

#include "daemon/state_commands.h"
#include "service/config.h"

namespace CLI {
class App;
}

namespace recrypt {

class CommandLine {
 public:
  // This object outlives `app`.
  void Declare(CLI::App& app);
  // What the command line says overrules the file, which is read anew each time.
  Result<ServerConfig> ReadConfig() const;
  bool only_checks() const { return check_; }
  // Nothing when the service itself is wanted.
  std::optional<Status> RunStateCommand() const { return commands_.Run(); }

 private:
  const CLI::App* app_ = nullptr;
  ServerConfig given_;
  std::string file_;
  bool foreground_ = true;
  bool check_ = false;
  StateCommands commands_;
};

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_COMMAND_LINE_H_
