// A connection to a PostgreSQL database, by libpq.
//
//   RECRYPT_TRY(CheckPostgresUri("postgresql://recryptd@db.example.com/recryptd"));
//   RECRYPT_ASSIGN(auto connection, ConnectPostgres(uri, AuditSync::kDisk, PostgresUse::kServe));
//
// libpq, and not libpqxx over it: failures come as values, as everywhere here, a wait can be given
// up after a time, and statements can be sent without waiting for the one before.
#ifndef RECRYPT_SERVICE_POSTGRES_CONNECTION_H_
#define RECRYPT_SERVICE_POSTGRES_CONNECTION_H_

#include <memory>
#include <string>

#include "service/sql_connection.h"

namespace recrypt {

// kServe: beside others that serve. kAlone: for as long as the connection is there, nobody serves
// from the database; kBusy while somebody does. kShort: beside all.
enum class PostgresUse { kServe, kAlone, kShort };

// kInvalid, with what is wrong, for what is no URI of a database, and for one with a password in
// it: a command line is everybody's to see.
Status CheckPostgresUri(const std::string& uri);

// What the URI leaves open comes from where libpq looks for it: PGPASSFILE, PGSSLMODE and others.
// The certificate of a database on another machine is verified unless one of them says otherwise.
// kUnavailable when there is no connection within a few seconds.
Result<std::unique_ptr<SqlConnection>> ConnectPostgres(const std::string& uri, AuditSync sync,
                                                       PostgresUse use);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_POSTGRES_CONNECTION_H_
