// Quotas, reviews and bound ephemerals in SqlTransaction.
#include "service/sql_transaction.h"

namespace recrypt {
namespace {

#define REVIEW_COLUMNS                                                                       \
  "id, label, account, t, device, document, header, requested, state, decided_by, decided, " \
  "decision_until"

StoredReview ReviewOf(const SqlRow& row) {
  StoredReview review;
  review.id = row.Number(0);
  review.label = row.Text(1);
  review.account = row.Text(2);
  review.ephemeral = row.Blob(3);
  review.device = row.Text(4);
  review.document = row.Blob(5);
  review.header = row.Blob(6);
  review.requested = row.Number(7);
  // What the column should not hold lets nobody through.
  const int64_t state = row.Number(8);
  review.state = state == 1   ? ReviewState::kApproved
                 : state == 0 ? ReviewState::kPending
                              : ReviewState::kDenied;
  review.by = row.Text(9);
  review.decided = row.Number(10);
  review.until = row.Number(11);
  return review;
}

std::optional<StoredReview> FirstReview(const SqlRows& rows) {
  if (rows.empty()) return std::nullopt;
  return ReviewOf(rows.front());
}

}  // namespace

Result<QuotaUse> SqlTransaction::FindQuotaUse(const QuotaKey& key) {
  static const std::string kSql =
      "SELECT start, used FROM quotas WHERE label = ?1 AND per = ?2 AND subject = ?3 AND "
      "seconds = ?4";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {key.label, key.per, key.subject, key.seconds}));
  if (rows.empty()) return QuotaUse{};
  return QuotaUse{rows.front().Number(0), rows.front().Number(1)};
}

Status SqlTransaction::PutQuotaUse(const QuotaKey& key, const QuotaUse& use) {
  static const std::string kSql =
      "INSERT INTO quotas (label, per, subject, seconds, start, used) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (label, per, subject, seconds) DO UPDATE SET "
      "start = excluded.start, used = excluded.used";
  return Do(kSql, {key.label, key.per, key.subject, key.seconds, use.start, use.used});
}

Result<bool> SqlTransaction::BindEphemeral(const Bytes& ephemeral, const Sha256Digest& text) {
  static const std::string kFind = "SELECT text FROM bound_ephemerals WHERE t = ?1";
  static const std::string kPut = "INSERT INTO bound_ephemerals (t, text) VALUES (?1, ?2)";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kFind, {ByteSpan(ephemeral)}));
  if (!rows.empty()) return rows.front().Blob(0) == ToBytes(text);
  RECRYPT_TRY(Do(kPut, {ByteSpan(ephemeral), ByteSpan(text)}));
  return true;
}

Result<std::optional<StoredReview>> SqlTransaction::FindReview(const std::string& label,
                                                               const std::string& account,
                                                               const Bytes& ephemeral) {
  static const std::string kSql =
      "SELECT " REVIEW_COLUMNS " FROM reviews WHERE label = ?1 AND account = ?2 AND t = ?3";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label, account, ByteSpan(ephemeral)}));
  return FirstReview(rows);
}

Result<std::optional<StoredReview>> SqlTransaction::FindReviewById(const std::string& label,
                                                                   int64_t id) {
  static const std::string kSql =
      "SELECT " REVIEW_COLUMNS " FROM reviews WHERE label = ?1 AND id = ?2";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label, id}));
  return FirstReview(rows);
}

Result<int64_t> SqlTransaction::CountPendingReviews(const std::string& label,
                                                    const std::string& account) {
  static const std::string kSql =
      "SELECT COUNT(*) FROM reviews WHERE label = ?1 AND account = ?2 AND state = 0";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label, account}));
  return rows.empty() ? 0 : rows.front().Number(0);
}

Result<std::vector<StoredReview>> SqlTransaction::ListReviews(const std::string& label,
                                                              int64_t after, uint32_t limit) {
  static const std::string kSql =
      "SELECT " REVIEW_COLUMNS " FROM reviews WHERE label = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
  RECRYPT_ASSIGN(const SqlRows rows, Run(kSql, {label, after, limit}));
  std::vector<StoredReview> reviews;
  for (const SqlRow& row : rows) reviews.push_back(ReviewOf(row));
  return reviews;
}

Status SqlTransaction::PutReview(const StoredReview& review) {
  static const std::string kSql =
      "INSERT INTO reviews (label, account, t, device, document, header, requested, state, "
      "decided_by, decided, decision_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
      "ON CONFLICT (label, account, t) DO UPDATE SET device = excluded.device, "
      "document = excluded.document, header = excluded.header, requested = excluded.requested, "
      "state = excluded.state, decided_by = excluded.decided_by, decided = excluded.decided, "
      "decision_until = excluded.decision_until";
  return Do(kSql, {review.label, review.account, ByteSpan(review.ephemeral), review.device,
                   ByteSpan(review.document), ByteSpan(review.header), review.requested,
                   static_cast<int64_t>(review.state), review.by, review.decided, review.until});
}

}  // namespace recrypt
