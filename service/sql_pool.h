// SqlPool: connections to one database that are kept, each lent to one user at a time.
//
//   SqlPool pool([uri] { return ConnectPostgres(uri, …); });
//   RECRYPT_TRY(pool.With([&](SqlConnection& connection) -> Status { … }));
//
// There are never more connections than users at one time. After one that could not be made, nobody
// tries for a second: users of a database that is away are told so at once. Thread safe.
#ifndef RECRYPT_SERVICE_SQL_POOL_H_
#define RECRYPT_SERVICE_SQL_POOL_H_

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "service/sql_connection.h"

namespace recrypt {

class SqlPool {
 public:
  using Connect = std::function<Result<std::unique_ptr<SqlConnection>>()>;

  explicit SqlPool(Connect connect) : connect_(std::move(connect)) {}

  // The connection is kept when `use` succeeds, and dropped otherwise: nobody is lent one in doubt.
  Status With(const std::function<Status(SqlConnection&)>& use);

 private:
  Result<std::unique_ptr<SqlConnection>> Take();
  Result<std::unique_ptr<SqlConnection>> MakeOne();

  const Connect connect_;
  std::mutex mutex_;  // guards what follows
  std::vector<std::unique_ptr<SqlConnection>> idle_;
  std::optional<Error> failure_;  // of the last attempt
  std::chrono::steady_clock::time_point next_attempt_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SQL_POOL_H_
