#include "service/postgres_connection.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <unordered_map>

namespace recrypt {
namespace {

using Clock = std::chrono::steady_clock;

// A statement that takes longer is given up: first by the database, then here.
constexpr std::chrono::seconds kLongestWait(15);
constexpr auto kSettings =
    "SET statement_timeout = '10s'; SET lock_timeout = '10s';"
    // Of a machine that vanished in the middle of a transaction, whose locks others wait for.
    "SET idle_in_transaction_session_timeout = '10s'; SET tcp_keepalives_idle = 10;"
    "SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3; SET client_min_messages = "
    "error";

// Advisory locks of the database, by two numbers: "RECR", and which.
constexpr auto kLockWriters = "SELECT pg_advisory_xact_lock(1380270930, 1)";
constexpr auto kLockServing = "SELECT pg_advisory_lock_shared(1380270930, 2)";
constexpr auto kLockAlone = "SELECT pg_advisory_lock(1380270930, 2)";

// The numbers of types that have been the same in every PostgreSQL (pg_type.dat).
constexpr Oid kBool = 16;
constexpr Oid kBytea = 17;
constexpr Oid kInt8 = 20;
constexpr Oid kInt4 = 23;
constexpr Oid kText = 25;

struct FreeConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Connection = std::unique_ptr<PGconn, FreeConnection>;
using Answer = std::unique_ptr<PGresult, FreeResult>;
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

// libpq's messages end with a line feed, and may have several lines.
std::string OneLine(const char* text) {
  std::string line(text == nullptr ? "" : text);
  line.erase(line.find_last_not_of('\n') + 1);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

tl::unexpected<Error> FailStore(ErrorCode code, const std::string& what) {
  return Fail(code, "the store: " + what);
}

// By SQLSTATE (PostgreSQL's manual, appendix A).
ErrorCode CodeOf(std::string_view state) {
  if (state == "23505") return ErrorCode::kExists;
  if (state.starts_with("22")) return ErrorCode::kInvalid;
  constexpr std::array<std::string_view, 9> kAway = {
      "08",     // the connection
      "53",     // too many connections, no memory, no room
      "57",     // the database stops, starts, or has cancelled the statement
      "40",     // deadlock
      "55P03",  // waited too long for the others that write
      "25006",  // a standby
      "25P03",  // the transaction was given up
      "25P04", "58"};
  const bool away = std::any_of(kAway.begin(), kAway.end(),
                                [&](std::string_view one) { return state.starts_with(one); });
  return away ? ErrorCode::kUnavailable : ErrorCode::kIo;
}

// The message alone: what else there is may quote values.
tl::unexpected<Error> FailBy(const PGresult* answer) {
  const char* state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  return FailStore(CodeOf(state == nullptr ? "" : state),
                   OneLine(PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY)));
}

bool Succeeded(const PGresult* answer) {
  const ExecStatusType status = PQresultStatus(answer);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_PIPELINE_SYNC;
}

// "$1" for "?1". No text of ours has a question mark in it.
std::string InDollars(std::string sql) {
  std::replace(sql.begin(), sql.end(), '?', '$');
  return sql;
}

// Parameters in the binary form, as libpq takes them.
struct Parameters {
  explicit Parameters(std::initializer_list<SqlParam> params);
  void Add(Oid type, const void* data, size_t size);

