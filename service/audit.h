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
};

// The record's JSON text, without white space, members sorted.
std::string WriteAuditRecord(const AuditRecord& record, uint64_t sequence);

// SHA-256 over the hash of the record before it, and the record.
Sha256Digest AuditHash(const Sha256Digest& before, std::string_view record);

// Appends in order and returns the new head. The answer must not leave before the transaction is
// committed.
Result<AuditHead> AppendAudit(StoreTransaction& transaction, std::span<const AuditRecord> records);

// Reads the whole chain. kCorrupt names the first record that is missing, altered or out of place.
// That the end was cut off shows only against a receipt: a head given out earlier.
Result<AuditHead> VerifyAudit(Store& store);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_AUDIT_H_
