// The audit log: an append-only chain of records (docs/PROTOCOL.md, 5).
//
//   RECRYPT_ASSIGN(AuditHead head, AppendAudit(transaction, records));   // with what they tell of
//   RECRYPT_ASSIGN(AuditHead head, VerifyAudit(store));                  // offline
//
// Thread safe.
#ifndef RECRYPT_SERVICE_AUDIT_H_
#define RECRYPT_SERVICE_AUDIT_H_

#include <span>
#include <string>

#include "service/store.h"

namespace recrypt {

// Empty fields do not stand in the record.
struct AuditRecord {
  std::string event;
  int64_t time = 0;
  std::string label;
  std::string account;
  std::string device;
  std::string key;
  std::string reason;
  std::string use;
  Bytes document;
  Bytes header;
  Bytes ephemeral;
  std::string opened;  // when, as the client says; RFC 3339
  uint64_t count = 0;  // how often
  uint64_t review = 0;
  std::string by;  // whose act it was, where `account` is whom it concerns
};

// Where a record stands: its number, and that of the record of its label before it, 0 for none.
struct AuditPlace {
  uint64_t sequence = 0;
  uint64_t before = 0;
};

// The record's JSON text, without white space, members sorted.
std::string WriteAuditRecord(const AuditRecord& record, const AuditPlace& place);

// Appends in order, one at least, and returns the new head. The answer must not leave before the
// transaction is committed.
Result<AuditHead> AppendAudit(StoreTransaction& transaction, std::span<const AuditRecord> records);

// Reads the whole chain. kCorrupt names the first record that is missing, altered or out of place.
// That the end was cut off shows against a checkpoint or a receipt: a head given out earlier.
Result<AuditHead> VerifyAudit(Store& store);

// Compares the chain with the stored checkpoints, which have to be signed by the service of this
// fingerprint. How many there are; kCorrupt names the first that does not fit.
Result<uint64_t> VerifyCheckpoints(Store& store, const std::string& service_udf);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_AUDIT_H_
