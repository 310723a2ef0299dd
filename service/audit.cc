#include "service/audit.h"

#include "core/base/clock.h"
#include "core/json/json.h"

namespace recrypt {
namespace {

constexpr uint32_t kVerifyPage = 1000;

// Written by hand in the sorted order, since the log is on the path of every grant; what is not
// plain is left to the JSON library, so that the text is the one that it would write.
class RecordWriter {
 public:
  void Text(std::string_view name, const std::string& value) {
    if (value.empty()) return;
    Name(name);
    const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
      return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
    });
    if (plain) {
      text_ += '"';
      text_ += value;
      text_ += '"';
    } else {
      text_ += DumpJson(Json(value));
    }
  }

  void Binary(std::string_view name, const Bytes& value) {
    if (!value.empty()) Text(name, Base64UrlEncode(value));
  }

  void Number(std::string_view name, uint64_t value) {
    Name(name);
    text_ += std::to_string(value);
  }

  std::string Finish() { return std::move(text_) + "}"; }

 private:
  void Name(std::string_view name) {
    text_ += text_.empty() ? "{\"" : ",\"";
    text_ += name;
    text_ += "\":";
  }

  std::string text_;
};

tl::unexpected<Error> Broken(uint64_t sequence, const std::string& what) {
  return Fail(ErrorCode::kCorrupt, "audit record " + std::to_string(sequence) + ": " + what);
}

// An absent member and an empty column are the same.
bool Says(const Json& record, const char* member, const std::string& column) {
  const Json* found = FindMember(record, member);
  return found == nullptr ? column.empty() : *found == column;
}

Status VerifyRow(const AuditRow& row, AuditHead& head) {
  const uint64_t expected = head.sequence + 1;
  if (row.sequence != expected) return Broken(expected, "is missing");
  if (row.hash != AuditHash(head.hash, row.record)) {
    return Broken(expected, "does not follow from the one before it");
  }
  const auto record = ParseJson(row.record);
  if (!record || !record->is_object()) return Broken(expected, "is not JSON");
  const auto sequence = GetUint(*record, "sequence");
  if (!sequence || *sequence != expected) return Broken(expected, "names another number");
  if (!Says(*record, "label", row.label) || !Says(*record, "account", row.account) ||
      !Says(*record, "event", row.event)) {
    return Broken(expected, "is filed under another label, account or event");
  }
  head = {expected, row.hash};
  return {};
}

}  // namespace

std::string WriteAuditRecord(const AuditRecord& record, uint64_t sequence) {
  RecordWriter writer;
  writer.Text("account", record.account);
  writer.Text("device", record.device);
  writer.Binary("document", record.document);
  writer.Text("event", record.event);
  writer.Binary("header", record.header);
  writer.Text("key", record.key);
  writer.Text("label", record.label);
  writer.Text("reason", record.reason);
  writer.Number("sequence", sequence);
  writer.Binary("t", record.ephemeral);
  writer.Text("time", FormatTime(record.time));
  writer.Text("use", record.use);
  return writer.Finish();
}

Sha256Digest AuditHash(const Sha256Digest& before, std::string_view record) {
  Bytes input;
  input.reserve(before.size() + record.size());
  Append(input, before);
  Append(input, AsBytes(record));
  return Sha256(input);
}

Result<AuditHead> AppendAudit(StoreTransaction& transaction, std::span<const AuditRecord> records) {
  RECRYPT_ASSIGN(AuditHead head, transaction.FindAuditHead());
  for (const AuditRecord& record : records) {
    AuditRow row;
    row.sequence = head.sequence + 1;
    row.label = record.label;
    row.account = record.account;
    row.event = record.event;
    row.record = WriteAuditRecord(record, row.sequence);
    row.hash = AuditHash(head.hash, row.record);
    RECRYPT_TRY(transaction.AppendAudit(row));
    head = {row.sequence, row.hash};
  }
  return head;
}

Result<AuditHead> VerifyAudit(Store& store) {
  AuditHead head;
  const auto verify = [&](StoreView& view) -> Status {
    for (;;) {
      RECRYPT_ASSIGN(const auto rows,
                     view.ListAudit("", "", "", static_cast<int64_t>(head.sequence), kVerifyPage));
      if (rows.empty()) return {};
      for (const AuditRow& row : rows) RECRYPT_TRY(VerifyRow(row, head));
    }
  };
  RECRYPT_TRY(store.Read(verify));
  return head;
}

}  // namespace recrypt
