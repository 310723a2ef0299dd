// `recryptfs`, and `recrypt`, the same program in the draft's spellings.
#include <filesystem>
#include <iostream>

#include "cli/command.h"
#include "cli/draft_spellings.h"
#include "core/base/secret.h"

int main(int argc, char** argv) {
  recrypt::HardenProcess();
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (argc > 0 && std::filesystem::path(argv[0]).filename() == "recrypt") {
    arguments = recrypt::TranslateDraftSpelling(std::move(arguments));
  }
  return recrypt::RunCommandLine(recrypt::Verbs(), std::move(arguments), std::cout, std::cerr,
                                 recrypt::Colours::OfThisProcess());
}
