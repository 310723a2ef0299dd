#include "cli/parser.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <sstream>

#include "cli/command.h"
#include "cli/exit_codes.h"
#include "cli/version.h"

namespace recrypt {
namespace {

class AppOptions : public Options {
 public:
  explicit AppOptions(CLI::App& app) : app_(app) {}

  void Argument(const std::string& name, std::string* to, const std::string& about,
                Need need) override {
    app_.add_option(name, *to, about)->required(need == Need::kRequired)->type_name("");
  }
  void Arguments(const std::string& name, std::vector<std::string>* to, const std::string& about,
                 Need need) override {
    app_.add_option(name, *to, about)->required(need == Need::kRequired)->type_name("");
  }
  void Value(const std::string& flags, const std::string& value, std::string* to,
             const std::string& about) override {
    app_.add_option(flags, *to, about)->type_name(value);
  }
  void Values(const std::string& flags, const std::string& value, std::vector<std::string>* to,
              const std::string& about) override {
    app_.add_option(flags, *to, about)->type_name(value)->allow_extra_args(false);
  }
  void Choice(const std::string& flags, const std::vector<std::string>& choices, std::string* to,
              const std::string& about) override {
    std::string names;
    for (const auto& choice : choices) names += (names.empty() ? "" : "|") + choice;
    const auto one_of = [choices, names](const std::string& given) {
      const bool known = std::find(choices.begin(), choices.end(), given) != choices.end();
      return known ? std::string() : "'" + given + "' is none of " + names;
    };
    app_.add_option(flags, *to, about)->check(CLI::Validator(one_of, ""))->type_name(names);
  }
  void Flag(const std::string& flags, bool* to, const std::string& about) override {
    app_.add_flag(flags, *to, about);
  }
  void Hidden(const std::string& flag, std::string* to) override {
    app_.add_option(flag, *to)->group("");
  }

 private:
  CLI::App& app_;
};

std::vector<std::string> Words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

// The verb whose words the arguments begin with; its words are taken off.
const Verb* TakeVerb(std::span<const Verb> verbs, std::vector<std::string>& arguments) {
  for (const Verb& verb : verbs) {
    const auto words = Words(verb.words);
    if (arguments.size() < words.size()) continue;
    if (!std::equal(words.begin(), words.end(), arguments.begin())) continue;
    arguments.erase(arguments.begin(), arguments.begin() + static_cast<ptrdiff_t>(words.size()));
    return &verb;
  }
  return nullptr;
}

// All verbs, or those of one subject.
std::string Overview(std::span<const Verb> verbs, std::string_view subject) {
  std::string text =
      "recryptfs: documents on a file share, encrypted to security labels\n\nUsage: "
      "recryptfs COMMAND [OPTIONS] ARGUMENTS\n\n";
  for (const Verb& verb : verbs) {
    if (!subject.empty() && Words(verb.words).front() != subject) continue;
    text += "  " + std::string(verb.words);
    text.append(18 - std::min<size_t>(17, verb.words.size()), ' ');
    text += std::string(verb.about) + '\n';
  }
  return text +
         "\nOptions and an example of each: recryptfs COMMAND --help. Manual: recryptfs(1).\n";
}

bool IsSubject(std::span<const Verb> verbs, std::string_view word) {
  return std::any_of(verbs.begin(), verbs.end(),
                     [&](const Verb& verb) { return Words(verb.words).front() == word; });
}

// No verb: help, version, or a mistake.
int RunWithoutVerb(std::span<const Verb> verbs, const std::vector<std::string>& arguments,
                   std::ostream& out, Output& output) {
  const std::string first = arguments.empty() ? "" : arguments.front();
  if (first == "--version" || first == "-V") {
    out << VersionText();
    return output.Flush() ? 0 : static_cast<int>(ExitCode::kFailed);
  }
  if (first == "--help" || first == "-h" || first == "help") {
    out << Overview(verbs, "");
    return 0;
  }
  if (IsSubject(verbs, first)) {
    const bool asked = arguments.size() == 2 && (arguments[1] == "--help" || arguments[1] == "-h");
    if (asked) {
      out << Overview(verbs, first);
      return 0;
    }
    const std::string which = arguments.size() > 1 ? "'" + first + " " + arguments[1] + "' is no"
                                                   : "'" + first + "' alone is no";
    output.Failure({ErrorCode::kInvalid,
                    which + " command; 'recryptfs " + first + " --help' lists those there are"});
  } else if (first.empty()) {
    output.Failure({ErrorCode::kInvalid, "no command given; 'recryptfs --help' lists them"});
  } else {
    output.Failure(
        {ErrorCode::kInvalid, "'" + first + "' is no command; 'recryptfs --help' lists them"});
  }
  return static_cast<int>(ExitCode::kUsage);
}

enum class Parsed { kRun, kHelpShown };

Result<Parsed> Parse(CLI::App& app, std::vector<std::string> arguments, std::ostream& out) {
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    out << app.help();
    return Parsed::kHelpShown;
  } catch (const CLI::Error& problem) {
    return Fail(ErrorCode::kInvalid,
                std::string(problem.what()) + "; see '" + app.get_name() + " --help'");
  }
  return Parsed::kRun;
}

}  // namespace

void DeclareVerb(const Verb& verb, Command& command, bool* json, CLI::App& app) {
  app.footer("Example:\n  " + std::string(verb.example));
  AppOptions options(app);
  command.Declare(options);
  app.add_flag("--json", *json, "Print JSON");
}

int RunCommandLine(std::span<const Verb> verbs, std::vector<std::string> arguments,
                   std::ostream& out, std::ostream& err, Colours colours) {
  // Before the options are understood, an error must know already how to show itself.
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  bool json = std::find(arguments.begin(), end, "--json") != end;
  const std::vector<std::string> whole = arguments;
  Output output(out, err, json ? OutputForm::kJson : OutputForm::kText, colours);
  const Verb* verb = TakeVerb(verbs, arguments);
  if (verb == nullptr) return RunWithoutVerb(verbs, arguments, out, output);

  CLI::App app(std::string(verb->about), "recryptfs " + std::string(verb->words));
  const std::unique_ptr<Command> command = verb->make();
  DeclareVerb(*verb, *command, &json, app);

  auto parsed = Parse(app, std::move(arguments), out);
  Context context{output, whole, {}};
  Status done;
  if (!parsed) {
    done = Fail(parsed.error());
  } else if (*parsed == Parsed::kRun) {
    done = command->Run(context);
  }
  if (context.exit_status) return *context.exit_status;
  if (done && !output.Flush()) {
    done = Fail(ErrorCode::kIo, "standard output cannot be written");
  }
  if (done) return static_cast<int>(ExitCode::kOk);
  output.LastFailure(done.error());
  return static_cast<int>(ExitCodeOf(done.error()));
}

}  // namespace recrypt
