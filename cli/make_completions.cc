// Writes the completions of recryptfs and recryptd for bash, zsh and fish into a directory, when
// RecryptFS is built:
//
//   make_completions DIRECTORY
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

#include "cli/completion.h"
#include "daemon/command_line.h"

namespace recrypt {
namespace {

CompletedProgram CompletedRecryptfs() {
  CompletedProgram program{"recryptfs", {"recrypt"}, {}};
  for (const Verb& verb : Verbs()) program.commands.push_back(CompletedCommandOf(verb));
  CLI::App bare;
  bool version = false;
  bare.add_flag("-V,--version", version, "Print versions");
  program.commands.push_back(CompletedCommandOf(bare, ""));
  return program;
}

void AddCommands(const CLI::App& app, const std::string& words, CompletedProgram& program) {
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  // One that has others below, and needs one of them, is none itself.
  if (below.empty() || words.empty()) program.commands.push_back(CompletedCommandOf(app, words));
  for (const CLI::App* one : below) {
    AddCommands(*one, words + (words.empty() ? "" : " ") + one->get_name(), program);
  }
}

CompletedProgram CompletedRecryptd() {
  CLI::App app;
  CommandLine line;
  line.Declare(app);
  CompletedProgram program{"recryptd", {}, {}};
  AddCommands(app, "", program);
  return program;
}

bool Write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) std::fprintf(stderr, "make_completions: %s cannot be written\n", path.c_str());
  return !file.fail();
}

int Main(const std::string& directory) {
  bool written = true;
  for (const CompletedProgram& program : {CompletedRecryptfs(), CompletedRecryptd()}) {
    const std::string base = directory + "/";
    written &= Write(base + program.name + ".bash", BashCompletion(program));
    written &= Write(base + "_" + program.name, ZshCompletion(program));
    written &= Write(base + program.name + ".fish", FishCompletion(program));
  }
  return written ? 0 : 1;
}

}  // namespace
}  // namespace recrypt

int main(int argc, char** argv) {
  if (argc == 2) return recrypt::Main(argv[1]);
  std::fprintf(stderr, "usage: make_completions DIRECTORY\n");
  return 2;
}
