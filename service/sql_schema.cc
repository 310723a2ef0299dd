#include "service/sql_schema.h"

#include <array>
#include <utility>

namespace recrypt {
namespace {

// Never changed once released: a change is a further step. In braces stand types by the names of
// SqlDialect.
constexpr std::array kMigrations = {
    R"sql(
CREATE TABLE profiles (
  account {TEXT} PRIMARY KEY,
  master {TEXT} NOT NULL,
  version BIGINT NOT NULL,
  jws {TEXT} NOT NULL
);
CREATE TABLE devices (
  account {TEXT} NOT NULL REFERENCES profiles (account),
  device {TEXT} NOT NULL,
  PRIMARY KEY (account, device)
);
CREATE INDEX devices_by_device ON devices (device);
CREATE TABLE revoked_devices (
  account {TEXT} NOT NULL,
  device {TEXT} NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (account, device)
);
CREATE TABLE labels (
  label {TEXT} PRIMARY KEY,
  master {TEXT} NOT NULL,
  version BIGINT NOT NULL,
  lease_seconds BIGINT NOT NULL,
  jws {TEXT} NOT NULL,
  deleted BIGINT NOT NULL
);
CREATE TABLE label_administrators (
  label {TEXT} NOT NULL REFERENCES labels (label),
  account {TEXT} NOT NULL,
  udf {TEXT} NOT NULL,
  PRIMARY KEY (label, account)
);
CREATE INDEX label_administrators_by_account ON label_administrators (account);
CREATE TABLE label_keys (
  kid {TEXT} PRIMARY KEY,
  label {TEXT} NOT NULL REFERENCES labels (label)
);
CREATE INDEX label_keys_by_label ON label_keys (label);
CREATE TABLE label_secrets (
  label {TEXT} NOT NULL REFERENCES labels (label),
  device {TEXT} NOT NULL,
  jwe {TEXT} NOT NULL,
  PRIMARY KEY (label, device)
);
CREATE TABLE entries (
  id {SERIAL},
  label {TEXT} NOT NULL REFERENCES labels (label),
  account {TEXT} NOT NULL,
  profile_udf {TEXT} NOT NULL,
  device {TEXT} NOT NULL,
  kid {TEXT} NOT NULL,
  epoch BIGINT NOT NULL,
  sign {TEXT} NOT NULL,
  service_half {TEXT} NOT NULL,
  member_half {TEXT} NOT NULL,
  credential {BYTES} NOT NULL,
  created BIGINT NOT NULL,
  revoked BIGINT,
  lease_until BIGINT NOT NULL
);
CREATE UNIQUE INDEX entries_live ON entries (device, kid) WHERE revoked IS NULL;
CREATE INDEX entries_by_device ON entries (device, kid);
CREATE INDEX entries_by_label ON entries (label, account);
CREATE TABLE joins (
  label {TEXT} NOT NULL REFERENCES labels (label),
  account {TEXT} NOT NULL,
  device {TEXT} NOT NULL,
  profile {TEXT} NOT NULL,
  message {TEXT} NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (label, account)
);
CREATE TABLE audit (
  sequence {NUMBER},
  label {TEXT} NOT NULL,
  account {TEXT} NOT NULL,
  event {TEXT} NOT NULL,
  record {TEXT} NOT NULL,
  hash {BYTES} NOT NULL
);
CREATE INDEX audit_by_label ON audit (label, sequence);
)sql",
    R"sql(
CREATE TABLE checkpoints (
  sequence BIGINT PRIMARY KEY,
  jws {TEXT} NOT NULL
);
)sql",
    R"sql(
CREATE TABLE quotas (
  label {TEXT} NOT NULL,
  per {TEXT} NOT NULL,
  subject {TEXT} NOT NULL,
  seconds BIGINT NOT NULL,
  start BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (label, per, subject, seconds)
);
CREATE TABLE reviews (
  id {SERIAL},
  label {TEXT} NOT NULL,
  account {TEXT} NOT NULL,
  t {BYTES} NOT NULL,
  device {TEXT} NOT NULL,
  document {BYTES} NOT NULL,
  header {BYTES} NOT NULL,
  requested BIGINT NOT NULL,
  state BIGINT NOT NULL,
  decided_by {TEXT} NOT NULL,
  decided BIGINT NOT NULL,
  decision_until BIGINT NOT NULL,
  UNIQUE (label, account, t)
);
CREATE INDEX reviews_by_label ON reviews (label, id);
ALTER TABLE labels DROP COLUMN lease_seconds;
)sql",
    R"sql(
CREATE TABLE bound_ephemerals (
  t {BYTES} PRIMARY KEY,
  text {BYTES} NOT NULL
);
)sql",
    R"sql(
CREATE TABLE service (
  one {NUMBER},
  profile {TEXT} NOT NULL
);
CREATE TABLE notes (
  id {TEXT} PRIMARY KEY,
  device {TEXT} NOT NULL,
  content {TEXT} NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX notes_by_device ON notes (device);
)sql",
    R"sql(
ALTER TABLE entries ADD COLUMN member_group BIGINT NOT NULL DEFAULT 0;
CREATE INDEX entries_of_groups ON entries (account, kid) WHERE member_group = 1;
)sql",
};

// The text of a step in the database's own types.
std::string InDialect(std::string_view step, const SqlDialect& dialect) {
  const std::array<std::pair<std::string_view, std::string_view>, 4> types = {
      {{"{TEXT}", dialect.text},
       {"{BYTES}", dialect.bytes},
       {"{NUMBER}", dialect.number},
       {"{SERIAL}", dialect.serial}}};
  std::string text(step);
  for (const auto& [name, type] : types) {
    for (size_t at = 0; (at = text.find(name, at)) != text.npos; at += type.size()) {
      text.replace(at, name.size(), type);
    }
  }
  return text;
}

Status RunSteps(SqlConnection& connection) {
  RECRYPT_TRY(connection.RunScript(
      InDialect("CREATE TABLE IF NOT EXISTS schema_version (one {NUMBER}, number BIGINT NOT NULL);"
                "INSERT INTO schema_version VALUES (1, 0) ON CONFLICT DO NOTHING",
                connection.dialect())));
  RECRYPT_ASSIGN(const SqlRows rows, connection.Run("SELECT number FROM schema_version", {}));
  const int64_t have = rows.empty() ? -1 : rows.front().Number(0);
  const auto known = static_cast<int64_t>(kMigrations.size());
  if (have < 0 || have > known) {
    return Fail(ErrorCode::kInvalid, "the store is of version " + std::to_string(have) +
                                         ", this program knows " + std::to_string(known));
  }
  if (have == known) return {};
  for (auto step = static_cast<size_t>(have); step < kMigrations.size(); ++step) {
    RECRYPT_TRY(connection.RunScript(InDialect(kMigrations[step], connection.dialect())));
  }
  return connection.RunScript("UPDATE schema_version SET number = " + std::to_string(known));
}

}  // namespace

Status Migrate(SqlConnection& connection) {
  RECRYPT_TRY(connection.Begin(SqlBegin::kMigrate));
  if (const Status done = RunSteps(connection); !done) {
    connection.Rollback();
    return done;
  }
  return connection.Commit();
}

}  // namespace recrypt
