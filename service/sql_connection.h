// SqlConnection: one connection to an SQL database, statements prepared once and kept.
//
//   RECRYPT_TRY(connection.Begin(SqlBegin::kRead));
//   RECRYPT_ASSIGN(SqlRows rows, connection.Run("SELECT jws FROM labels WHERE label = ?1",
//   {name}));
//   RECRYPT_TRY(connection.Commit());
//
// Values reach a statement as bound parameters only, ?1 the first of them. What differs between
// databases is in the file of each: sqlite_connection.cc, postgres_connection.cc. Failures are kIo;
// kExists for a violated uniqueness, kInvalid for a value that no column takes, kUnavailable for a
// database that cannot be reached or is too busy. Not thread safe.
#ifndef RECRYPT_SERVICE_SQL_CONNECTION_H_
#define RECRYPT_SERVICE_SQL_CONNECTION_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
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

// The names of types in the schema.
struct SqlDialect {
  std::string_view text;    // compared byte by byte
  std::string_view bytes;   // up to 1 GiB
  std::string_view number;  // 64 bits, as the only primary key
  std::string_view serial;  // a primary key that the database gives, rising
};

enum class SqlBegin {
  kRead,     // one snapshot
  kWrite,    // alone: all others that write, from whatever process, wait until this one ends
  kMigrate,  // as kWrite, however long it takes
};

class SqlConnection {
 public:
  virtual ~SqlConnection() = default;
  virtual const SqlDialect& dialect() const = 0;
  // False when the connection is known to have ended.
  virtual bool IsUsable() = 0;

  virtual Status Begin(SqlBegin how) = 0;
  // An error: what was done since Begin is undone or, with kIo, perhaps done.
  virtual Status Commit() = 0;
  virtual void Rollback() = 0;

  virtual Result<SqlRows> Run(const std::string& sql, std::initializer_list<SqlParam> params) = 0;
  // As Run, for what has no rows and cannot fail for what it is about: where a database is far
  // away, the statement goes together with the next one, which then fails for it: with kIo or
  // kUnavailable, since by then it is not known how much has to be undone.
  virtual Status Queue(const std::string& sql, std::initializer_list<SqlParam> params) = 0;
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
