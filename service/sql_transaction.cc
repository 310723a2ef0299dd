// The writing half of SqlTransaction; the reading one is in sql_view.cc.
#include "service/sql_transaction.h"

namespace recrypt {

Status SqlTransaction::PutProfile(const StoredProfile& profile) {
  static const std::string kPut =
      "INSERT INTO profiles (account, master, version, jws) VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT (account) DO UPDATE SET master = excluded.master, version = excluded.version, "
      "jws = excluded.jws";
  static const std::string kClear = "DELETE FROM devices WHERE account = ?1";
  static const std::string kDevice = "INSERT INTO devices (account, device) VALUES (?1, ?2)";
  RECRYPT_TRY(Do(
      kPut, {profile.account, profile.master, static_cast<int64_t>(profile.version), profile.jws}));
  RECRYPT_TRY(Do(kClear, {profile.account}));
  for (const std::string& device : profile.devices) {
    RECRYPT_TRY(Do(kDevice, {profile.account, device}));
  }
  return {};
}

Status SqlTransaction::PutLabel(const StoredLabel& label) {
  static const std::string kPut =
      "INSERT INTO labels (label, master, version, jws, deleted) "
      "VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT (label) DO UPDATE SET master = excluded.master, "
      "version = excluded.version, jws = excluded.jws, deleted = 0";
  static const std::string kClearAdministrators =
      "DELETE FROM label_administrators WHERE label = ?1";
  static const std::string kAdministrator =
      "INSERT INTO label_administrators (label, account, udf) VALUES (?1, ?2, ?3)";
  static const std::string kClearKeys = "DELETE FROM label_keys WHERE label = ?1";
  static const std::string kKey = "INSERT INTO label_keys (kid, label) VALUES (?1, ?2)";
  RECRYPT_TRY(
      Do(kPut, {label.label, label.master, static_cast<int64_t>(label.version), label.jws}));
  RECRYPT_TRY(Do(kClearAdministrators, {label.label}));
  for (const auto& [account, udf] : label.administrators) {
    RECRYPT_TRY(Do(kAdministrator, {label.label, account, udf}));
  }
  RECRYPT_TRY(Do(kClearKeys, {label.label}));
  for (const std::string& key : label.keys) RECRYPT_TRY(Do(kKey, {key, label.label}));
  return {};
}

Status SqlTransaction::MarkLabelDeleted(const std::string& label) {
  static const std::string kMark = "UPDATE labels SET deleted = 1 WHERE label = ?1";
  static const std::string kSecrets = "DELETE FROM label_secrets WHERE label = ?1";
  static const std::string kJoins = "DELETE FROM joins WHERE label = ?1";
  RECRYPT_TRY(Do(kMark, {label}));
  RECRYPT_TRY(Do(kSecrets, {label}));
  return Do(kJoins, {label});
}

Status SqlTransaction::PutSecrets(const std::string& label,
                                  const std::map<std::string, std::string>& secrets) {
  static const std::string kClear = "DELETE FROM label_secrets WHERE label = ?1";
  static const std::string kPut =
      "INSERT INTO label_secrets (label, device, jwe) VALUES (?1, ?2, ?3)";
  RECRYPT_TRY(Do(kClear, {label}));
  for (const auto& [device, jwe] : secrets) RECRYPT_TRY(Do(kPut, {label, device, jwe}));
  return {};
}

Status SqlTransaction::PutEntry(const StoredEntry& entry) {
  static const std::string kReplace =
      "UPDATE entries SET revoked = ?1 WHERE device = ?2 AND kid = ?3 AND revoked IS NULL";
  static const std::string kPut =
      "INSERT INTO entries (label, account, profile_udf, device, kid, epoch, sign, service_half, "
      "member_half, credential, member_group, created, lease_until) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0)";
  RECRYPT_TRY(Do(kReplace, {entry.created, entry.device, entry.key}));
  return Do(kPut, {entry.label, entry.account, entry.profile_udf, entry.device, entry.key,
                   entry.epoch, entry.sign, entry.service_half, entry.member_half,
                   ByteSpan(entry.credential), int64_t{entry.group}, entry.created});
}

Status SqlTransaction::PutServiceHalf(const StoredHalf& half) {
  static const std::string kSql = "UPDATE entries SET service_half = ?1 WHERE id = ?2";
  return Do(kSql, {half.jwe, half.id});
}

Result<Revoked> SqlTransaction::RevokeEntries(const EntryFilter& filter, int64_t now) {
  // Assembled from constants alone; an absent condition still uses its parameter.
  const auto condition = [](const std::string& field, const char* set, const char* absent) {
    return std::string(field.empty() ? absent : set);
  };
  const std::string where = " WHERE revoked IS NULL" +
                            condition(filter.label, " AND label = ?1", " AND ?1 = ''") +
                            condition(filter.account, " AND account = ?2", " AND ?2 = ''") +
                            condition(filter.device, " AND device = ?3", " AND ?3 = ''") +
                            condition(filter.key, " AND kid = ?4", " AND ?4 = ''");
  RECRYPT_ASSIGN(const SqlRows rows,
                 Run("SELECT COUNT(*), COALESCE(MAX(lease_until), 0) FROM entries" + where,
                     {filter.label, filter.account, filter.device, filter.key}));
  const Revoked revoked{rows.front().Number(0), rows.front().Number(1)};
  RECRYPT_TRY(Do("UPDATE entries SET revoked = ?5" + where,
                 {filter.label, filter.account, filter.device, filter.key, now}));
  return revoked;
}

Result<bool> SqlTransaction::UseEntry(int64_t id, uint64_t label_version, int64_t lease_until) {
  static const std::string kHolds =
      "SELECT e.lease_until FROM entries e JOIN labels l ON l.label = e.label "
      "WHERE e.id = ?1 AND e.revoked IS NULL AND l.version = ?2 AND l.deleted = 0";
  static const std::string kExtend = "UPDATE entries SET lease_until = ?1 WHERE id = ?2";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kHolds, {id, static_cast<int64_t>(label_version)}));
  if (rows.empty()) return false;
  // Leases end at whole seconds: of the grants of one second, the first alone changes the entry.
  if (rows.front().Number(0) < lease_until) RECRYPT_TRY(Do(kExtend, {lease_until, id}));
  return true;
}

