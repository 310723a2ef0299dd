#include "service/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "service/audit.h"
#include "service/open_store.h"
#include "service/service_keys.h"
#include "service/sql_connection.h"
#include "service/sql_store.h"
#include "service/state_files.h"

namespace recrypt {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kVersion = 1;

struct StateFile {
  std::string name;
  mode_t mode;
  bool needed;
};
const std::array kStateFiles = {
    StateFile{"service.key", 0600, true}, StateFile{"service.profile", 0644, true},
    StateFile{"tls.crt", 0644, false}, StateFile{"tls.key", 0600, false}};

// Takes away what was half made, unless it is told that all went well.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  ~Unfinished() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  void Finish() { path_.clear(); }

 private:
  std::string path_;
};

Status PackFiles(const std::string& state, SqlConnection& connection, int64_t now) {
  static const std::string kInsert = "INSERT INTO state_files VALUES (?1, ?2)";
  RECRYPT_TRY(connection.RunScript(
      "CREATE TABLE backup (version BIGINT NOT NULL, time BIGINT NOT NULL);"
      "CREATE TABLE state_files (name TEXT PRIMARY KEY, content BLOB NOT NULL)"));
  RECRYPT_ASSIGN([[maybe_unused]] SqlRows rows,
                 connection.Run("INSERT INTO backup VALUES (?1, ?2)", {kVersion, now}));
  for (const StateFile& file : kStateFiles) {
    const auto content = ReadStateFile(state + "/" + file.name);
    if (!content && content.error().code == ErrorCode::kNotFound && !file.needed) continue;
    if (!content) return Fail(content.error());
    RECRYPT_ASSIGN(rows, connection.Run(kInsert, {file.name, content->Reveal()}));
  }
  return {};
}

// By name, as this program knows them: a file decides nothing about paths.
Status UnpackFiles(SqlConnection& connection, const std::string& state) {
  static const std::string kFind = "SELECT content FROM state_files WHERE name = ?1";
  for (const StateFile& file : kStateFiles) {
    RECRYPT_ASSIGN(const SqlRows rows, connection.Run(kFind, {file.name}));
    if (rows.empty() && !file.needed) continue;
    if (rows.empty()) return Fail(ErrorCode::kInvalid, "the backup lacks " + file.name);
    Bytes content = rows.front().Blob(0);
    const Secret secret = Secret::TakeFrom(content);
    RECRYPT_TRY(WriteStateFile(state + "/" + file.name, secret.Reveal(), file.mode));
  }
  // The keys go from the store's file as well, not only from its tables.
  return connection.RunScript(
      "PRAGMA secure_delete = ON; DROP TABLE state_files; DROP TABLE backup");
}

Result<AuditHead> VerifyState(Store& store, const std::string& state) {
  RECRYPT_ASSIGN(const AuditHead head, VerifyAudit(store));
  RECRYPT_ASSIGN(const ServiceProfile service, ReadServiceProfile(state));
  RECRYPT_ASSIGN([[maybe_unused]] const uint64_t checkpoints,
                 VerifyCheckpoints(store, service.Udf()));
  return head;
}

Status MakeEmptyFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return FailErrno(errno, "creating " + path);
  return {};
}

Status CheckIsBackup(const std::string& file) {
  const auto connection = OpenSqlite(file, SqliteAccess::kReadOnly, AuditSync::kDisk);
  if (!connection) return Fail(connection.error(), "reading " + file);
  const auto rows = (*connection)->Run("SELECT version FROM backup", {});
  if (!rows || rows->size() != 1) {
    return Fail(ErrorCode::kInvalid, file + " is no backup of a recryptd");
  }
  if (rows->front().Number(0) == kVersion) return {};
  return Fail(ErrorCode::kInvalid, file + " is a backup of another version of recryptd");
}

}  // namespace

Result<AuditHead> BackUp(const std::string& state, const std::string& file, const Clock& clock) {
  if (access(file.c_str(), F_OK) == 0) return Fail(ErrorCode::kExists, file + " exists already");
  if (access(StorePath(state).c_str(), F_OK) != 0 && errno == ENOENT) {
    return Fail(ErrorCode::kNotFound,
                "there is no recryptd.sqlite in " + state +
                    ": a store in PostgreSQL is backed up by 'pg_dump --no-unlogged-table-data', "
                    "and service.key and service.profile are kept beside that");
  }
  const std::string temporary = file + ".unfinished";
  if (access(temporary.c_str(), F_OK) == 0) {
    return Fail(
        ErrorCode::kExists,
        temporary + " is of a backup that was cut off, or still runs: remove it if none does");
  }
  RECRYPT_TRY(MakeEmptyFile(temporary));
  Unfinished unfinished(temporary);
  // The keys are read before the store and after it: what is sealed fits them if they stayed.
  RECRYPT_ASSIGN(const Secret keys, ReadSecretStateFile(state + "/service.key"));
  RECRYPT_TRY(CopySqlite(StorePath(state), temporary));
  {
    RECRYPT_ASSIGN(const auto connection,
                   OpenSqlite(temporary, SqliteAccess::kReadWrite, AuditSync::kDisk));
    RECRYPT_TRY(PackFiles(state, *connection, clock.NowSeconds()));
    RECRYPT_TRY(connection->RunScript("PRAGMA journal_mode = DELETE"));
  }
  RECRYPT_ASSIGN(const Secret keys_after, ReadSecretStateFile(state + "/service.key"));
  if (!keys.Equals(keys_after)) {
    return Fail(ErrorCode::kBusy, "the service's keys were changed meanwhile: try again");
  }
  RECRYPT_ASSIGN(const auto store, OpenSqliteStoreReadOnly(temporary));
  RECRYPT_ASSIGN(const AuditHead head, VerifyState(*store, state));
  RECRYPT_TRY(PublishNewFile(temporary, file));
  unfinished.Finish();
  return head;
}

Result<AuditHead> Restore(const std::string& file, const std::string& directory) {
  RECRYPT_TRY(CheckIsBackup(file));
  // Without slashes at its end: a name beside it is made of it.
  const std::string state = directory.substr(0, directory.find_last_not_of('/') + 1);
  std::error_code error;
  if (fs::exists(state, error) && !fs::is_empty(state, error)) {
    return Fail(ErrorCode::kExists, state + " is not empty: nothing is restored over it");
  }
  // The directory gets its name when all is in it: no service ever starts from a part.
  const std::string temporary = state + ".unfinished";
  if (fs::exists(temporary, error)) {
    return Fail(ErrorCode::kExists, temporary + " is left of another restore: remove it");
  }
  RECRYPT_TRY(MakeStateDirectory(temporary));
  Unfinished unfinished(temporary);
  RECRYPT_TRY(MakeEmptyFile(StorePath(temporary)));
  RECRYPT_TRY(CopySqlite(file, StorePath(temporary)));
  {
    RECRYPT_ASSIGN(const auto connection,
                   OpenSqlite(StorePath(temporary), SqliteAccess::kReadWrite, AuditSync::kDisk));
    RECRYPT_TRY(UnpackFiles(*connection, temporary));
  }
  AuditHead head;
  {
    RECRYPT_ASSIGN(const auto store, OpenSqliteStore(StorePath(temporary), AuditSync::kDisk));
    RECRYPT_ASSIGN(head, VerifyState(*store, temporary));
  }
  RECRYPT_TRY(PublishFile(temporary, state));
  unfinished.Finish();
  return head;
}

}  // namespace recrypt
