#include "service/sql_store.h"

#include <mutex>

#include "service/postgres_connection.h"
#include "service/sql_schema.h"
#include "service/sql_transaction.h"

namespace recrypt {
namespace {

constexpr const char* kBroken = "the store failed, which was not passed on";

class SqlStore : public Store {
 public:
  // Nothing can be written without `connect_writer`.
  SqlStore(std::shared_ptr<SqlPool> readers, SqlPool::Connect connect_writer)
      : readers_(std::move(readers)), connect_writer_(std::move(connect_writer)) {}

  // Connects the writer, and migrates the database.
  Status Prepare();

  Status Read(const ReadBody& body) override;
  std::vector<Status> Write(std::span<const WriteBody> bodies) override;

 private:
  Status ConnectWriter();
  Status WriteAll(std::span<const WriteBody> bodies, std::vector<Status>& outcomes);

  const std::shared_ptr<SqlPool> readers_;
  const SqlPool::Connect connect_writer_;
  std::mutex write_mutex_;  // guards writer_
  std::unique_ptr<SqlConnection> writer_;
};

Status SqlStore::Prepare() {
  const std::lock_guard lock(write_mutex_);
  RECRYPT_TRY(ConnectWriter());
  return Migrate(*writer_);
}

Status SqlStore::Read(const ReadBody& body) {
  Status outcome;
  const Status done = readers_->With([&](SqlConnection& reader) -> Status {
    RECRYPT_TRY(reader.Begin(SqlBegin::kRead));
    SqlTransaction view(reader);
    outcome = body(view);
    if (view.broken()) return outcome ? Fail(ErrorCode::kIo, kBroken) : outcome;
    return reader.Commit();
  });
  return outcome ? done : outcome;
}

// Runs one body under a savepoint. An error when the connection's whole transaction is in doubt.
Status RunBody(SqlConnection& connection, const Store::WriteBody& body, Status& outcome) {
  static const std::string kBegin = "SAVEPOINT body";
  static const std::string kKeep = "RELEASE body";
  static const std::string kUndo = "ROLLBACK TO body";
  RECRYPT_TRY(connection.Queue(kBegin, {}));
  SqlTransaction transaction(connection);
  outcome = body(transaction);
  if (transaction.broken()) {
    return outcome ? Fail(ErrorCode::kIo, kBroken) : outcome;
  }
  if (!outcome) {
    RECRYPT_ASSIGN([[maybe_unused]] const SqlRows none, connection.Run(kUndo, {}));
  }
  return connection.Queue(kKeep, {});
}

Status SqlStore::ConnectWriter() {
  if (writer_ && writer_->IsUsable()) return {};
  writer_.reset();
  if (!connect_writer_) return Fail(ErrorCode::kIo, "the store is open for reading alone");
  RECRYPT_ASSIGN(writer_, connect_writer_());
  return {};
}

Status SqlStore::WriteAll(std::span<const WriteBody> bodies, std::vector<Status>& outcomes) {
  RECRYPT_TRY(ConnectWriter());
  RECRYPT_TRY(writer_->Begin(SqlBegin::kWrite));
  for (size_t i = 0; i < bodies.size(); ++i) {
    const Status sound = RunBody(*writer_, bodies[i], outcomes[i]);
    if (sound) continue;
    writer_->Rollback();
    return sound;
  }
  // The promise of every answer: what was acknowledged has been committed, and with
  // AuditSync::kDisk synced.
  return writer_->Commit();
}

std::vector<Status> SqlStore::Write(std::span<const WriteBody> bodies) {
  const std::lock_guard lock(write_mutex_);
  std::vector<Status> outcomes(bodies.size());
  const Status written = WriteAll(bodies, outcomes);
  if (written) return outcomes;
  const ErrorCode code = written.error().code;
  const bool away = code == ErrorCode::kUnavailable || code == ErrorCode::kBusy;
  const Status failure =
      Fail(away ? ErrorCode::kUnavailable : ErrorCode::kIo, written.error().message);
  return std::vector<Status>(bodies.size(), failure);
}

Result<std::unique_ptr<Store>> Prepared(std::unique_ptr<SqlStore> store) {
  RECRYPT_TRY(store->Prepare());
  return std::unique_ptr<Store>(std::move(store));
}

std::shared_ptr<SqlPool> SqliteReaders(const std::string& path, AuditSync sync) {
  return std::make_shared<SqlPool>(
      [path, sync] { return OpenSqlite(path, SqliteAccess::kReadOnly, sync); });
}

// Of what can be connected to.
Result<std::unique_ptr<Store>> ReadOnly(std::shared_ptr<SqlPool> readers) {
  RECRYPT_TRY(readers->With([](SqlConnection&) -> Status { return {}; }));
  return std::unique_ptr<Store>(std::make_unique<SqlStore>(std::move(readers), nullptr));
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path, AuditSync sync) {
  return Prepared(std::make_unique<SqlStore>(SqliteReaders(path, sync), [path, sync] {
    return OpenSqlite(path, SqliteAccess::kReadWrite, sync);
  }));
}

Result<std::unique_ptr<Store>> OpenSqliteStoreReadOnly(const std::string& path) {
  return ReadOnly(SqliteReaders(path, AuditSync::kDisk));
}

Result<std::unique_ptr<Store>> OpenPostgresStore(const std::string& uri, AuditSync sync,
                                                 PostgresUse use, std::shared_ptr<SqlPool> pool) {
  return Prepared(std::make_unique<SqlStore>(
      std::move(pool), [uri, sync, use] { return ConnectPostgres(uri, sync, use); }));
}

Result<std::unique_ptr<Store>> OpenPostgresStoreReadOnly(std::shared_ptr<SqlPool> pool) {
  return ReadOnly(std::move(pool));
}

}  // namespace recrypt
