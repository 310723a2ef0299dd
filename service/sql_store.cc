#include "service/sql_store.h"

#include <mutex>

#include "service/sql_schema.h"
#include "service/sql_transaction.h"

namespace recrypt {
namespace {

using Connect = std::function<Result<std::unique_ptr<SqlConnection>>()>;

class SqlStore : public Store {
 public:
  // `writer` may be null: then nothing can be written.
  SqlStore(std::unique_ptr<SqlConnection> writer, Connect connect_reader)
      : writer_(std::move(writer)), connect_reader_(std::move(connect_reader)) {}

  Status Read(const ReadBody& body) override;
  std::vector<Status> Write(std::span<const WriteBody> bodies) override;

 private:
  Result<std::unique_ptr<SqlConnection>> BorrowReader();
  void ReturnReader(std::unique_ptr<SqlConnection> reader);

  std::mutex write_mutex_;  // guards writer_
  std::unique_ptr<SqlConnection> writer_;
  const Connect connect_reader_;
  std::mutex readers_mutex_;  // guards idle_readers_; never held together with write_mutex_
  std::vector<std::unique_ptr<SqlConnection>> idle_readers_;
};

Result<std::unique_ptr<SqlConnection>> SqlStore::BorrowReader() {
  {
    const std::lock_guard lock(readers_mutex_);
    if (!idle_readers_.empty()) {
      std::unique_ptr<SqlConnection> reader = std::move(idle_readers_.back());
      idle_readers_.pop_back();
      return reader;
    }
  }
  return connect_reader_();
}

void SqlStore::ReturnReader(std::unique_ptr<SqlConnection> reader) {
  const std::lock_guard lock(readers_mutex_);
  idle_readers_.push_back(std::move(reader));
}

Status SqlStore::Read(const ReadBody& body) {
  RECRYPT_ASSIGN(std::unique_ptr<SqlConnection> reader, BorrowReader());
  static const std::string kBegin = "BEGIN";
  static const std::string kEnd = "COMMIT";
  RECRYPT_ASSIGN([[maybe_unused]] const SqlRows begun, reader->Run(kBegin, {}));
  SqlTransaction view(*reader);
  Status status = body(view);
  const bool ended = reader->Run(kEnd, {}).has_value();
  // A connection in doubt is dropped, and a new one made when one is needed.
  if (ended && !view.broken()) ReturnReader(std::move(reader));
  return status;
}

// Runs one body under a savepoint. False when the connection's whole transaction is in doubt.
bool RunBody(SqlConnection& connection, const Store::WriteBody& body, Status& outcome) {
  static const std::string kBegin = "SAVEPOINT body";
  static const std::string kKeep = "RELEASE body";
  static const std::string kUndo = "ROLLBACK TO body";
  const auto run = [&](const std::string& sql) { return connection.Run(sql, {}).has_value(); };
  if (!run(kBegin)) return false;
  SqlTransaction transaction(connection);
  outcome = body(transaction);
  if (transaction.broken()) return false;
  if (!outcome && !run(kUndo)) return false;
  return run(kKeep);
}

std::vector<Status> SqlStore::Write(std::span<const WriteBody> bodies) {
  static const std::string kBegin = "BEGIN IMMEDIATE";
  static const std::string kCommit = "COMMIT";
  static const std::string kRollback = "ROLLBACK";
  const std::lock_guard lock(write_mutex_);
  const auto all_fail = [&](const std::string& why) {
    const Status failure = Fail(ErrorCode::kIo, why);
    return std::vector<Status>(bodies.size(), failure);
  };
  if (!writer_) return all_fail("the store is open for reading alone");
  if (auto begun = writer_->Run(kBegin, {}); !begun) return all_fail(begun.error().message);
  std::vector<Status> outcomes(bodies.size());
  for (size_t i = 0; i < bodies.size(); ++i) {
    if (RunBody(*writer_, bodies[i], outcomes[i])) continue;
    (void)writer_->Run(kRollback, {});
    return all_fail(outcomes[i] ? "the store refused a savepoint" : outcomes[i].error().message);
  }
  // The promise of every answer: what was acknowledged has been committed, and with
  // AuditSync::kDisk synced.
  if (auto committed = writer_->Run(kCommit, {}); !committed) {
    (void)writer_->Run(kRollback, {});
    return all_fail(committed.error().message);
  }
  return outcomes;
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path, AuditSync sync) {
  RECRYPT_ASSIGN(auto writer, OpenSqlite(path, SqliteAccess::kReadWrite, sync));
  RECRYPT_TRY(Migrate(*writer));
  const auto connect = [path, sync] { return OpenSqlite(path, SqliteAccess::kReadOnly, sync); };
  return std::unique_ptr<Store>(std::make_unique<SqlStore>(std::move(writer), connect));
}

Result<std::unique_ptr<Store>> OpenSqliteStoreReadOnly(const std::string& path) {
  const auto connect = [path] {
    return OpenSqlite(path, SqliteAccess::kReadOnly, AuditSync::kDisk);
  };
  RECRYPT_ASSIGN([[maybe_unused]] const auto probe, connect());
  return std::unique_ptr<Store>(std::make_unique<SqlStore>(nullptr, connect));
}

}  // namespace recrypt
