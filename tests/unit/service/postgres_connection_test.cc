// How a connection to PostgreSQL fails, and what of it is told.
#include "service/postgres_connection.h"

#include <sys/stat.h>

#include <fstream>

#include "postgres.h"
#include "service/sql_store.h"
#include "world.h"

namespace recrypt {
namespace {

class PostgresFailureTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!TestPostgres::IsInstalled()) GTEST_SKIP() << "PostgreSQL is not installed";
    uri = TestPostgres::Get().NewDatabase();
  }

  Result<std::unique_ptr<SqlConnection>> Connect() const {
    return ConnectPostgres(uri, AuditSync::kOs, PostgresUse::kShort);
  }
  std::unique_ptr<SqlConnection> Connected() const { return Connect().value(); }
  std::unique_ptr<Store> OpenStore() const {
    const auto pool = std::make_shared<SqlPool>([this] { return Connect(); });
    return OpenPostgresStore(uri, AuditSync::kOs, PostgresUse::kServe, pool).value();
  }
  // As an operator may, or the machine's end.
  void EndAllConnections() const {
    ASSERT_TRUE(
        Connected()->RunScript("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE "
                               "datname = current_database() AND pid <> pg_backend_pid()"));
  }
  // Connects as an account that has to show a password, which it finds in a file.
  Result<std::unique_ptr<SqlConnection>> ConnectWith(const std::string& password) {
    const std::string file = folder.path() + "/passfile";
    std::ofstream(file) << "*:*:*:*:" << password << "\n";
    chmod(file.c_str(), 0600);
    std::string guarded = uri;
    guarded.replace(guarded.find("user=postgres"), 13, "user=guarded&passfile=" + file);
    return ConnectPostgres(guarded, AuditSync::kOs, PostgresUse::kShort);
  }

  TestFolder folder;
  std::string uri;
};

StoredNote Note(const std::string& id) { return {id, "MDEV", "content", 1000}; }

std::optional<StoredNote> FindNote(Store& store, const std::string& id) {
  std::optional<StoredNote> found;
  EXPECT_TRUE(store.Read([&](StoreView& view) -> Status {
    RECRYPT_ASSIGN(found, view.FindNote(id));
    return {};
  }));
  return found;
}

TEST_F(PostgresFailureTest, OfAWrongPasswordNamesTheUserAndNotThePassword) {
  ASSERT_TRUE(Connected()->RunScript("CREATE ROLE guarded LOGIN PASSWORD 'hunter2'"));
  EXPECT_TRUE(ConnectWith("hunter2"));
  const auto refused = ConnectWith("letmein");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message.find("guarded"), std::string::npos) << refused.error().message;
  EXPECT_EQ(refused.error().message.find("letmein"), std::string::npos) << refused.error().message;
}

TEST_F(PostgresFailureTest, OfADatabaseThatIsNotThereNamesIt) {
  uri.replace(uri.find("/test"), 5, "/nowhere");
  const auto refused = Connect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message.find("nowhere"), std::string::npos) << refused.error().message;
}

// As a standby does, such a database takes no writes.
TEST_F(PostgresFailureTest, OfADatabaseForReadingAloneComesWhenConnecting) {
  ASSERT_TRUE(Connected()->RunScript(
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', "
      "current_database()); END $$"));
  const auto refused = Connect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message.find("read-only"), std::string::npos)
      << refused.error().message;
}

TEST_F(PostgresFailureTest, OfADatabaseInAnotherEncodingSaysHowToMakeOne) {
  ASSERT_TRUE(Connected()->RunScript(
      "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"));
  uri.replace(uri.find("/test"), uri.find('?') - uri.find("/test"), "/latin");
  const auto refused = Connect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_NE(refused.error().message.find("ENCODING 'UTF8'"), std::string::npos);
}

TEST_F(PostgresFailureTest, InTheMiddleOfATransactionLeavesNothingOfIt) {
  const auto store = OpenStore();
  const std::array<Store::WriteBody, 2> bodies = {
      [](StoreTransaction& transaction) { return transaction.PutNote(Note("first")); },
      [this](StoreTransaction& transaction) -> Status {
        EndAllConnections();
        return transaction.PutNote(Note("second"));
      }};
  for (const Status& outcome : store->Write(bodies)) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::kUnavailable) << outcome.error().message;
  }
  const Store::WriteBody third = [](StoreTransaction& transaction) {
    return transaction.PutNote(Note("third"));
  };
  EXPECT_TRUE(store->Write({&third, 1}).front()) << "it connects again";
  EXPECT_FALSE(FindNote(*store, "first"));
  EXPECT_FALSE(FindNote(*store, "second"));
  EXPECT_TRUE(FindNote(*store, "third"));
}

// Such as one whose number another program has taken, which none of ours does.
TEST_F(PostgresFailureTest, OfARecordThatWasQueuedUndoesAllThatStandsOnIt) {
  const auto store = OpenStore();
  const auto record = [](StoreTransaction& transaction) {
    return transaction.AppendAudit({1, "A#x.org", "bob@x.org", "grant", "{}", Sha256Digest{1}});
  };
  const std::array<Store::WriteBody, 3> bodies = {
      record, record,
      [](StoreTransaction& transaction) { return transaction.PutNote(Note("third")); }};
  for (const Status& outcome : store->Write(bodies)) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::kIo) << outcome.error().message;
  }
  EXPECT_FALSE(FindNote(*store, "third"));
  EXPECT_TRUE(store->Write({bodies.data(), 1}).front()) << "nothing is left of the first one";
}

TEST_F(PostgresFailureTest, OfReadersIsOverWithTheNextOne) {
  const auto store = OpenStore();
  EXPECT_FALSE(FindNote(*store, "none"));
  EndAllConnections();
  EXPECT_FALSE(FindNote(*store, "none"));
  const Status ended = store->Read([this](StoreView& view) -> Status {
    EndAllConnections();
    RECRYPT_ASSIGN([[maybe_unused]] const auto note, view.FindNote("none"));
    return {};
  });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kUnavailable) << ended.error().message;
  EXPECT_FALSE(FindNote(*store, "none"));
}

TEST_F(PostgresFailureTest, OfAStatementThatTakesTooLongKeepsTheConnection) {
  const auto connection = Connected();
  ASSERT_TRUE(connection->RunScript("SET statement_timeout = '50ms'"));
  ASSERT_TRUE(connection->Begin(SqlBegin::kRead));
  const auto slow = connection->Run("SELECT 1 FROM pg_sleep(20)", {});
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, ErrorCode::kUnavailable) << slow.error().message;
  connection->Rollback();
  EXPECT_TRUE(connection->IsUsable());
  EXPECT_TRUE(connection->Run("SELECT 1", {}));
}

TEST_F(PostgresFailureTest, OfAWaitForAnotherWriterIsNoHarmToEither) {
  const auto one = Connected();
  const auto two = Connected();
  ASSERT_TRUE(two->RunScript("SET lock_timeout = '50ms'"));
  ASSERT_TRUE(one->Begin(SqlBegin::kWrite));
  const Status waited = two->Begin(SqlBegin::kWrite);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, ErrorCode::kUnavailable) << waited.error().message;
  EXPECT_TRUE(one->Commit());
  EXPECT_TRUE(two->Begin(SqlBegin::kWrite));
  EXPECT_TRUE(two->Commit());
}

}  // namespace
}  // namespace recrypt
