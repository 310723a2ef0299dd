// Whatever is read as a request, an answer or an Authorization header must be written and read back
// the same.
#include <cstdlib>

#include "core/json/jsonbcd.h"
#include "core/protocol/messages.h"
#include "core/protocol/session.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckAuthorization(std::string_view text) {
  const auto parsed = ParseAuthorization(text);
  if (!parsed) return;
  const auto again = ParseAuthorization(FormatAuthorization(*parsed));
  Check(again && again->session_id == parsed->session_id && again->mac == parsed->mac &&
        again->sequence == parsed->sequence && again->time == parsed->time);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteSpan input(data, size);
  CheckAuthorization(AsText(input));
  const auto json = ParseJsonBcd(input);
  if (!json) return 0;
  if (const auto request = ParseRequest(*json)) {
    const Json written = ToJson(*request);
    const auto again = ParseRequest(written);
    Check(again && ToJson(*again) == written);
  }
  if (const auto response = ParseResponse(*json)) {
    const Json written = ToJson(*response);
    const auto again = ParseResponse(written);
    Check(again && ToJson(*again) == written);
  }
  return 0;
}
