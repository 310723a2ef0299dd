// SqlConnection: one connection to an SQL database, statements prepared once and kept.
//
//   RECRYPT_ASSIGN(SqlRows rows, connection.Run("SELECT jws FROM labels WHERE label = ?1",
//   {name}));
//
// Values reach a statement as bound parameters only, ?1 the first of them. Failures
// are kIo, but kExists for a violated uniqueness. Not thread safe.
#ifndef RECRYPT_SERVICE_SQL_CONNECTION_H_
#define RECRYPT_SERVICE_SQL_CONNECTION_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "service/store.h"

namespace recrypt {

// A parameter; texts and bytes are borrowed for the call.
class SqlParam {
 public:
  using Value = std::variant<std::nullptr_t, int64_t, const std::string*, ByteSpan>;
  SqlParam(std::nullptr_t) : value_(nullptr) {}           // NOLINT: parameters convert
  SqlParam(int64_t number) : value_(number) {}            // NOLINT
  SqlParam(uint32_t number) : value_(int64_t{number}) {}  // NOLINT
  SqlParam(const std::string& text) : value_(&text) {}    // NOLINT
  SqlParam(ByteSpan bytes) : value_(bytes) {}             // NOLINT
  const Value& value() const { return value_; }

 private:
  Value value_;
};

class SqlRow {
 public:
  using Value = std::variant<std::nullptr_t, int64_t, std::string, Bytes>;
  explicit SqlRow(std::vector<Value> values) : values_(std::move(values)) {}

  bool IsNull(size_t column) const {
    return std::holds_alternative<std::nullptr_t>(values_[column]);
  }
  // 0 or empty when the column holds something else: the schema says what stands where.
  int64_t Number(size_t column) const;
  std::string Text(size_t column) const;
  Bytes Blob(size_t column) const;

 private:
  std::vector<Value> values_;
};
using SqlRows = std::vector<SqlRow>;

class SqlConnection {
 public:
  virtual ~SqlConnection() = default;
  virtual Result<SqlRows> Run(const std::string& sql, std::initializer_list<SqlParam> params) = 0;
  // Rows that the last Run changed.
  virtual int64_t Changes() const = 0;
  // Several statements without parameters.
  virtual Status RunScript(const std::string& sql) = 0;
};

enum class SqliteAccess { kReadWrite, kReadOnly };
// A file, created when absent for kReadWrite, in WAL mode with foreign keys enforced.
Result<std::unique_ptr<SqlConnection>> OpenSqlite(const std::string& path, SqliteAccess access,
                                                  AuditSync sync);

// Copies a database, as it is at one moment, while others read and write it. `to` is an empty file
// or none, and has no write-ahead log beside it afterwards.
Status CopySqlite(const std::string& from, const std::string& to);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SQL_CONNECTION_H_
