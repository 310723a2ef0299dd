#include "core/protocol/audit_export.h"

#include "core/base/clock.h"

namespace recrypt {
namespace {

tl::unexpected<Error> Broken(uint64_t sequence, const std::string& what) {
  return Fail(ErrorCode::kCorrupt, "audit record " + std::to_string(sequence) + ": " + what);
}

Result<Sha256Digest> GetHash(const Json& object, std::string_view member) {
  RECRYPT_ASSIGN(const Bytes bytes, GetBytes(object, member));
  return ToArray<32>(bytes);
}

}  // namespace

// One line of an export, taken apart.
struct AuditExportVerifier::Record {
  AuditHead head;
  Sha256Digest previous{};  // the hash of the record before it, whichever label's that is
  uint64_t before = 0;      // the record of the same label before it; 0: it is the first
  std::string label;
};

Json ToJson(const AuditReceipt& receipt) {
  return {{"domain", receipt.domain},
          {"label", receipt.label},
          {"sequence", receipt.head.sequence},
          {"head", Base64UrlEncode(receipt.head.hash)},
          {"time", FormatTime(receipt.time)}};
}

Result<AuditReceipt> ParseAuditReceipt(const Json& json) {
  AuditReceipt receipt;
  RECRYPT_ASSIGN(receipt.domain, GetString(json, "domain"));
  RECRYPT_ASSIGN(receipt.label, GetString(json, "label"));
  RECRYPT_ASSIGN(receipt.head.sequence, GetUint(json, "sequence"));
  RECRYPT_ASSIGN(receipt.head.hash, GetHash(json, "head"));
  RECRYPT_ASSIGN(const std::string time, GetString(json, "time"));
  RECRYPT_ASSIGN(receipt.time, ParseTime(time));
  return receipt;
}

AuditExportVerifier::AuditExportVerifier(const std::vector<AuditReceipt>& receipts,
                                         ExportCoverage coverage)
    : coverage_(coverage) {
  for (const AuditReceipt& one : receipts) {
    receipts_[one.label].emplace(one.head.sequence, one.head.hash);
  }
}

Status AuditExportVerifier::Take(const Json& line) {
  if (const Json* jws = FindMember(line, "checkpoint")) return TakeCheckpoint(*jws);
  return TakeRecord(line);
}

Status AuditExportVerifier::TakeRecord(const Json& line) {
  Record record;
  auto sequence = GetUint(line, "sequence");
  if (!sequence) return Fail(ErrorCode::kInvalid, "a line is no audit record");
  record.head.sequence = *sequence;
  const auto hash = GetHash(line, "hash");
  const auto previous = GetHash(line, "previous");
  const auto label = GetString(line, "label");
  if (!hash || !previous || !label) return Broken(*sequence, "has lost its hashes or its label");
  record.head.hash = *hash;
  record.previous = *previous;
  record.label = *label;
  if (FindMember(line, "before") != nullptr) {
    const auto before = GetUint(line, "before");
    if (!before) return Broken(*sequence, "names no record before it");
    record.before = *before;
  }
  Json text = line;
  text.erase("hash");
  text.erase("previous");
  if (AuditHash(record.previous, DumpJson(text)) != record.head.hash) {
    return Broken(*sequence, "was altered: its hash does not follow from it");
  }
  RECRYPT_TRY(CheckPlace(record));
  RECRYPT_TRY(CheckReceipt(record));
  summary_.label = record.label;
  summary_.last = record.head;
  ++summary_.records;
  return {};
}

Status AuditExportVerifier::CheckPlace(const Record& record) const {
  const uint64_t sequence = record.head.sequence;
  const AuditHead& last = summary_.last;
  if (summary_.records > 0) {
    if (record.label != summary_.label) return Broken(sequence, "is of another label");
    if (sequence <= last.sequence) return Broken(sequence, "is out of place");
    if (sequence == last.sequence + 1 && record.previous != last.hash) {
      return Broken(sequence, "does not follow from the one before it");
    }
  }
  if (coverage_ == ExportCoverage::kFiltered || record.before == last.sequence) return {};
  return record.before > last.sequence ? Broken(record.before, "is missing")
                                       : Broken(sequence, "is out of place");
}

// Receipts are dropped from the list once they are met: what is left is missing.
Status AuditExportVerifier::CheckReceipt(const Record& record) {
  const auto receipts = receipts_.find(record.label);
  if (receipts == receipts_.end()) return {};
  const auto found = receipts->second.find(record.head.sequence);
  if (found == receipts->second.end()) return {};
  if (found->second != record.head.hash) {
    return Broken(record.head.sequence, "is another one than a receipt says was written");
  }
  receipts->second.erase(found);
  ++summary_.receipts;
  return {};
}

Status AuditExportVerifier::TakeCheckpoint(const Json& jws) {
  RECRYPT_ASSIGN(Checkpoint checkpoint, VerifyCheckpoint(jws));
  if (summary_.records > 0 && checkpoint.label != summary_.label) {
    return Fail(ErrorCode::kCorrupt, "a checkpoint is of another label");
  }
  const uint64_t sequence = checkpoint.head.sequence;
  if (sequence == summary_.last.sequence && checkpoint.head.hash != summary_.last.hash) {
    return Broken(sequence, "is another one than its service signed");
  }
  if (coverage_ == ExportCoverage::kAll && sequence > summary_.last.sequence) {
    return Broken(sequence, "is missing, its service signed that it was written");
  }
  summary_.checkpoints.push_back(std::move(checkpoint));
  return {};
}

Result<AuditExportSummary> AuditExportVerifier::Finish() const {
  const auto left = receipts_.find(summary_.label);
  if (coverage_ == ExportCoverage::kFiltered || left == receipts_.end() || left->second.empty()) {
    return summary_;
  }
  return Broken(left->second.begin()->first, "is missing, a receipt says that it was written");
}

}  // namespace recrypt