Status SqlTransaction::RevokeDevice(const std::string& account, const std::string& device,
                                    int64_t now) {
  static const std::string kSql =
      "INSERT INTO revoked_devices (account, device, time) VALUES (?1, ?2, ?3) ON CONFLICT DO "
      "NOTHING";
  return Do(kSql, {account, device, now});
}

Status SqlTransaction::AppendAudit(const AuditRow& row) {
  static const std::string kSql =
      "INSERT INTO audit (sequence, label, account, event, record, hash) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
  // Who writes is alone: nobody can have taken the number meanwhile.
  return connection_.Queue(kSql, {static_cast<int64_t>(row.sequence), row.label, row.account,
                                  row.event, row.record, ByteSpan(row.hash)});
}

Status SqlTransaction::PutCheckpoint(const StoredCheckpoint& checkpoint) {
  static const std::string kSql =
      "INSERT INTO checkpoints (sequence, jws) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
  return Do(kSql, {static_cast<int64_t>(checkpoint.sequence), checkpoint.jws});
}

Status SqlTransaction::PutJoin(const StoredJoin& join) {
  static const std::string kSql =
      "INSERT INTO joins (label, account, device, profile, message, time) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (label, account) DO UPDATE SET "
      "device = excluded.device, profile = excluded.profile, message = excluded.message, "
      "time = excluded.time";
  return Do(kSql, {join.label, join.account, join.device, join.profile, join.message, join.time});
}

Result<bool> SqlTransaction::DeleteJoin(const std::string& label, const std::string& account) {
  static const std::string kSql = "DELETE FROM joins WHERE label = ?1 AND account = ?2";
  RECRYPT_TRY(Do(kSql, {label, account}));
  return connection_.Changes() > 0;
}

Status SqlTransaction::PutNote(const StoredNote& note) {
  static const std::string kSql =
      "INSERT INTO notes (id, device, content, expires) VALUES (?1, ?2, ?3, ?4)";
  return Do(kSql, {note.id, note.device, note.content, note.expires});
}

Status SqlTransaction::ForgetNotes(int64_t expired_before) {
  static const std::string kSql = "DELETE FROM notes WHERE expires < ?1";
  return Do(kSql, {expired_before});
}

Status SqlTransaction::PutServiceProfile(const std::string& jws) {
  static const std::string kSql =
      "INSERT INTO service (one, profile) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET "
      "profile = excluded.profile";
  return Do(kSql, {jws});
}

}  // namespace recrypt
