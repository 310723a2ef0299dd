// SqlStore: the store over an SQL database, SQLite today.
//
//   RECRYPT_ASSIGN(auto store, OpenSqliteStore(state + "/recryptd.sqlite", AuditSync::kDisk));
//
// One connection writes, a few read. Thread safe.
#ifndef RECRYPT_SERVICE_SQL_STORE_H_
#define RECRYPT_SERVICE_SQL_STORE_H_

#include <memory>
#include <string>

#include "service/store.h"

namespace recrypt {

// Creates or migrates the database.
Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path, AuditSync sync);
// An existing database, for looking at alone: Write fails, nothing is migrated.
Result<std::unique_ptr<Store>> OpenSqliteStoreReadOnly(const std::string& path);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SQL_STORE_H_
