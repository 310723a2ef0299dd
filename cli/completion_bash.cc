#include <algorithm>

#include "cli/completion.h"

namespace recrypt {
namespace {

// Needs nothing of the package bash-completion. Bash hands --option=value over as three words.
constexpr const char* kBegin = R"(  local cur=$2 prev=$3 words='' options='' kind=none
  local one=${COMP_WORDS[1]-} two="${COMP_WORDS[1]-} ${COMP_WORDS[2]-}"
  if [ "$cur" = = ]; then
    cur=''
    prev=${COMP_WORDS[COMP_CWORD-1]}
    if [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  elif [ "$prev" = = ]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
)";

constexpr const char* kEnd = R"(  case "$cur:$kind" in
    -*:value-*) ;;
    -*) words=$options kind=none ;;
  esac
  case "$kind" in *files | *directories) compopt -o filenames 2>/dev/null ;; esac
  mapfile -t COMPREPLY < <(
    [ -z "$words" ] || compgen -W "$words" -- "$cur"
    case "$kind" in
      *files) compgen -f -- "$cur" ;;
      *directories) compgen -d -- "$cur" ;;
    esac
  )
)";

std::string KindOf(const CompletedOption& option) {
  switch (option.completes) {
    case Completes::kFiles:
      return "files";
    case Completes::kDirectories:
      return "directories";
    default:
      return "none";
  }
}

// Files where any argument is one: where the words stand is not counted.
std::string KindOfArguments(const CompletedCommand& command) {
  std::string kind = "none";
  for (const CompletedOption& argument : command.arguments) {
    if (kind != "files" && KindOf(argument) != "none") kind = KindOf(argument);
  }
  return kind;
}

std::string OptionsOf(const CompletedCommand& command) {
  std::vector<std::string> all;
  for (const CompletedOption& option : command.options) {
    all.insert(all.end(), option.spellings.begin(), option.spellings.end());
  }
  return Joined(all, " ");
}

std::string CaseOf(const CompletedCommand& command, const std::string& pattern) {
  std::string text = "    " + pattern + ")\n      options='" + OptionsOf(command) +
                     "' kind=" + KindOfArguments(command) + "\n      case \"$prev\" in\n";
  for (const CompletedOption& option : command.options) {
    if (option.completes == Completes::kFlag) continue;
    text += "        " + Joined(option.spellings, " | ") + ") kind=value-" + KindOf(option) +
            " words='" + Joined(option.choices, " ") + "' ;;\n";
  }
  return text + "      esac\n      ;;\n";
}

std::string SecondWords(const CompletedProgram& program, const std::string& first) {
  std::vector<std::string> words;
  for (const CompletedCommand* command : CommandsAfter(program, first)) {
    words.push_back(SecondWord(*command));
  }
  return Joined(words, " ");
}

}  // namespace

std::string BashCompletion(const CompletedProgram& program) {
  std::string text = "# Completion of " + program.name +
                     " for bash, made from the options of the program.\n_" + program.name +
                     "() {\n" + kBegin + "  case \"$COMP_CWORD:$one\" in\n    1:*) words='" +
                     Joined(FirstWords(program), " ") + "' ;;\n";
  for (const std::string& first : FirstWords(program)) {
    const std::string seconds = SecondWords(program, first);
    if (!seconds.empty()) text += "    2:" + first + ") words='" + seconds + "' ;;\n";
  }
  text += "  esac\n  case \"$two\" in\n";
  // Commands of two words first: "audit" is one, and "audit verify" another.
  for (const CompletedCommand& command : program.commands) {
    if (command.words.find(' ') != std::string::npos) {
      text += CaseOf(command, "'" + command.words + "'");
    }
  }
  for (const CompletedCommand& command : program.commands) {
    if (command.words.empty() || command.words.find(' ') != std::string::npos) continue;
    text += CaseOf(command, "'" + command.words + " '*");
  }
  for (const CompletedCommand& command : program.commands) {
    if (command.words.empty()) text += CaseOf(command, "*");
  }
  text += std::string("  esac\n") + kEnd + "}\ncomplete -F _" + program.name + " " + program.name;
  for (const std::string& alias : program.aliases) text += " " + alias;
  return text + "\n";
}

}  // namespace recrypt
