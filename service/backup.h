// A backup: a state directory in one file, the store and the keys of one moment.
//
//   RECRYPT_ASSIGN(AuditHead head, BackUp("/var/lib/recryptd", "/backup/recryptd.backup"));
//   RECRYPT_ASSIGN(AuditHead head, Restore("/backup/recryptd.backup", "/var/lib/recryptd"));
//
// The file is an SQLite database: a copy of the store with two tables more, `backup` and
// `state_files`. It holds the service's keys, unsealed, and has mode 0600. Either function verifies
// the audit log of what it made, and returns its head.
#ifndef RECRYPT_SERVICE_BACKUP_H_
#define RECRYPT_SERVICE_BACKUP_H_

#include <string>

#include "core/base/clock.h"
#include "core/protocol/audit_chain.h"

namespace recrypt {

// While a service works on the state or not. kExists when there is a file of this name; kCorrupt
// when the audit log is damaged. After a failure there is no file.
Result<AuditHead> BackUp(const std::string& state, const std::string& file, const Clock& clock);

// `state` is absent or an empty directory, and absent or empty after a failure. kInvalid for a file
// that is no backup; kExists for a directory that holds something.
Result<AuditHead> Restore(const std::string& file, const std::string& state);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_BACKUP_H_
