// `recryptfs`; `recrypt`, the same program in the draft's spellings; and `mount.recryptfs`, which
// mount(8) runs.
#include <filesystem>
#include <iostream>

#include "cli/command.h"
#include "cli/draft_spellings.h"
#include "cli/mount_helper.h"
#include "core/base/secret.h"

int main(int argc, char** argv) {
  recrypt::HardenProcess();
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto name = std::filesystem::path(argc > 0 ? argv[0] : "").filename();
  if (name == "mount.recryptfs") return recrypt::RunMountHelper(arguments, std::cerr);
  if (name == "recrypt") arguments = recrypt::TranslateDraftSpelling(std::move(arguments));
  return recrypt::RunCommandLine(recrypt::Verbs(), std::move(arguments), std::cout, std::cerr,
                                 recrypt::Colours::OfThisProcess());
}
