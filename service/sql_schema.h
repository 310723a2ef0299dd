// The tables, as numbered migrations.
//
//   RECRYPT_TRY(Migrate(connection));
#ifndef RECRYPT_SERVICE_SQL_SCHEMA_H_
#define RECRYPT_SERVICE_SQL_SCHEMA_H_

#include "service/sql_connection.h"

namespace recrypt {

// Brings the database to this program's version, each step in a transaction of its own. kInvalid
// when the database is of a later version, or of another program.
Status Migrate(SqlConnection& connection);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SQL_SCHEMA_H_