  std::vector<int64_t> numbers;  // big-endian; reserved, since it is pointed into
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
};

Parameters::Parameters(std::initializer_list<SqlParam> params) {
  numbers.reserve(params.size());
  for (const SqlParam& param : params) {
    const SqlParam::Value& value = param.value();
    if (const auto* number = std::get_if<int64_t>(&value)) {
      numbers.push_back(static_cast<int64_t>(htobe64(static_cast<uint64_t>(*number))));
      Add(kInt8, &numbers.back(), sizeof(int64_t));
    } else if (const auto* text = std::get_if<const std::string*>(&value)) {
      Add(kText, (*text)->data(), (*text)->size());
    } else if (const auto* bytes = std::get_if<ByteSpan>(&value)) {
      // A null pointer would be NULL.
      Add(kBytea, bytes->empty() ? "" : static_cast<const void*>(bytes->data()), bytes->size());
    } else {
      Add(0, nullptr, 0);
    }
  }
}

void Parameters::Add(Oid type, const void* data, size_t size) {
  types.push_back(type);
  values.push_back(static_cast<const char*>(data));
  lengths.push_back(static_cast<int>(size));
  formats.push_back(1);
}

SqlRow::Value ValueOf(const PGresult* answer, int row, int column) {
  if (PQgetisnull(answer, row, column) != 0) return nullptr;
  const char* data = PQgetvalue(answer, row, column);
  const auto size = static_cast<size_t>(PQgetlength(answer, row, column));
  switch (PQftype(answer, column)) {
    case kInt8: {
      uint64_t number = 0;
      std::memcpy(&number, data, sizeof(number));
      return static_cast<int64_t>(be64toh(number));
    }
    case kInt4: {
      uint32_t number = 0;
      std::memcpy(&number, data, sizeof(number));
      return int64_t{static_cast<int32_t>(be32toh(number))};
    }
    case kBool:
      return int64_t{*data};
    case kBytea:
      return Bytes(data, data + size);
    default:
      return std::string(data, size);
  }
}

SqlRows RowsOf(const PGresult* answer) {
  SqlRows rows;
  const int columns = PQnfields(answer);
  for (int row = 0; row < PQntuples(answer); ++row) {
    std::vector<SqlRow::Value> values;
    values.reserve(static_cast<size_t>(columns));
    for (int column = 0; column < columns; ++column) {
      values.push_back(ValueOf(answer, row, column));
    }
    rows.emplace_back(std::move(values));
  }
  return rows;
}

class PostgresConnection : public SqlConnection {
 public:
  explicit PostgresConnection(Connection connection) : connection_(std::move(connection)) {}

  Status SetUp(AuditSync sync, PostgresUse use);

  const SqlDialect& dialect() const override;
  bool IsUsable() override;
  Status Begin(SqlBegin how) override;
  Status Commit() override;
  void Rollback() override;
  Result<SqlRows> Run(const std::string& sql, std::initializer_list<SqlParam> params) override;
  Status Queue(const std::string& sql, std::initializer_list<SqlParam> params) override;
  int64_t Changes() const override { return changes_; }
  Status RunScript(const std::string& sql) override {
    return Script(sql, Clock::time_point::max());
  }

 private:
  Status Script(const std::string& sql, Clock::time_point until);
  Status LockFor(PostgresUse use);
  Result<std::string> FirstText(const std::string& sql);
  // The last answer of what has been sent; the first failure among all of them.
  Result<Answer> Receive(Clock::time_point until);
  Result<Answer> ReceiveOne(Clock::time_point until);
  // Reads the answers to all that was queued, and leaves the pipeline.
  Result<Answer> Settle();
  tl::unexpected<Error> Lose(const std::string& why);

