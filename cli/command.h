// Command: one verb of `recryptfs`. A verb is a row of the table in verbs.cc: its words, what it
// does, an example, and how to make its Command, which declares its options and then runs.
//
//   class Audit : public Command {
//    public:
//     void Declare(Options& options) override { options.Argument("LABEL", &label_, "…"); }
//     Status Run(Context& context) override;
//    private:
//     std::string label_;
//   };
//
// Options is the option parser as commands see it; the library behind it stands in parser.cc
// alone. Not thread safe.
#ifndef RECRYPT_CLI_COMMAND_H_
#define RECRYPT_CLI_COMMAND_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/output.h"

namespace recrypt {

enum class Need { kRequired, kOptional };

class Options {
 public:
  virtual ~Options() = default;
  // Positional ones, in order; `Arguments` takes all that are left.
  virtual void Argument(const std::string& name, std::string* to, const std::string& about,
                        Need need = Need::kRequired) = 0;
  virtual void Arguments(const std::string& name, std::vector<std::string>* to,
                         const std::string& about, Need need = Need::kRequired) = 0;
  // `flags` as in "-o,--output"; `value` is the name of the value in the help.
  virtual void Value(const std::string& flags, const std::string& value, std::string* to,
                     const std::string& about) = 0;
  virtual void Values(const std::string& flags, const std::string& value,
                      std::vector<std::string>* to, const std::string& about) = 0;
  virtual void Choice(const std::string& flags, const std::vector<std::string>& choices,
                      std::string* to, const std::string& about) = 0;
  virtual void Flag(const std::string& flags, bool* to, const std::string& about) = 0;
  // A value that only this program gives to itself: stands in no help.
  virtual void Hidden(const std::string& flag, std::string* to) = 0;
};

// What a running command stands on.
struct Context {
  Output& out;
  const std::vector<std::string>& arguments;  // the whole command line, the verb's words included
  // Set by a command that failed and has said so already: the exit status then.
  std::optional<int> exit_status;
};

class Command {
 public:
  virtual ~Command() = default;
  virtual void Declare(Options& options) = 0;
  virtual Status Run(Context& context) = 0;
};

template <typename T>
std::unique_ptr<Command> MakeCommand() {
  return std::make_unique<T>();
}

struct Verb {
  std::string_view words;    // "label create"
  std::string_view about;    // what it does, in a line
  std::string_view example;  // a whole command line
  std::unique_ptr<Command> (*make)();
};

// Every verb, in the order of the overview.
std::span<const Verb> Verbs();

// Reads `arguments` (those behind the program's name) and runs the verb that they name; what goes
// wrong is printed. Returns the exit status.
int RunCommandLine(std::span<const Verb> verbs, std::vector<std::string> arguments,
                   std::ostream& out, std::ostream& err, Colours colours = {});

}  // namespace recrypt

#endif  // RECRYPT_CLI_COMMAND_H_
