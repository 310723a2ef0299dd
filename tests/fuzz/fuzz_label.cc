// Whatever is read as a label expression must have a canonical text that reads as the same.
#include <cstdint>
#include <cstdlib>

#include "core/label/expression.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto account = AccountName::Parse(input)) {
    const auto again = AccountName::Parse(account->text());
    Check(again && *again == *account);
  }
  const auto expression = LabelExpression::Parse(input);
  if (!expression) return 0;
  const auto& alternatives = expression->alternatives();
  Check(!alternatives.empty() && alternatives.size() <= LabelExpression::kMaxAlternatives);
  const auto again = LabelExpression::Parse(expression->text());
  Check(again && *again == *expression && again->text() == expression->text());
  return 0;
}
