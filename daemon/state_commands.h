// The commands of recryptd about a state directory that need no service: audit verify, backup,
// restore, rotate-key.
//
//   StateCommands commands;
//   commands.Declare(app);
//   app.parse(argc, argv);
//   if (const auto done = commands.Run()) …;    // one of them was given
#ifndef RECRYPT_DAEMON_STATE_COMMANDS_H_
#define RECRYPT_DAEMON_STATE_COMMANDS_H_

#include <functional>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "service/open_store.h"

namespace CLI {
class App;
}

namespace recrypt {

class StateCommands {
 public:
  void Declare(CLI::App& app);
  // Nothing when none was given. What it has to say goes to standard output.
  std::optional<Status> Run() const;

 private:
  StorePlace place_;
  std::string file_;
  std::function<Status()> given_;
};

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_STATE_COMMANDS_H_
