#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <unordered_map>

#include "service/sql_connection.h"

namespace recrypt {
namespace {

constexpr int kBusyMillis = 5000;

tl::unexpected<Error> FailSql(const SQLite::Exception& e) {
  // The library's text names the statement's part that failed, never a bound value.
  const bool unique = e.getExtendedErrorCode() == SQLITE_CONSTRAINT_UNIQUE ||
                      e.getExtendedErrorCode() == SQLITE_CONSTRAINT_PRIMARYKEY;
  return Fail(unique ? ErrorCode::kExists : ErrorCode::kIo, std::string("the store: ") + e.what());
}

void Bind(SQLite::Statement& statement, int index, const SqlParam& param) {
  const SqlParam::Value& value = param.value();
  if (const auto* number = std::get_if<int64_t>(&value)) {
    statement.bind(index, *number);
  } else if (const auto* text = std::get_if<const std::string*>(&value)) {
    statement.bindNoCopy(index, **text);
  } else if (const auto* bytes = std::get_if<ByteSpan>(&value)) {
    // A null pointer would be bound as NULL.
    const void* data = bytes->empty() ? static_cast<const void*>("") : bytes->data();
    statement.bindNoCopy(index, data, static_cast<int>(bytes->size()));
  } else {
    statement.bind(index);
  }
}

SqlRow::Value ValueOf(const SQLite::Column& column) {
  switch (column.getType()) {
    case SQLITE_INTEGER:
      return column.getInt64();
    case SQLITE_TEXT:
      return column.getString();
    case SQLITE_BLOB: {
      const auto* data = static_cast<const uint8_t*>(column.getBlob());
      return Bytes(data, data + column.getBytes());
    }
    default:
      return nullptr;
  }
}

class SqliteConnection : public SqlConnection {
 public:
  SqliteConnection(const std::string& path, int flags) : database_(path, flags, kBusyMillis) {}

  Result<SqlRows> Run(const std::string& sql, std::initializer_list<SqlParam> params) override {
    try {
      SQLite::Statement& statement = Prepared(sql);
      const Resetter resetter{statement};
      int index = 0;
      for (const SqlParam& param : params) Bind(statement, ++index, param);
      SqlRows rows;
      while (statement.executeStep()) rows.push_back(RowOf(statement));
      return rows;
    } catch (const SQLite::Exception& e) {
      return FailSql(e);
    }
  }

  Status Queue(const std::string& sql, std::initializer_list<SqlParam> params) override {
    RECRYPT_ASSIGN([[maybe_unused]] const SqlRows rows, Run(sql, params));
    return {};
  }

  const SqlDialect& dialect() const override {
    static constexpr SqlDialect kDialect = {"TEXT", "BLOB", "INTEGER PRIMARY KEY",
                                            "INTEGER PRIMARY KEY AUTOINCREMENT"};
    return kDialect;
  }
  bool IsUsable() override { return true; }

  Status Begin(SqlBegin how) override {
    static const std::string kRead = "BEGIN";
    static const std::string kWrite = "BEGIN IMMEDIATE";
    return Queue(how == SqlBegin::kRead ? kRead : kWrite, {});
  }

  Status Commit() override {
    static const std::string kCommit = "COMMIT";
    Status done = Queue(kCommit, {});
    if (!done) Rollback();
    return done;
  }

  void Rollback() override {
    static const std::string kRollback = "ROLLBACK";
    (void)Queue(kRollback, {});
  }

  int64_t Changes() const override { return database_.getChanges(); }

  Status RunScript(const std::string& sql) override {
    try {
      database_.exec(sql);
      return {};
    } catch (const SQLite::Exception& e) {
      return FailSql(e);
    }
  }

 private:
  // A statement that is not reset keeps its read transaction, and its borrowed parameters, alive.
  struct Resetter {
    SQLite::Statement& statement;
    ~Resetter() { statement.tryReset(); }
  };

  SQLite::Statement& Prepared(const std::string& sql) {
    auto found = statements_.find(sql);
    if (found == statements_.end()) {
      found = statements_.try_emplace(sql, database_, sql).first;
    }
    return found->second;
  }

  static SqlRow RowOf(SQLite::Statement& statement) {
    std::vector<SqlRow::Value> values;
    const int columns = statement.getColumnCount();
    values.reserve(static_cast<size_t>(columns));
    for (int i = 0; i < columns; ++i) values.push_back(ValueOf(statement.getColumn(i)));
    return SqlRow(std::move(values));
  }

  SQLite::Database database_;
  std::unordered_map<std::string, SQLite::Statement> statements_;  // before the database goes
};

template <typename T>
T ValueOr(const SqlRow::Value& value) {
  const T* found = std::get_if<T>(&value);
  return found == nullptr ? T() : *found;
}

}  // namespace

int64_t SqlRow::Number(size_t column) const { return ValueOr<int64_t>(values_[column]); }

std::string SqlRow::Text(size_t column) const { return ValueOr<std::string>(values_[column]); }

Bytes SqlRow::Blob(size_t column) const { return ValueOr<Bytes>(values_[column]); }

Result<std::unique_ptr<SqlConnection>> OpenSqlite(const std::string& path, SqliteAccess access,
                                                  AuditSync sync) {
  const bool writes = access == SqliteAccess::kReadWrite;
  const int flags =
      (writes ? SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE : SQLite::OPEN_READONLY) |
      SQLite::OPEN_NOMUTEX;
  try {
    auto connection = std::make_unique<SqliteConnection>(path, flags);
    // In WAL mode FULL syncs the log at every commit; NORMAL leaves that to the system and syncs at
    // checkpoints, which keeps the database whole whatever happens.
    if (writes) RECRYPT_TRY(connection->RunScript("PRAGMA journal_mode = WAL"));
    RECRYPT_TRY(connection->RunScript(sync == AuditSync::kDisk ? "PRAGMA synchronous = FULL"
                                                               : "PRAGMA synchronous = NORMAL"));
    RECRYPT_TRY(connection->RunScript(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16384"));
    return std::unique_ptr<SqlConnection>(std::move(connection));
  } catch (const SQLite::Exception& e) {
    return FailSql(e);
  }
}

Status CopySqlite(const std::string& from, const std::string& to) {
  try {
    SQLite::Database source(from, SQLite::OPEN_READONLY, kBusyMillis);
    SQLite::Database target(to, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMillis);
    {
      // In one step, under one read transaction: writers go on beside it.
      SQLite::Backup backup(target, source);
      if (backup.executeStep(-1) != SQLITE_DONE) {
        return Fail(ErrorCode::kBusy, "the store " + from + " is locked");
      }
    }
    target.exec("PRAGMA journal_mode = DELETE");
    return {};
  } catch (const SQLite::Exception& e) {
    return FailSql(e);
  }
}

}  // namespace recrypt
