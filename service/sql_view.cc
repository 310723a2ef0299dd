// The reading half of SqlTransaction.
#include <algorithm>

#include "service/sql_transaction.h"

namespace recrypt {
namespace {

#define ENTRY_COLUMNS                                                                      \
  "id, label, account, profile_udf, device, kid, epoch, sign, service_half, member_half, " \
  "credential, member_group, created, revoked, lease_until"

// Of a device `d`.
#define NOT_REVOKED                                                                         \
  "NOT EXISTS (SELECT 1 FROM revoked_devices r WHERE r.account = d.account AND r.device = " \
  "d.device)"

// Entries `e` of the personal groups of accounts whose profiles list the device `d`.
#define GROUP_ENTRIES                                                                           \
  "devices d JOIN profiles p ON p.account = d.account JOIN entries e ON e.account = p.account " \
  "AND e.profile_udf = p.master AND e.member_group = 1"

StoredEntry EntryOf(const SqlRow& row) {
  StoredEntry entry;
  entry.id = row.Number(0);
  entry.label = row.Text(1);
  entry.account = row.Text(2);
  entry.profile_udf = row.Text(3);
  entry.device = row.Text(4);
  entry.key = row.Text(5);
  entry.epoch = static_cast<uint32_t>(row.Number(6));
  entry.sign = row.Text(7);
  entry.service_half = row.Text(8);
  entry.member_half = row.Text(9);
  entry.credential = row.Blob(10);
  entry.group = row.Number(11) != 0;
  entry.created = row.Number(12);
  if (!row.IsNull(13)) entry.revoked = row.Number(13);
  entry.lease_until = row.Number(14);
  return entry;
}

std::vector<StoredEntry> EntriesOf(const SqlRows& rows) {
  std::vector<StoredEntry> entries;
  entries.reserve(rows.size());
  for (const SqlRow& row : rows) entries.push_back(EntryOf(row));
  return entries;
}

Result<Sha256Digest> HashOf(const SqlRow& row, size_t column) {
  return ToArray<32>(row.Blob(column));
}

Result<AuditHead> HeadOf(const SqlRows& rows) {
  AuditHead head;
  if (rows.empty()) return head;
  head.sequence = static_cast<uint64_t>(rows.front().Number(0));
  RECRYPT_ASSIGN(head.hash, HashOf(rows.front(), 1));
  return head;
}

bool HoldsNul(const SqlParam& param) {
  const auto* text = std::get_if<const std::string*>(&param.value());
  return text != nullptr && (*text)->find('\0') != std::string::npos;
}

std::optional<std::string> FirstText(const SqlRows& rows) {
  if (rows.empty()) return std::nullopt;
  return rows.front().Text(0);
}

}  // namespace

Result<SqlRows> SqlTransaction::Run(const std::string& sql,
                                    std::initializer_list<SqlParam> params) {
  // Not every database has such texts, and nothing is named so.
  if (std::any_of(params.begin(), params.end(), HoldsNul)) {
    return Fail(ErrorCode::kInvalid, "a text holds a NUL");
  }
  Result<SqlRows> rows = connection_.Run(sql, params);
  if (rows) return rows;
  const ErrorCode code = rows.error().code;
  if (code != ErrorCode::kExists && code != ErrorCode::kInvalid) broken_ = true;
  return rows;
}

Status SqlTransaction::Do(const std::string& sql, std::initializer_list<SqlParam> params) {
  RECRYPT_ASSIGN([[maybe_unused]] const SqlRows rows, Run(sql, params));
  return {};
}

Result<std::optional<StoredProfile>> SqlTransaction::FindProfile(const std::string& account) {
  static const std::string kSql =
      "SELECT account, master, version, jws FROM profiles WHERE account = ?1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {account}));
  if (rows.empty()) return std::nullopt;
  const SqlRow& row = rows.front();
  return StoredProfile{
      row.Text(0), row.Text(1), static_cast<uint64_t>(row.Number(2)), row.Text(3), {}};
}

// No domain has a character that LIKE reads otherwise.
Result<int64_t> SqlTransaction::CountGuests(const std::string& domain) {
  static const std::string kSql = "SELECT COUNT(*) FROM profiles WHERE account NOT LIKE ?1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {"%@" + domain}));
  return rows.empty() ? 0 : rows.front().Number(0);
}

Result<std::vector<std::string>> SqlTransaction::DevicesOf(const std::string& account) {
  static const std::string kSql =
      "SELECT d.device FROM devices d WHERE d.account = ?1 AND " NOT_REVOKED " ORDER BY d.device";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {account}));
  std::vector<std::string> devices;
  for (const SqlRow& row : rows) devices.push_back(row.Text(0));
  return devices;
}

