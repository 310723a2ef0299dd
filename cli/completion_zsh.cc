#include "cli/completion.h"

namespace recrypt {
namespace {

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char each : text) quoted += each == '\'' ? "'\\''" : std::string(1, each);
  return quoted + "'";
}

std::string Described(const std::string& word, const std::string& about) {
  return Quoted(word + ":" + EscapedBy("\\", ":\\", about));
}

std::string ActionOf(const CompletedOption& option) {
  switch (option.completes) {
    case Completes::kFiles:
      return "_files";
    case Completes::kDirectories:
      return "_files -/";
    case Completes::kChoices:
      return "(" + Joined(option.choices, " ") + ")";
    default:
      return "()";  // something, of which nothing is known; " " would keep options from coming up
  }
}

std::string Value(const CompletedOption& option) {
  return ":" + EscapedBy("\\", ":\\", option.value) + ":" + ActionOf(option);
}

// A specification of _arguments.
std::string OptionSpec(const CompletedOption& option) {
  const bool flag = option.completes == Completes::kFlag;
  const std::string excluded = option.many ? "*" : "(" + Joined(option.spellings, " ") + ")";
  const std::string rest =
      "[" + EscapedBy("\\", "[]:\\", option.about) + "]" + (flag ? "" : Value(option));
  std::string specs;
  for (const std::string& spelling : option.spellings) {
    const std::string ending = flag ? "" : spelling.starts_with("--") ? "=" : "+";
    specs += " \\\n        " + Quoted(excluded + spelling + ending + rest);
  }
  return specs;
}

std::string Arguments(const CompletedCommand& command) {
  std::string text = "      _arguments -s -S";
  for (const CompletedOption& option : command.options) text += OptionSpec(option);
  int place = 0;
  for (const CompletedOption& argument : command.arguments) {
    const std::string where = argument.many ? "*" : std::to_string(++place);
    text += " \\\n        " + Quoted(where + Value(argument));
  }
  return text + "\n";
}

std::string CaseOf(const CompletedCommand& command, const std::string& pattern, int words) {
  return "    " + pattern + ")\n      shift " + std::to_string(words) +
         " words\n      (( CURRENT -= " + std::to_string(words) + " ))\n" + Arguments(command) +
         "      return\n      ;;\n";
}

std::string Choice(const std::string& condition, const std::vector<std::string>& words) {
  return "  if " + condition + "; then\n    known=(" + Joined(words, " ") +
         ")\n    _describe -t commands command known\n  fi\n";
}

}  // namespace

std::string ZshCompletion(const CompletedProgram& program) {
  std::string text = "#compdef " + program.name;
  for (const std::string& alias : program.aliases) text += " " + alias;
  text += "\n# Completion of " + program.name +
          " for zsh, made from the options of the program.\n_" + program.name +
          "() {\n  local -a known\n";
  std::vector<std::string> first;
  for (const std::string& word : FirstWords(program)) {
    first.push_back(Described(word, AboutFirstWord(program, word)));
  }
  text += Choice("(( CURRENT == 2 ))", first);
  for (const std::string& word : FirstWords(program)) {
    std::vector<std::string> second;
    for (const CompletedCommand* command : CommandsAfter(program, word)) {
      second.push_back(Described(SecondWord(*command), command->about));
    }
    if (second.empty()) continue;
    text += Choice("(( CURRENT == 3 )) && [[ $words[2] == " + word + " ]]", second);
  }
  text += "  case \"$words[2] $words[3]\" in\n";
  for (const CompletedCommand& command : program.commands) {
    if (command.words.find(' ') == std::string::npos) continue;
    text += CaseOf(command, "'" + command.words + "'", 2);
  }
  for (const CompletedCommand& command : program.commands) {
    if (command.words.empty() || command.words.find(' ') != std::string::npos) continue;
    text += CaseOf(command, "'" + command.words + " '*", 1);
  }
  for (const CompletedCommand& command : program.commands) {
    if (command.words.empty()) text += CaseOf(command, "*", 0);
  }
  return text + "  esac\n}\nif [[ ${funcstack[1]} == _" + program.name + " ]]; then\n  _" +
         program.name + " \"$@\"\nelse\n  compdef _" + program.name + " " + program.name +
         (program.aliases.empty() ? "" : " " + Joined(program.aliases, " ")) + "\nfi\n";
}

}  // namespace recrypt