  const Connection connection_;
  std::unordered_map<std::string, std::string> statements_;  // names by SQL text
  size_t prepared_ = 0;                                      // statements, ever
  std::vector<std::string> pending_;  // sent in a pipeline: the SQL of a preparation, else nothing
  bool lost_ = false;
  int64_t changes_ = 0;
};

const SqlDialect& PostgresConnection::dialect() const {
  // Not in the order of a language, which an update of the system may change under an index.
  static constexpr SqlDialect kDialect = {"TEXT COLLATE \"C\"", "BYTEA", "BIGINT PRIMARY KEY",
                                          "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"};
  return kDialect;
}

tl::unexpected<Error> PostgresConnection::Lose(const std::string& why) {
  lost_ = true;
  return FailStore(ErrorCode::kUnavailable, why);
}

// Idle, a database has nothing to say but that it ends the connection.
bool PostgresConnection::IsUsable() {
  pollfd socket{PQsocket(connection_.get()), POLLIN, 0};
  return !lost_ && poll(&socket, 1, 0) == 0;
}

Result<Answer> PostgresConnection::ReceiveOne(Clock::time_point until) {
  PGconn* connection = connection_.get();
  for (;;) {
    const int unsent = PQflush(connection);
    if (unsent < 0) return Lose(OneLine(PQerrorMessage(connection)));
    if (unsent == 0 && PQisBusy(connection) == 0) return Answer(PQgetResult(connection));
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return Lose("no answer from the database");
    const auto events = static_cast<short>(unsent == 0 ? POLLIN : POLLIN | POLLOUT);
    pollfd socket{PQsocket(connection), events, 0};
    poll(&socket, 1, static_cast<int>(std::min<int64_t>(left.count(), 60'000)));
    if ((socket.revents & ~POLLOUT) != 0 && PQconsumeInput(connection) == 0) {
      return Lose(OneLine(PQerrorMessage(connection)));
    }
  }
}

Result<Answer> PostgresConnection::Receive(Clock::time_point until) {
  Answer last;
  std::optional<Error> failure;
  for (;;) {
    RECRYPT_ASSIGN(Answer answer, ReceiveOne(until));
    if (!answer) break;
    if (!failure && !Succeeded(answer.get())) failure = FailBy(answer.get()).value();
    last = std::move(answer);
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    return Lose(failure ? failure->message : OneLine(PQerrorMessage(connection_.get())));
  }
  if (failure) return Fail(*failure);
  return last;
}

Status PostgresConnection::Script(const std::string& sql, Clock::time_point until) {
  RECRYPT_ASSIGN(Answer settled, Settle());
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) {
    return Lose(OneLine(PQerrorMessage(connection_.get())));
  }
  RECRYPT_ASSIGN(settled, Receive(until));
  return {};
}

Result<std::string> PostgresConnection::FirstText(const std::string& sql) {
  RECRYPT_ASSIGN(const SqlRows rows, Run(sql, {}));
  return rows.empty() ? std::string() : rows.front().Text(0);
}

// In a pipeline: the statement, prepared on its first use, and nothing waited for.
Status PostgresConnection::Queue(const std::string& sql, std::initializer_list<SqlParam> params) {
  PGconn* connection = connection_.get();
  if (lost_) return Lose("the connection has ended");
  if (PQpipelineStatus(connection) == PQ_PIPELINE_OFF && PQenterPipelineMode(connection) == 0) {
    return Lose("cannot queue statements");
  }
  const Parameters parameters(params);
  const auto count = static_cast<int>(parameters.types.size());
  auto [found, added] = statements_.try_emplace(sql);
  if (added) {
    found->second = "s" + std::to_string(++prepared_);
    pending_.push_back(sql);
  }
  const char* name = found->second.c_str();
  if (added && PQsendPrepare(connection, name, InDollars(sql).c_str(), count,
                             parameters.types.data()) == 0) {
    return Lose(OneLine(PQerrorMessage(connection)));
  }
  pending_.emplace_back();
  if (PQsendQueryPrepared(connection, name, count, parameters.values.data(),
                          parameters.lengths.data(), parameters.formats.data(), 1) == 0) {
    return Lose(OneLine(PQerrorMessage(connection)));
  }
  return {};
}

Result<Answer> PostgresConnection::Settle() {
  PGconn* connection = connection_.get();
  Answer last;
  if (PQpipelineStatus(connection) == PQ_PIPELINE_OFF) return last;
  if (PQpipelineSync(connection) == 0) return Lose(OneLine(PQerrorMessage(connection)));
  const auto until = Clock::now() + kLongestWait;
  std::optional<Error> failure;
  for (size_t at = 0;;) {
    RECRYPT_ASSIGN(Answer answer, ReceiveOne(until));
    if (PQstatus(connection) != CONNECTION_OK) {
      return Lose(failure ? failure->message : OneLine(PQerrorMessage(connection)));
    }
    if (!answer) continue;  // stands between the answers to two statements
    if (PQresultStatus(answer.get()) == PGRES_PIPELINE_SYNC) break;
    const bool succeeded = Succeeded(answer.get());
    if (!succeeded && !failure) {
      failure = FailBy(answer.get()).value();
      // What failed was taken for done long before: that is no matter of the statement behind it.
      const bool away = failure->code == ErrorCode::kUnavailable;
      if (at + 1 < pending_.size() && !away) failure->code = ErrorCode::kIo;
    }
    if (!succeeded && at < pending_.size()) statements_.erase(pending_[at]);
    last = std::move(answer);
    ++at;
  }
  pending_.clear();
  if (PQexitPipelineMode(connection) == 0) return Lose(OneLine(PQerrorMessage(connection)));
  if (failure) return Fail(*failure);
  return last;
}

Result<SqlRows> PostgresConnection::Run(const std::string& sql,
                                        std::initializer_list<SqlParam> params) {
  RECRYPT_TRY(Queue(sql, params));
  RECRYPT_ASSIGN(const Answer answer, Settle());
  changes_ = std::atoll(PQcmdTuples(answer.get()));
  return RowsOf(answer.get());
}

Status PostgresConnection::Begin(SqlBegin how) {
  static const std::string kRead = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  static const std::string kWrite = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
  if (how == SqlBegin::kRead) return Queue(kRead, {});
  if (how == SqlBegin::kMigrate) {
    return RunScript(kWrite + "; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;" +
                     kLockWriters);
  }
  // What is read behind the lock is what the one before has committed: each statement sees that.
  static const std::string kLock = kLockWriters;
  RECRYPT_TRY(Queue(kWrite, {}));
  const auto locked = Run(kLock, {});
  if (locked) return {};
  Rollback();
  return Fail(locked.error());
}

Status PostgresConnection::Commit() {
  static const std::string kCommit = "COMMIT";
  RECRYPT_TRY(Queue(kCommit, {}));
  const auto answer = Settle();
  if (!answer && !lost_) {
    Rollback();
    return Fail(answer.error());
  }
  if (!answer) {
    return FailStore(ErrorCode::kIo,
                     "the connection ended while committing: " + answer.error().message);
  }
  // A transaction in which something failed is undone by this, without an error.
  if (*answer && std::strcmp(PQcmdStatus(answer->get()), kCommit.c_str()) == 0) return {};
  return FailStore(ErrorCode::kIo, "nothing was committed");
}

void PostgresConnection::Rollback() {
  static const std::string kRollback = "ROLLBACK";
  if (!lost_) (void)Settle();
  if (!lost_) (void)Run(kRollback, {});
}

Status PostgresConnection::SetUp(AuditSync sync, PostgresUse use) {
  if (PQsetnonblocking(connection_.get(), 1) != 0) return Lose("the connection cannot be used");
  const auto until = Clock::now() + kLongestWait;
  // kDisk asks for no less than the database waits for by itself, such as for its replicas.
  RECRYPT_TRY(Script(sync == AuditSync::kOs
                         ? "SET synchronous_commit = off"
                         : "SELECT set_config('synchronous_commit', 'on', false) WHERE "
                           "current_setting('synchronous_commit') = 'off'",
                     until));
  RECRYPT_ASSIGN(const std::string encoding,
                 FirstText("SELECT current_setting('server_encoding')"));
  if (encoding != "UTF8") {
    return FailStore(ErrorCode::kInvalid,
                     "the database is in " + encoding +
                         ": make one by CREATE DATABASE … ENCODING 'UTF8' TEMPLATE "
                         "template0");
  }
  RECRYPT_TRY(LockFor(use));
  return Script(kSettings, until);
}

// Held until the connection ends. Waits a little: who has just stopped may be about to let go.
Status PostgresConnection::LockFor(PostgresUse use) {
  if (use == PostgresUse::kShort) return {};
  RECRYPT_TRY(RunScript("SET lock_timeout = '1s'"));
  const auto locked = Run(use == PostgresUse::kServe ? kLockServing : kLockAlone, {});
  if (locked || locked.error().code != ErrorCode::kUnavailable || lost_) {
    return locked ? Status() : Fail(locked.error());
  }
  return FailStore(ErrorCode::kBusy, use == PostgresUse::kServe
                                         ? "the service's key is being rotated"
                                         : "a recryptd serves from the database");
}

// nullptr when it is not there.
const char* OptionOf(const Options& options, std::string_view name) {
  for (const PQconninfoOption* one = options.get(); one->keyword != nullptr; ++one) {
    if (name == one->keyword) return one->val;
  }
  return nullptr;
}

Result<Options> ParseUri(const std::string& uri) {
  char* why = nullptr;
  Options options(PQconninfoParse(uri.c_str(), &why));
  if (options) return options;
  std::string text = OneLine(why);
  PQfreemem(why);
  // What is quoted at the end may be the URI as a whole, with a password in it.
  text.erase(std::min(text.find(": \""), text.size()));
  return Fail(ErrorCode::kInvalid, "store: " + text);
}

// A secure connection to another machine, unless somebody has said what it is to be.
bool LeavesSslOpen(const Options& options) {
  for (const char* name : {"sslmode", "service"}) {
    if (OptionOf(options, name) != nullptr) return false;
  }
  for (const char* name : {"PGSSLMODE", "PGSERVICE"}) {
    if (std::getenv(name) != nullptr) return false;
  }
  const char* host = OptionOf(options, "host");
  if (host == nullptr) host = std::getenv("PGHOST");
  constexpr std::array<std::string_view, 3> kHere = {"localhost", "127.0.0.1", "::1"};
  return host == nullptr || std::find(kHere.begin(), kHere.end(), host) == kHere.end();
}

}  // namespace

Status CheckPostgresUri(const std::string& uri) {
  if (!uri.starts_with("postgresql://") && !uri.starts_with("postgres://")) {
    return Fail(ErrorCode::kInvalid, "store is no postgresql://user@host/database");
  }
  RECRYPT_ASSIGN(const Options options, ParseUri(uri));
  for (const char* name : {"password", "sslpassword"}) {
    if (OptionOf(options, name) == nullptr) continue;
    return Fail(ErrorCode::kInvalid,
                std::string("store holds a ") + name +
                    ": put it into a file of mode 0600 and name that with passfile=FILE, "
                    "see recryptd(8)");
  }
  if (OptionOf(options, "dbname") == nullptr && OptionOf(options, "service") == nullptr) {
    return Fail(ErrorCode::kInvalid, "store names no database");
  }
  return {};
}

Result<std::unique_ptr<SqlConnection>> ConnectPostgres(const std::string& uri, AuditSync sync,
                                                       PostgresUse use) {
  RECRYPT_TRY(CheckPostgresUri(uri));
  RECRYPT_ASSIGN(const Options options, ParseUri(uri));
  // Those before dbname give way to what the URI says, the one behind it does not.
  std::vector<const char*> names = {"connect_timeout",  "tcp_user_timeout", "target_session_attrs",
                                    "application_name", "dbname",           "client_encoding"};
  std::vector<const char*> values = {"5", "10000", "read-write", "recryptd", uri.c_str(), "UTF8"};
  if (LeavesSslOpen(options)) {
    names.insert(names.begin(), "sslmode");
    values.insert(values.begin(), "verify-full");
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  Connection connection(PQconnectdbParams(names.data(), values.data(), 1));
  if (!connection || PQstatus(connection.get()) != CONNECTION_OK) {
    return FailStore(ErrorCode::kUnavailable, OneLine(PQerrorMessage(connection.get())));
  }
  auto made = std::make_unique<PostgresConnection>(std::move(connection));
  RECRYPT_TRY(made->SetUp(sync, use));
  return std::unique_ptr<SqlConnection>(std::move(made));
}

}  // namespace recrypt