Result<bool> SqlTransaction::IsDeviceRevoked(const std::string& account,
                                             const std::string& device) {
  static const std::string kSql =
      "SELECT time FROM revoked_devices WHERE account = ?1 AND device = ?2";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {account, device}));
  return !rows.empty();
}

Result<std::optional<StoredLabel>> SqlTransaction::FindLabel(const std::string& label) {
  static const std::string kSql =
      "SELECT label, master, version, jws, deleted FROM labels WHERE label = ?1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label}));
  if (rows.empty()) return std::nullopt;
  const SqlRow& row = rows.front();
  StoredLabel found;
  found.label = row.Text(0);
  found.master = row.Text(1);
  found.version = static_cast<uint64_t>(row.Number(2));
  found.jws = row.Text(3);
  found.deleted = row.Number(4) != 0;
  return found;
}

Result<std::optional<std::string>> SqlTransaction::FindLabelOfKey(const std::string& key) {
  static const std::string kSql = "SELECT label FROM label_keys WHERE kid = ?1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {key}));
  return FirstText(rows);
}

Result<bool> SqlTransaction::IsAdministrator(const std::string& label, const std::string& device) {
  static const std::string kSql =
      "SELECT 1 FROM label_administrators a "
      "JOIN labels l ON l.label = a.label AND l.deleted = 0 "
      "JOIN profiles p ON p.account = a.account AND p.master = a.udf "
      "JOIN devices d ON d.account = p.account "
      "WHERE a.label = ?1 AND d.device = ?2 "
      "AND " NOT_REVOKED;
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label, device}));
  return !rows.empty();
}

Result<std::optional<std::string>> SqlTransaction::FindSecrets(const std::string& label,
                                                               const std::string& device) {
  static const std::string kSql = "SELECT jwe FROM label_secrets WHERE label = ?1 AND device = ?2";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label, device}));
  return FirstText(rows);
}

Result<std::vector<std::string>> SqlTransaction::DevicesWithSecrets(const std::string& label) {
  static const std::string kSql =
      "SELECT device FROM label_secrets WHERE label = ?1 ORDER BY device";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label}));
  std::vector<std::string> devices;
  for (const SqlRow& row : rows) devices.push_back(row.Text(0));
  return devices;
}

Result<std::optional<StoredEntry>> SqlTransaction::FindEntry(const std::string& device,
                                                             const std::string& key) {
  static const std::string kSql =
      "SELECT " ENTRY_COLUMNS
      " FROM entries WHERE (device = ?1 AND kid = ?2) OR id IN (SELECT e.id FROM " GROUP_ENTRIES
      " WHERE d.device = ?1 AND e.kid = ?2 AND " NOT_REVOKED
      ") ORDER BY CASE WHEN revoked IS NULL THEN 0 ELSE 1 END, member_group, id DESC LIMIT 1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {device, key}));
  if (rows.empty()) return std::nullopt;
  return EntryOf(rows.front());
}

Result<std::vector<StoredEntry>> SqlTransaction::EntriesOfDevice(const std::string& label,
                                                                 const std::string& device) {
  static const std::string kSql =
      "SELECT " ENTRY_COLUMNS
      " FROM entries WHERE (device = ?2 AND label = ?1) OR id IN (SELECT e.id FROM " GROUP_ENTRIES
      " WHERE d.device = ?2 AND e.label = ?1 AND " NOT_REVOKED ") ORDER BY epoch, id";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label, device}));
  return EntriesOf(rows);
}

Result<bool> SqlTransaction::HasEntryFor(const std::string& account, const std::string& device) {
  static const std::string kSql =
      "SELECT 1 FROM entries WHERE device = ?1 AND account = ?2 AND revoked IS NULL LIMIT 1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {device, account}));
  return !rows.empty();
}

Result<bool> SqlTransaction::ListsDevice(const std::string& account, const std::string& profile_udf,
                                         const std::string& device) {
  static const std::string kSql =
      "SELECT 1 FROM devices d JOIN profiles p ON p.account = d.account "
      "WHERE d.account = ?1 AND p.master = ?2 AND d.device = ?3 AND " NOT_REVOKED;
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {account, profile_udf, device}));
  return !rows.empty();
}

