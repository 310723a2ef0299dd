#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <sstream>

#include "cli/parser.h"

namespace recrypt {
namespace {

struct ValueName {
  std::string_view name;
  Completes completes;
};
// By what the value is called in the help; TEXT is what the library calls a nameless one.
constexpr std::array kValueNames = {ValueName{"FILE", Completes::kFiles},
                                    ValueName{"OUTPUT", Completes::kFiles},
                                    ValueName{"PATH", Completes::kFiles},
                                    ValueName{"TEXT", Completes::kFiles},
                                    ValueName{"DIR", Completes::kDirectories},
                                    ValueName{"DIRECTORY", Completes::kDirectories},
                                    ValueName{"ROOT", Completes::kDirectories},
                                    ValueName{"SHARE", Completes::kDirectories},
                                    ValueName{"MOUNTPOINT", Completes::kDirectories}};

Completes ByName(const std::string& value) {
  for (const ValueName& known : kValueNames) {
    if (value == known.name) return known.completes;
  }
  return Completes::kNothing;
}

std::vector<std::string> SplitAtBars(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, '|');) parts.push_back(part);
  return parts;
}

CompletedOption OptionOf(const CLI::Option& option) {
  CompletedOption completed;
  for (const std::string& name : option.get_snames()) completed.spellings.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) completed.spellings.push_back("--" + name);
  completed.about = option.get_description();
  completed.many = option.get_expected_max() > 1;
  const bool argument = option.get_positional();
  if (!argument && option.get_items_expected_max() == 0) return completed;
  completed.value = argument ? option.get_name(true) : option.get_type_name();
  completed.completes = ByName(completed.value);
  if (completed.value.find('|') == std::string::npos) return completed;
  completed.completes = Completes::kChoices;
  completed.choices = SplitAtBars(completed.value);
  return completed;
}

std::string FirstWord(const CompletedCommand& command) {
  return command.words.substr(0, command.words.find(' '));
}

}  // namespace

CompletedCommand CompletedCommandOf(const CLI::App& app, const std::string& words) {
  CompletedCommand command{words, app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    (option->get_positional() ? command.arguments : command.options).push_back(OptionOf(*option));
  }
  return command;
}

CompletedCommand CompletedCommandOf(const Verb& verb) {
  CLI::App app{std::string(verb.about)};
  const auto command = verb.make();
  bool json = false;
  DeclareVerb(verb, *command, &json, app);
  return CompletedCommandOf(app, std::string(verb.words));
}

std::vector<const CompletedCommand*> CommandsAfter(const CompletedProgram& program,
                                                   const std::string& first) {
  std::vector<const CompletedCommand*> commands;
  for (const CompletedCommand& command : program.commands) {
    if (command.words.starts_with(first + " ")) commands.push_back(&command);
  }
  return commands;
}

std::vector<std::string> FirstWords(const CompletedProgram& program) {
  std::vector<std::string> words;
  for (const CompletedCommand& command : program.commands) {
    const std::string first = FirstWord(command);
    if (first.empty() || std::find(words.begin(), words.end(), first) != words.end()) continue;
    words.push_back(first);
  }
  return words;
}

std::string SecondWord(const CompletedCommand& command) {
  return command.words.substr(command.words.find(' ') + 1);
}

std::string AboutFirstWord(const CompletedProgram& program, const std::string& word) {
  std::vector<std::string> after;
  for (const CompletedCommand& command : program.commands) {
    if (command.words == word) return command.about;
    if (FirstWord(command) == word) after.push_back(SecondWord(command));
  }
  return Joined(after, ", ");
}

std::string EscapedBy(const std::string& escape, const std::string& characters,
                      const std::string& text) {
  std::string escaped;
  for (const char each : text) {
    if (characters.find(each) != std::string::npos) escaped += escape;
    escaped += each;
  }
  return escaped;
}

std::string Joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

}  // namespace recrypt
