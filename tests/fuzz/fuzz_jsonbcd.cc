// Whatever is read as JSON-BCD must come back equal from JSON-B and from JSON text.
#include <cstdlib>

#include "core/json/jsonbcd.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteSpan input(data, size);
  const auto value = ParseJsonBcd(input);
  const auto prefix = ParseJsonBcdPrefix(input);
  // The JSON reader takes nothing that the wider reader refuses.
  Check(!ParseJson(AsText(input)) || value);
  Check(!value || prefix);
  if (!prefix) return 0;
  Check(prefix->size <= size);
  const auto binary = ParseJsonBcd(EncodeJsonB(prefix->value));
  const auto text = ParseJson(DumpJson(prefix->value));
  Check(binary && *binary == prefix->value);
  Check(text && *text == prefix->value);
  return 0;
}