Result<std::optional<int64_t>> SqlTransaction::FindGroupLease(const std::string& account,
                                                              const std::string& profile_udf) {
  static const std::string kSql =
      "SELECT MAX(lease_until) FROM entries WHERE account = ?1 AND profile_udf = ?2 "
      "AND member_group = 1 AND revoked IS NULL";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {account, profile_udf}));
  if (rows.empty() || rows.front().IsNull(0)) return std::nullopt;
  return rows.front().Number(0);
}

Result<int64_t> SqlTransaction::CountJoins(const std::string& label) {
  static const std::string kSql = "SELECT COUNT(*) FROM joins WHERE label = ?1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label}));
  return rows.empty() ? 0 : rows.front().Number(0);
}

Result<AuditHead> SqlTransaction::FindAuditHead() {
  static const std::string kSql = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {}));
  return HeadOf(rows);
}

// One statement, since every grant waits for it.
Result<AuditEnd> SqlTransaction::FindAuditEnd(const std::string& label) {
  static const std::string kSql =
      "SELECT sequence, hash, COALESCE((SELECT MAX(l.sequence) FROM audit l WHERE l.label = ?1), "
      "0) FROM audit ORDER BY sequence DESC LIMIT 1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label}));
  AuditEnd end;
  RECRYPT_ASSIGN(end.head, HeadOf(rows));
  if (!rows.empty()) end.last_of_label = static_cast<uint64_t>(rows.front().Number(2));
  return end;
}

Result<AuditHead> SqlTransaction::FindLastAuditOf(const std::string& label) {
  static const std::string kSql =
      "SELECT sequence, hash FROM audit WHERE label = ?1 ORDER BY sequence DESC LIMIT 1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label}));
  return HeadOf(rows);
}

Result<std::vector<LabelOfDevice>> SqlTransaction::ListLabels(const std::string& device,
                                                              const std::string& after,
                                                              uint32_t limit) {
  static const std::string kSql =
      "SELECT label, MAX(member), MAX(administrator) FROM ("
      "SELECT e.label AS label, 1 AS member, 0 AS administrator FROM entries e "
      "WHERE e.device = ?1 AND e.revoked IS NULL "
      "UNION ALL SELECT e.label, 1, 0 FROM " GROUP_ENTRIES
      " WHERE d.device = ?1 AND e.revoked IS NULL AND " NOT_REVOKED
      " UNION ALL SELECT a.label, 0, 1 FROM devices d "
      "JOIN profiles p ON p.account = d.account "
      "JOIN label_administrators a ON a.account = p.account AND a.udf = p.master "
      "JOIN labels l ON l.label = a.label AND l.deleted = 0 WHERE d.device = ?1 AND " NOT_REVOKED
      ") AS found WHERE label > ?2 GROUP BY label ORDER BY label LIMIT ?3";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {device, after, limit}));
  std::vector<LabelOfDevice> labels;
  for (const SqlRow& row : rows) {
    labels.push_back({row.Text(0), row.Number(1) != 0, row.Number(2) != 0});
  }
  return labels;
}

Result<std::vector<Member>> SqlTransaction::ListMembers(const std::string& label,
                                                        const std::string& after, uint32_t limit) {
  static const std::string kAccounts =
      "SELECT account, MAX(profile_udf) FROM entries "
      "WHERE label = ?1 AND revoked IS NULL AND account > ?2 "
      "GROUP BY account ORDER BY account LIMIT ?3";
  static const std::string kDevices =
      "SELECT DISTINCT account, device FROM entries "
      "WHERE label = ?1 AND revoked IS NULL AND account > ?2 AND account <= ?3 "
      "ORDER BY account, device";
  RECRYPT_ASSIGN(const SqlRows accounts, Run(kAccounts, {label, after, limit}));
  if (accounts.empty()) return std::vector<Member>();
  RECRYPT_ASSIGN(const SqlRows devices, Run(kDevices, {label, after, accounts.back().Text(0)}));
  std::vector<Member> members;
  auto device = devices.begin();
  for (const SqlRow& row : accounts) {
    Member& member = members.emplace_back(Member{row.Text(0), row.Text(1), {}});
    for (; device != devices.end() && device->Text(0) == member.account; ++device) {
      member.devices.push_back(device->Text(1));
    }
  }
  return members;
}

Result<std::vector<StoredEntry>> SqlTransaction::ListEntries(const std::string& label,
                                                             const std::string& account,
                                                             int64_t after, uint32_t limit) {
  static const std::string kSql =
      "SELECT " ENTRY_COLUMNS
      " FROM entries WHERE label = ?1 AND (?2 = '' OR account = ?2) AND id > ?3 "
      "ORDER BY id LIMIT ?4";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label, account, after, limit}));
  return EntriesOf(rows);
}

