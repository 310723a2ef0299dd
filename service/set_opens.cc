// Set of Opens: what a device opened under grants that it had, for the audit log.
#include "service/set.h"

namespace recrypt {
namespace {

// Nothing when the device never had an entry of the key: there is no log that it belongs into. A
// revoked one counts, since reports come late.
Result<std::optional<AuditRecord>> RecordOf(StoreTransaction& transaction, const Caller& caller,
                                            const OpenReport& report, int64_t now) {
  RECRYPT_ASSIGN(const auto entry, transaction.FindEntry(caller.device, report.key));
  if (!entry) return std::nullopt;
  AuditRecord record;
  record.event = "open";
  record.time = now;
  record.label = entry->label;
  record.account = entry->account;
  record.device = caller.device;
  record.key = report.key;
  record.use = report.offline ? "offline" : "lease";
  record.document = report.document;
  record.header = report.header;
  record.opened = FormatTime(report.time);
  record.count = report.count;
  return record;
}

Result<Response> Record(StoreTransaction& transaction, const Caller& caller,
                        const OpensRecord& opens, int64_t now) {
  std::vector<AuditRecord> records;
  for (const OpenReport& report : opens.opens) {
    RECRYPT_ASSIGN(auto record, RecordOf(transaction, caller, report, now));
    if (record) records.push_back(std::move(*record));
  }
  if (records.empty()) {
    return Response(Refusal("no-entry", "this device has no recryption entry for the keys"));
  }
  RECRYPT_ASSIGN([[maybe_unused]] const AuditHead head, AppendAudit(transaction, records));
  return Response(SetResponse{});
}

}  // namespace

void SetOpens(ServiceContext& context, const Caller& caller, const OpensRecord& record,
              Reply reply) {
  CommitAndReply(
      context,
      [&context, caller, record](StoreTransaction& transaction) {
        return Record(transaction, caller, record, context.clock.NowSeconds());
      },
      std::move(reply));
}

}  // namespace recrypt
