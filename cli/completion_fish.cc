#include "cli/completion.h"

namespace recrypt {
namespace {

std::string Quoted(const std::string& text) { return "'" + EscapedBy("\\", "'\\", text) + "'"; }

class FishWriter {
 public:
  explicit FishWriter(const CompletedProgram& program)
      : program_(program),
        on_("__" + program.name + "_on"),
        first_("__" + program.name + "_first") {}

  std::string Write() {
    text_ =
        "# Completion of " + program_.name + " for fish, made from the options of the program.\n";
    Functions();
    text_ += "complete -c " + program_.name + " -f\n";
    for (const std::string& alias : program_.aliases) {
      text_ += "complete -c " + alias + " -w " + program_.name + "\n";
    }
    for (const std::string& word : FirstWords(program_)) {
      Complete(first_, "-a " + word + About(AboutFirstWord(program_, word)));
      for (const CompletedCommand* command : CommandsAfter(program_, word)) {
        Complete(first_ + " " + word, "-a " + SecondWord(*command) + About(command->about));
      }
    }
    for (const CompletedCommand& command : program_.commands) Command(command);
    return std::move(text_);
  }

 private:
  // The words before the one at the cursor begin with these; are these.
  void Functions() {
    text_ += "function " + on_ +
             "\n"
             "    set -l words (commandline -opc)[2..]\n"
             "    test (count $words) -ge (count $argv); or return 1\n"
             "    for i in (seq (count $argv))\n"
             "        test $words[$i] = $argv[$i]; or return 1\n"
             "    end\n"
             "end\n"
             "function " +
             first_ +
             "\n"
             "    test (count (commandline -opc)) -eq (math (count $argv) + 1); and " +
             on_ + " $argv\n" + "end\n";
  }

  static std::string About(const std::string& about) {
    return about.empty() ? "" : " -d " + Quoted(about);
  }

  void Complete(const std::string& when, const std::string& what) {
    text_ += "complete -c " + program_.name + " -n " + Quoted(when) + " " + what + "\n";
  }

  // "audit" is a command, and "audit verify" is another.
  std::string When(const CompletedCommand& command) const {
    std::string when = command.words.empty() ? on_ : on_ + " " + command.words;
    for (const CompletedCommand& other : program_.commands) {
      const std::string longer = command.words.empty() ? "" : command.words + " ";
      if (other.words == command.words || !other.words.starts_with(longer)) continue;
      when += "; and not " + on_ + " " + other.words;
    }
    return when;
  }

  static std::string Values(const CompletedOption& option) {
    switch (option.completes) {
      case Completes::kFlag:
        return "";
      case Completes::kFiles:
        return " -r -F";
      case Completes::kDirectories:
        return " -x -a '(__fish_complete_directories)'";
      case Completes::kChoices:
        return " -x -a " + Quoted(Joined(option.choices, " "));
      case Completes::kNothing:
        return " -x";
    }
    return "";
  }

  void Command(const CompletedCommand& command) {
    const std::string when = When(command);
    for (const CompletedOption& option : command.options) {
      std::string what;
      for (const std::string& spelling : option.spellings) {
        const bool is_long = spelling.starts_with("--");
        what += (what.empty() ? "" : " ") +
                (is_long ? "-l " + spelling.substr(2) : "-s " + spelling.substr(1));
      }
      Complete(when, what + Values(option) + About(option.about));
    }
    for (const CompletedOption& argument : command.arguments) {
      if (argument.completes == Completes::kFiles) Complete(when, "-F");
      if (argument.completes == Completes::kDirectories) {
        Complete(when, "-a '(__fish_complete_directories)'");
      }
    }
  }

  const CompletedProgram& program_;
  const std::string on_, first_;
  std::string text_;
};

}  // namespace

std::string FishCompletion(const CompletedProgram& program) { return FishWriter(program).Write(); }

}  // namespace recrypt