Result<std::vector<StoredHalf>> SqlTransaction::ListServiceHalves(int64_t after, uint32_t limit) {
  static const std::string kSql =
      "SELECT id, service_half FROM entries WHERE revoked IS NULL AND id > ?1 ORDER BY id LIMIT ?2";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {after, limit}));
  std::vector<StoredHalf> halves;
  for (const SqlRow& row : rows) halves.push_back({row.Number(0), row.Text(1)});
  return halves;
}

Result<std::vector<AuditRow>> SqlTransaction::ListAudit(const std::string& label,
                                                        const std::string& account,
                                                        const std::string& event, int64_t after,
                                                        uint32_t limit) {
  // Two statements: the chain as a whole must not be sorted out of the index by label.
  static const std::string kAll =
      "SELECT sequence, label, account, event, record, hash FROM audit WHERE sequence > ?1 "
      "ORDER BY sequence LIMIT ?2";
  static const std::string kOfLabel =
      "SELECT sequence, label, account, event, record, hash, "
      "(SELECT p.hash FROM audit p WHERE p.sequence = audit.sequence - 1) "
      "FROM audit WHERE label = ?1 AND (?2 = '' OR account = ?2) AND (?3 = '' OR event = ?3) AND "
      "sequence > ?4 "
      "ORDER BY sequence LIMIT ?5";
  RECRYPT_ASSIGN(const SqlRows rows, label.empty()
                                         ? Run(kAll, {after, limit})
                                         : Run(kOfLabel, {label, account, event, after, limit}));
  std::vector<AuditRow> found;
  found.reserve(rows.size());
  for (const SqlRow& row : rows) {
    AuditRow& audit = found.emplace_back();
    audit.sequence = static_cast<uint64_t>(row.Number(0));
    audit.label = row.Text(1);
    audit.account = row.Text(2);
    audit.event = row.Text(3);
    audit.record = row.Text(4);
    // A hash of another length is one that matches nothing: verification names the record.
    if (auto hash = HashOf(row, 5)) audit.hash = *hash;
    if (label.empty()) continue;
    if (auto previous = HashOf(row, 6)) audit.previous = *previous;
  }
  return found;
}

Result<std::vector<StoredCheckpoint>> SqlTransaction::ListCheckpoints(int64_t after,
                                                                      uint32_t limit) {
  static const std::string kSql =
      "SELECT sequence, jws FROM checkpoints WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {after, limit}));
  std::vector<StoredCheckpoint> checkpoints;
  for (const SqlRow& row : rows) {
    checkpoints.push_back({static_cast<uint64_t>(row.Number(0)), row.Text(1)});
  }
  return checkpoints;
}

Result<std::optional<StoredNote>> SqlTransaction::FindNote(const std::string& id) {
  static const std::string kSql = "SELECT id, device, content, expires FROM notes WHERE id = ?1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {id}));
  if (rows.empty()) return std::nullopt;
  const SqlRow& row = rows.front();
  return StoredNote{row.Text(0), row.Text(1), row.Text(2), row.Number(3)};
}

Result<int64_t> SqlTransaction::CountNotes(const std::string& device) {
  static const std::string kAll = "SELECT COUNT(*) FROM notes";
  static const std::string kOfDevice = "SELECT COUNT(*) FROM notes WHERE device = ?1";
  RECRYPT_ASSIGN(const SqlRows rows, device.empty() ? Run(kAll, {}) : Run(kOfDevice, {device}));
  return rows.empty() ? 0 : rows.front().Number(0);
}

Result<std::optional<std::string>> SqlTransaction::FindServiceProfile() {
  static const std::string kSql = "SELECT profile FROM service WHERE one = 1";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {}));
  return FirstText(rows);
}

Result<std::vector<StoredJoin>> SqlTransaction::ListJoins(const std::string& label,
                                                          const std::string& after,
                                                          uint32_t limit) {
  static const std::string kSql =
      "SELECT label, account, device, profile, message, time FROM joins "
      "WHERE label = ?1 AND account > ?2 ORDER BY account LIMIT ?3";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label, after, limit}));
  std::vector<StoredJoin> joins;
  for (const SqlRow& row : rows) {
    joins.push_back(
        {row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Text(4), row.Number(5)});
  }
  return joins;
}

}  // namespace recrypt
