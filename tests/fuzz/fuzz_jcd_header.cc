// Whatever is read as a document's header must be in canonical form, and fit into its region.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "core/jcd/geometry.h"
#include "core/jcd/header.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto header = ParseHeader({data, size});
  // As a region too: '[', the input as the object's text, spaces.
  Bytes region(kHeaderRegion, ' ');
  region[0] = '[';
  const size_t part = std::min<size_t>(size, kSlot0 - 1);
  std::copy_n(data, part, region.begin() + 1);
  const auto framed = ParseHeader(region);
  for (const auto* parsed : {&header, &framed}) {
    if (!*parsed) continue;
    const Header& read = **parsed;
    Check(read.jwe.recipients.size() == read.expression.alternatives().size());
    for (const JweRecipient& recipient : read.jwe.recipients) {
      for (const std::string& kid : recipient.kids) Check(EphemeralFor(read, kid).has_value());
    }
    Check(!OpenHeader(read, {}));
  }
  if (const auto object = ParseJson(AsText({data, size}))) (void)ParseHeaderObject(*object);
  return 0;
}
