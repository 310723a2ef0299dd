#include "cli/draft_spellings.h"

#include <array>
#include <sstream>

namespace recrypt {
namespace {

constexpr std::array kSpellings = {
    DraftSpelling{"personal", "profile create"}, DraftSpelling{"newgroup", "label create"},
    DraftSpelling{"add", "label add"},           DraftSpelling{"remove", "label remove"},
    DraftSpelling{"encrypt", "encrypt"},         DraftSpelling{"decrypt", "decrypt"},
};

}  // namespace

std::span<const DraftSpelling> DraftSpellings() { return kSpellings; }

std::vector<std::string> TranslateDraftSpelling(std::vector<std::string> arguments) {
  if (arguments.empty()) return arguments;
  std::string_view word = arguments.front();
  if (word.starts_with('/')) word.remove_prefix(1);
  for (const DraftSpelling& spelling : kSpellings) {
    if (word != spelling.draft) continue;
    std::istringstream verb{std::string(spelling.verb)};
    std::vector<std::string> translated;
    for (std::string part; verb >> part;) translated.push_back(part);
    translated.insert(translated.end(), arguments.begin() + 1, arguments.end());
    return translated;
  }
  return arguments;
}

}  // namespace recrypt
