// Workloads on an SQLite database: one transaction after the other, each durable when it returns.
#include <sqlite3.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "bench/workload.h"

namespace bench {
namespace {

constexpr uint64_t kValueWords = 64;  // 512 bytes in each row

class Database {
 public:
  explicit Database(const std::string& path) {
    if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) Complain(path);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close(database_); }

  // The first column of the last row of the answer, as text.
  std::string Do(const std::string& statement) {
    std::string first;
    const auto take = [](void* to, int columns, char** values, char**) {
      if (columns > 0 && values[0] != nullptr) *static_cast<std::string*>(to) = values[0];
      return 0;
    };
    if (sqlite3_exec(database_, statement.c_str(), take, &first, nullptr) != SQLITE_OK) {
      Complain(statement.substr(0, 40));
    }
    return first;
  }

 private:
  [[noreturn]] void Complain(const std::string& what) {
    FailPlainly(what + ": " + sqlite3_errmsg(database_));
  }
  sqlite3* database_ = nullptr;
};

std::string ValueOf(uint64_t row) {
  std::string text;
  for (uint64_t i = 0; i < kValueWords; ++i) {
    char word[17];
    std::snprintf(word, sizeof word, "%016" PRIx64, Random(row, i));
    text += word;
  }
  return "x'" + text + "'";
}

// Each adds a row and changes an earlier one.
void Transact(Database& database, uint64_t row) {
  database.Do("BEGIN; INSERT INTO rows VALUES(" + std::to_string(row) + ", " + ValueOf(row) +
              ", 0); UPDATE rows SET changes = changes + 1 WHERE number = " +
              std::to_string(Random(1, row) % (row + 1)) + "; COMMIT");
}

Amount Transactions(const Options& options, const std::string& journal) {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    unlink((options.Database() + suffix).c_str());
  }
  Database database(options.Database());
  const std::string mode = database.Do("PRAGMA journal_mode = " + journal);
  if (mode != journal) FailPlainly("the journal mode is " + mode);
  database.Do("PRAGMA synchronous = FULL");
  database.Do("CREATE TABLE rows(number INTEGER PRIMARY KEY, value BLOB, changes INTEGER)");
  const double begun = Seconds();
  for (uint64_t row = 0; row < options.operations; ++row) Transact(database, row);
  return {.operations = options.operations, .seconds = Seconds() - begun};
}

Amount RollbackTransactions(const Options& options, Content&) {
  return Transactions(options, "delete");
}

Amount WalTransactions(const Options& options, Content&) { return Transactions(options, "wal"); }

Amount VerifyDatabase(const Options& options, Content&) {
  Database database(options.Database());
  const std::string wanted = std::to_string(options.operations);
  if (database.Do("PRAGMA integrity_check") != "ok" ||
      database.Do("SELECT count(*) FROM rows") != wanted ||
      database.Do("SELECT sum(changes) FROM rows") != wanted) {
    FailPlainly(options.Database() + " holds something else");
  }
  return {.operations = options.operations};
}

}  // namespace

const std::vector<Workload>& DatabaseWorkloads() {
  static const std::vector<Workload> workloads = {
      {"sqlite-rollback", RollbackTransactions, "SQLite transactions with a rollback journal"},
      {"sqlite-wal", WalTransactions, "SQLite transactions with a write-ahead log"},
      {"verify-sqlite", VerifyDatabase, "looks whether every transaction is there"},
  };
  return workloads;
}

}  // namespace bench
