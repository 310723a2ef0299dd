// Verifying an export of a label's audit records, without its service (docs/PROTOCOL.md, 5).
//
//   AuditExportVerifier verifier(receipts, ExportCoverage::kAll);
//   for (const Json& line : lines) RECRYPT_TRY(verifier.Take(line));
//   RECRYPT_ASSIGN(AuditExportSummary summary, verifier.Finish());
//
// A record cannot be altered, left out, moved or taken from another label unnoticed: each carries
// the hash that follows from it, and names the record of its label before it. That the end was cut
// off shows against a signed checkpoint and against receipts. Not thread safe.
#ifndef RECRYPT_CORE_PROTOCOL_AUDIT_EXPORT_H_
#define RECRYPT_CORE_PROTOCOL_AUDIT_EXPORT_H_

#include <map>
#include <string>
#include <vector>

#include "core/protocol/audit_chain.h"

namespace recrypt {

// What a client was told with its grants: a record's number and hash.
struct AuditReceipt {
  std::string domain;  // of the service
  std::string label;   // of the record
  AuditHead head;
  int64_t time = 0;
};
Json ToJson(const AuditReceipt& receipt);
Result<AuditReceipt> ParseAuditReceipt(const Json& json);

// kFiltered: the export was made with a filter, so records of the label may be absent.
enum class ExportCoverage { kAll, kFiltered };

struct AuditExportSummary {
  std::string label;  // empty: there was no record
  uint64_t records = 0;
  AuditHead last;
  uint64_t receipts = 0;  // that name a record of the export, and agree
  std::vector<Checkpoint> checkpoints;
};

class AuditExportVerifier {
 public:
  AuditExportVerifier(const std::vector<AuditReceipt>& receipts, ExportCoverage coverage);

  // A record with its hashes, or {"checkpoint":JWS}. kCorrupt names the first broken record;
  // kInvalid for what is neither.
  Status Take(const Json& line);
  // kCorrupt when a checkpoint or a receipt tells of records that are not there.
  Result<AuditExportSummary> Finish() const;

 private:
  struct Record;
  Status TakeRecord(const Json& line);
  Status TakeCheckpoint(const Json& jws);
  Status CheckPlace(const Record& record) const;
  Status CheckReceipt(const Record& record);

  std::map<std::string, std::map<uint64_t, Sha256Digest>> receipts_;  // by label and sequence
  const ExportCoverage coverage_;
  AuditExportSummary summary_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_PROTOCOL_AUDIT_EXPORT_H_
