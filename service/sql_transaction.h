// SqlTransaction: the store's operations as SQL statements over one connection. For SqlStore.
#ifndef RECRYPT_SERVICE_SQL_TRANSACTION_H_
#define RECRYPT_SERVICE_SQL_TRANSACTION_H_

#include "service/sql_connection.h"

namespace recrypt {

// Begins and ends nothing: its owner does. Not thread safe.
class SqlTransaction : public StoreTransaction {
 public:
  explicit SqlTransaction(SqlConnection& connection) : connection_(connection) {}

  // True when a statement failed for another reason than a violated uniqueness or its values: what
  // this connection has done since it began cannot be relied on.
  bool broken() const { return broken_; }

  Result<std::optional<StoredProfile>> FindProfile(const std::string& account) override;
  Result<int64_t> CountGuests(const std::string& domain) override;
  Result<std::vector<std::string>> DevicesOf(const std::string& account) override;
  Result<bool> IsDeviceRevoked(const std::string& account, const std::string& device) override;
  Result<std::optional<StoredLabel>> FindLabel(const std::string& label) override;
  Result<std::optional<std::string>> FindLabelOfKey(const std::string& key) override;
  Result<bool> IsAdministrator(const std::string& label, const std::string& device) override;
  Result<std::optional<std::string>> FindSecrets(const std::string& label,
                                                 const std::string& device) override;
  Result<std::vector<std::string>> DevicesWithSecrets(const std::string& label) override;
  Result<std::optional<StoredEntry>> FindEntry(const std::string& device,
                                               const std::string& key) override;
  Result<std::vector<StoredEntry>> EntriesOfDevice(const std::string& label,
                                                   const std::string& device) override;
  Result<bool> HasEntryFor(const std::string& account, const std::string& device) override;
  Result<bool> ListsDevice(const std::string& account, const std::string& profile_udf,
                           const std::string& device) override;
  Result<std::optional<int64_t>> FindGroupLease(const std::string& account,
                                                const std::string& profile_udf) override;
  Result<int64_t> CountJoins(const std::string& label) override;
  Result<AuditHead> FindAuditHead() override;
  Result<AuditEnd> FindAuditEnd(const std::string& label) override;
  Result<AuditHead> FindLastAuditOf(const std::string& label) override;
  Result<QuotaUse> FindQuotaUse(const QuotaKey& key) override;
  Result<std::optional<StoredReview>> FindReview(const std::string& label,
                                                 const std::string& account,
                                                 const Bytes& ephemeral) override;
  Result<std::optional<StoredReview>> FindReviewById(const std::string& label, int64_t id) override;
  Result<int64_t> CountPendingReviews(const std::string& label,
                                      const std::string& account) override;
  Result<std::optional<StoredNote>> FindNote(const std::string& id) override;
  Result<int64_t> CountNotes(const std::string& device) override;
  Result<std::optional<std::string>> FindServiceProfile() override;
  Result<std::vector<LabelOfDevice>> ListLabels(const std::string& device, const std::string& after,
                                                uint32_t limit) override;
  Result<std::vector<Member>> ListMembers(const std::string& label, const std::string& after,
                                          uint32_t limit) override;
  Result<std::vector<StoredEntry>> ListEntries(const std::string& label, const std::string& account,
                                               int64_t after, uint32_t limit) override;
  Result<std::vector<StoredHalf>> ListServiceHalves(int64_t after, uint32_t limit) override;
  Result<std::vector<AuditRow>> ListAudit(const std::string& label, const std::string& account,
                                          const std::string& event, int64_t after,
                                          uint32_t limit) override;
  Result<std::vector<StoredCheckpoint>> ListCheckpoints(int64_t after, uint32_t limit) override;
  Result<std::vector<StoredReview>> ListReviews(const std::string& label, int64_t after,
                                                uint32_t limit) override;
  Result<std::vector<StoredJoin>> ListJoins(const std::string& label, const std::string& after,
                                            uint32_t limit) override;

  Status PutProfile(const StoredProfile& profile) override;
  Status PutLabel(const StoredLabel& label) override;
  Status MarkLabelDeleted(const std::string& label) override;
  Status PutSecrets(const std::string& label,
                    const std::map<std::string, std::string>& secrets) override;
  Status PutEntry(const StoredEntry& entry) override;
  Status PutServiceHalf(const StoredHalf& half) override;
  Result<Revoked> RevokeEntries(const EntryFilter& filter, int64_t now) override;
  Result<bool> UseEntry(int64_t id, uint64_t label_version, int64_t lease_until) override;
  Status RevokeDevice(const std::string& account, const std::string& device, int64_t now) override;
  Status AppendAudit(const AuditRow& row) override;
  Status PutCheckpoint(const StoredCheckpoint& checkpoint) override;
  Result<bool> BindEphemeral(const Bytes& ephemeral, const Sha256Digest& text) override;
  Status PutQuotaUse(const QuotaKey& key, const QuotaUse& use) override;
  Status PutReview(const StoredReview& review) override;
  Status PutJoin(const StoredJoin& join) override;
  Result<bool> DeleteJoin(const std::string& label, const std::string& account) override;
  Status PutNote(const StoredNote& note) override;
  Status ForgetNotes(int64_t expired_before) override;
  Status PutServiceProfile(const std::string& jws) override;

 private:
  Result<SqlRows> Run(const std::string& sql, std::initializer_list<SqlParam> params);
  Status Do(const std::string& sql, std::initializer_list<SqlParam> params);

  SqlConnection& connection_;
  bool broken_ = false;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SQL_TRANSACTION_H_
