// SQLite on a mount whose share loses its power: whatever the disk has kept, the database passes
// its integrity check and has every transaction that was acknowledged.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "tests/crash/support/recording_store.h"
#include "tests/crash/support/workbench.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

class Database {
 public:
  explicit Database(const std::string& path) {
    if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK) Throw("open");
  }
  ~Database() { sqlite3_close(handle_); }

  void Do(const std::string& sql) {
    if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) Throw(sql);
  }
  // The first column of the first row.
  std::string Ask(const std::string& sql) {
    std::string answer;
    const auto keep = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) = values[0] == nullptr ? "" : values[0];
      return 0;
    };
    if (sqlite3_exec(handle_, sql.c_str(), keep, &answer, nullptr) != SQLITE_OK) Throw(sql);
    return answer;
  }

 private:
  [[noreturn]] void Throw(const std::string& doing) {
    throw std::runtime_error(doing + ": " + sqlite3_errmsg(handle_));
  }

  sqlite3* handle_ = nullptr;
};

// A transaction, and between which operations of the store it was committed.
struct Transaction {
  size_t begun = 0;
  size_t acknowledged = 0;
};

class SqliteTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "/dev/fuse is not to be had";
    labels_.Add("A#example.com");
    alice_ = std::make_unique<FakeAccess>(labels_, "alice@example.com");
  }

  // Transaction n adds row n and changes an earlier one, so that pages are written again.
  void Work(const std::string& pragmas, int transactions) {
    TestMount mount(share_, dir_.Make("mnt"), *alice_,
                    {.wrap_store = [this](std::unique_ptr<Store> inner) {
                      return std::make_unique<RecordingStore>(std::move(inner), log_);
                    }});
    Database database(mount / "db");
    database.Do(pragmas);
    database.Do("CREATE TABLE t(n INTEGER PRIMARY KEY, filling BLOB, touched INTEGER)");
    created_ = log_.Count();
    for (int n = 1; n <= transactions; ++n) {
      Transaction done{log_.Count(), 0};
      database.Do("BEGIN; INSERT INTO t VALUES(" + std::to_string(n) + ", randomblob(" +
                  std::to_string(random_() % 6'000) +
                  "), 0); UPDATE t SET touched = " + std::to_string(n) +
                  " WHERE n = " + std::to_string(1 + random_() % n) + "; COMMIT");
      done.acknowledged = log_.Count();
      transactions_.push_back(done);
    }
  }

  void CheckCrashes() {
    struct stat st;
    ASSERT_EQ(stat(share_.c_str(), &st), 0);
    const PowerCut power(log_.Read(), st.st_ino);
    size_t states = 0;
    for (; states < StatesWanted() && !HasFailure(); ++states) {
      const size_t cut = 1 + random_() % power.size();
      const uint64_t seed = random_();
      std::mt19937_64 random(seed);
      const DiskImage image =
          states % 4 == 0 ? power.Killed(cut) : power.Lost(cut, DiskRules::kInOrder, random);
      const std::string wrong = WhatIsWrong(image, cut);
      EXPECT_EQ(wrong, "") << "after " << cut << " of " << power.size() << " operations, seed "
                           << seed;
    }
    std::printf("crash states: %zu\n", states);
  }

  // The database as a program finds it in a fresh mount, outside of it.
  std::string CopyOut(const DiskImage& image) {
    const std::string state = scratch_.Fresh("state");
    image.WriteOut(state);
    const std::string plain = scratch_.Fresh("plain");
    RecoveredShare share(state, *alice_);
    for (const auto& [path, thing] : share.ReadTree()) {
      if (!thing.error.empty()) throw std::runtime_error(path + ": " + thing.error);
      if (path.ends_with("-shm")) continue;  // made anew after a crash
      auto content = share.Read(path);
      if (!content) throw std::runtime_error(content.error().message);
      std::ofstream(plain + "/" + path, std::ios::binary) << *content;
    }
    return plain + "/db";
  }

  std::string WhatIsWrong(const DiskImage& image, size_t cut) {
    int acknowledged = 0, begun = 0;
    for (const Transaction& each : transactions_) {
      acknowledged += each.acknowledged <= cut;
      begun += each.begun <= cut;
    }
    try {
      Database database(CopyOut(image));
      const std::string checked = database.Ask("PRAGMA integrity_check");
      if (checked != "ok") return "integrity_check: " + checked;
      if (cut < created_ && database.Ask("SELECT count(*) FROM sqlite_master") == "0") return "";
      const int rows = std::stoi(database.Ask("SELECT count(*) FROM t"));
      const std::string last = database.Ask("SELECT ifnull(max(n), 0) FROM t");
      const std::string touched = database.Ask("SELECT ifnull(max(touched), 0) FROM t");
      if (std::to_string(rows) != last || touched != last) return "half of a transaction";
      if (rows < acknowledged) {
        return std::to_string(rows) + " transactions of " + std::to_string(acknowledged);
      }
      return rows <= begun ? "" : "more transactions than there were";
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }

  std::mt19937_64 random_{CrashSeed()};
  TempDir dir_;
  ScratchDir scratch_;
  const std::string share_ = scratch_.Fresh("share");
  FakeLabels labels_;
  std::unique_ptr<FakeAccess> alice_;
  StoreLog log_;
  size_t created_ = 0;
  std::vector<Transaction> transactions_;
};

// EXTRA syncs the directory after the journal was removed, which is what commits.
TEST_F(SqliteTest, RollbackJournalLosesNoAcknowledgedTransaction) {
  Work("PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA", 40);
  CheckCrashes();
}

TEST_F(SqliteTest, TruncatedJournalLosesNoAcknowledgedTransaction) {
  Work("PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL", 40);
  CheckCrashes();
}

TEST_F(SqliteTest, WriteAheadLogLosesNoAcknowledgedTransaction) {
  Work("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=20", 60);
  CheckCrashes();
}

}  // namespace
}  // namespace recrypt
