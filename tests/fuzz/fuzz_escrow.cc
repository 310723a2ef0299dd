// Shares as people type them, and escrows as somebody left them. What is read as a share is written
// and read back the same.
#include <cstdint>
#include <cstdlib>

#include "core/escrow/escrow.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckShare(std::string_view text) {
  const auto share = ParseShare(text);
  if (!share) return;
  const std::string written = FormatShare(*share);
  const auto again = ParseShare(written);
  Check(again && FormatShare(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckShare(text);
  if (const auto share = ParseShareUdf(text)) Check(ShareUdf(*share).size() == kShareUdfSize);
  const auto json = ParseJson(text);
  if (!json) return 0;
  const auto escrow = VerifyEscrow(*json);
  if (escrow) (void)RecoverEscrowKey(*escrow, {});
  (void)OpenEscrowedLabels(*json, EscrowKeyOf(Secret(kSharedSecretSize), Curve::kX25519));
  return 0;
}
