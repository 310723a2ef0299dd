// Whatever the console reads as an address is, written again, read as the same, and as markup holds
// nothing but text.
#include <cstdint>
#include <cstdlib>

#include "cli/console/form.h"
#include "cli/console/html.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Check(Fill("{}", input).markup().find_first_of("<>\"'") == std::string::npos);
  const auto target = ParseTarget(input);
  if (!target) return 0;
  const auto again = ParseTarget(WriteTarget(target->path, target->query));
  Check(again && again->path == target->path);
  for (const auto& [name, value] : target->query) Check(FieldOf(again->query, name) == value);
  return 0;
}
