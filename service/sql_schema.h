// The tables, as numbered migrations.
//
//   RECRYPT_TRY(Migrate(connection));
#ifndef RECRYPT_SERVICE_SQL_SCHEMA_H_
#define RECRYPT_SERVICE_SQL_SCHEMA_H_

#include "service/sql_connection.h"

namespace recrypt {

// Brings the database to this program's version, in one transaction: of several programs that start
// at the same time, one does it and the others wait. kInvalid when the database is of a later
// version, or of another program.
Status Migrate(SqlConnection& connection);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SQL_SCHEMA_H_
