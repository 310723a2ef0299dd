// SqlStore: the store over an SQL database, SQLite or PostgreSQL.
//
//   RECRYPT_ASSIGN(auto store, OpenSqliteStore(state + "/recryptd.sqlite", AuditSync::kDisk));
//
// One connection writes, a few read. Thread safe.
#ifndef RECRYPT_SERVICE_SQL_STORE_H_
#define RECRYPT_SERVICE_SQL_STORE_H_

#include <memory>
#include <string>

#include "service/postgres_connection.h"
#include "service/sql_pool.h"
#include "service/store.h"

namespace recrypt {

// Creates or migrates the database.
Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path, AuditSync sync);
// An existing database, for looking at alone: Write fails, nothing is migrated.
Result<std::unique_ptr<Store>> OpenSqliteStoreReadOnly(const std::string& path);

// Makes the tables in a database, or migrates them. It is read through `pool`. A database that goes
// away fails what is under way, and is connected to again when it is back.
Result<std::unique_ptr<Store>> OpenPostgresStore(const std::string& uri, AuditSync sync,
                                                 PostgresUse use, std::shared_ptr<SqlPool> pool);
Result<std::unique_ptr<Store>> OpenPostgresStoreReadOnly(std::shared_ptr<SqlPool> pool);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SQL_STORE_H_
