#include "service/audit.h"

#include "core/base/clock.h"
#include "core/json/json.h"
#include "core/udf/udf.h"

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

Status VerifyCheckpointOf(StoreView& view, const StoredCheckpoint& stored,
                          const std::string& service_udf) {
  const std::string name = "the checkpoint of audit record " + std::to_string(stored.sequence);
  const auto jws = ParseJson(stored.jws);
  auto checkpoint = jws ? VerifyCheckpoint(*jws) : Result<Checkpoint>(Fail(jws.error()));
  if (!checkpoint || checkpoint->head.sequence != stored.sequence || !checkpoint->label.empty()) {
    return Fail(ErrorCode::kCorrupt, name + " is damaged");
  }
  if (KeyUdf(checkpoint->sign) != service_udf) {
    return Fail(ErrorCode::kCorrupt, name + " is signed by another key than the service's");
  }
  const auto place = static_cast<int64_t>(stored.sequence) - 1;
  RECRYPT_ASSIGN(const auto rows, view.ListAudit("", "", "", place, 1));
  if (rows.empty() || rows.front().sequence != stored.sequence) {
    return Broken(stored.sequence, "is missing, a checkpoint says that it was written");
  }
  if (rows.front().hash != checkpoint->head.hash) {
    return Broken(stored.sequence, "is another one than its checkpoint says was written");
  }
  return {};
}

}  // namespace

std::string WriteAuditRecord(const AuditRecord& record, const AuditPlace& place) {
  RecordWriter writer;
  writer.Text("account", record.account);
  if (place.before != 0) writer.Number("before", place.before);
  writer.Text("by", record.by);
  if (record.count != 0) writer.Number("count", record.count);
  writer.Text("device", record.device);
  writer.Binary("document", record.document);
  writer.Text("event", record.event);
  writer.Binary("header", record.header);
  writer.Text("key", record.key);
  writer.Text("label", record.label);
  writer.Text("opened", record.opened);
  writer.Text("reason", record.reason);
  if (record.review != 0) writer.Number("review", record.review);
  writer.Number("sequence", place.sequence);
  writer.Binary("t", record.ephemeral);
  writer.Text("time", FormatTime(record.time));
  writer.Text("use", record.use);
  return writer.Finish();
}

Result<AuditHead> AppendAudit(StoreTransaction& transaction, std::span<const AuditRecord> records) {
  AuditEnd end;
  const std::string* label = nullptr;  // of the record before: most that come together share it
  for (const AuditRecord& record : records) {
    if (label == nullptr || record.label != *label) {
      RECRYPT_ASSIGN(end, transaction.FindAuditEnd(record.label));
    }
    label = &record.label;
    AuditRow row;
    row.sequence = end.head.sequence + 1;
    row.label = record.label;
    row.account = record.account;
    row.event = record.event;
    row.record =
        WriteAuditRecord(record, {row.sequence, record.label.empty() ? 0 : end.last_of_label});
    row.hash = AuditHash(end.head.hash, row.record);
    RECRYPT_TRY(transaction.AppendAudit(row));
    end = {{row.sequence, row.hash}, row.sequence};
  }
  return end.head;
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

Result<uint64_t> VerifyCheckpoints(Store& store, const std::string& service_udf) {
  uint64_t count = 0;
  const auto verify = [&](StoreView& view) -> Status {
    for (int64_t after = 0;;) {
      RECRYPT_ASSIGN(const auto checkpoints, view.ListCheckpoints(after, kVerifyPage));
      if (checkpoints.empty()) return {};
      for (const StoredCheckpoint& one : checkpoints) {
        RECRYPT_TRY(VerifyCheckpointOf(view, one, service_udf));
        ++count;
      }
      after = static_cast<int64_t>(checkpoints.back().sequence);
    }
  };
  RECRYPT_TRY(store.Read(verify));
  return count;
}

}  // namespace recrypt
