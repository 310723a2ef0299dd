// An export of an audit log, line by line: whatever it holds, verifying it ends, and what is found
// whole without a filter is whole with one. Each line is taken for a receipt as well.
#include <algorithm>
#include <cstdlib>

#include "core/protocol/audit_export.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

bool IsWhole(const std::vector<Json>& lines, const std::vector<AuditReceipt>& receipts,
             ExportCoverage coverage) {
  AuditExportVerifier verifier(receipts, coverage);
  for (const Json& line : lines) {
    if (!verifier.Take(line)) return false;
  }
  const auto summary = verifier.Finish();
  Check(!summary || summary->records + summary->checkpoints.size() == lines.size());
  return summary.has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<Json> lines;
  std::vector<AuditReceipt> receipts;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (const auto json = ParseJson(text.substr(0, end))) {
      lines.push_back(*json);
      if (const auto receipt = ParseAuditReceipt(*json)) {
        const auto again = ParseAuditReceipt(ToJson(*receipt));
        Check(again && again->head.sequence == receipt->head.sequence);
        receipts.push_back(*receipt);
        lines.pop_back();
      }
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (IsWhole(lines, receipts, ExportCoverage::kAll)) {
    Check(IsWhole(lines, receipts, ExportCoverage::kFiltered));
  }
  return 0;
}
