// What the completions of the shells are made of: a program's commands with their options, read
// from the definitions by which the program itself parses them.
//
//   CompletedProgram program{"recryptfs", {"recrypt"}, {}};
//   for (const Verb& verb : Verbs()) program.commands.push_back(CompletedCommandOf(verb));
//   std::cout << BashCompletion(program);
//
// Used when RecryptFS is built (make_completions.cc); nothing of it is in a program. Thread safe.
#ifndef RECRYPT_CLI_COMPLETION_H_
#define RECRYPT_CLI_COMPLETION_H_

#include <string>
#include <vector>

#include "cli/command.h"

namespace CLI {
class App;
}

namespace recrypt {

enum class Completes { kFlag, kNothing, kFiles, kDirectories, kChoices };

struct CompletedOption {
  std::vector<std::string> spellings;  // "-o" and "--output"; of an argument none
  std::string value;                   // "FILE"; empty for a flag
  std::string about;
  Completes completes = Completes::kFlag;
  std::vector<std::string> choices;
  bool many = false;  // may be given again and again
};

struct CompletedCommand {
  std::string words;  // "label create"; empty for what is there without a command
  std::string about;
  std::vector<CompletedOption> options;
  std::vector<CompletedOption> arguments;  // in order
};

struct CompletedProgram {
  std::string name;
  std::vector<std::string> aliases;  // other names that it is found by
  std::vector<CompletedCommand> commands;
};

CompletedCommand CompletedCommandOf(const CLI::App& app, const std::string& words);
CompletedCommand CompletedCommandOf(const Verb& verb);

// What may stand in the first place, and after `first` in the second; in order, each once.
std::vector<const CompletedCommand*> CommandsAfter(const CompletedProgram& program,
                                                   const std::string& first);
std::vector<std::string> FirstWords(const CompletedProgram& program);
// Of the second word of a command's two; of the first word, what it does, or what may follow.
std::string SecondWord(const CompletedCommand& command);
std::string AboutFirstWord(const CompletedProgram& program, const std::string& word);

// Whole files.
std::string BashCompletion(const CompletedProgram& program);
std::string ZshCompletion(const CompletedProgram& program);
std::string FishCompletion(const CompletedProgram& program);

// The text with `escape` before each of these characters.
std::string EscapedBy(const std::string& escape, const std::string& characters,
                      const std::string& text);
std::string Joined(const std::vector<std::string>& words, const std::string& between);

}  // namespace recrypt

#endif  // RECRYPT_CLI_COMPLETION_H_
