// Store: what the service keeps, behind an interface that SQLite and PostgreSQL implement, and that
// tests replace by a faulty one.
//
//   store.Read([&](StoreView& view) -> Status { RECRYPT_ASSIGN(found, view.FindLabel(name)); … });
//   auto outcomes = store.Write({&body, 1});   // from one thread; others go through the Committer
//
// Read gives one consistent snapshot. Write runs bodies in order in one transaction, and alone:
// where several processes write to one store, each waits for the others, so that what a body has
// read is still so when it writes. A body that fails is undone alone, and has to when anything in
// it failed; when the disk refuses, all of them are. A text with a NUL is kInvalid. What Write
// reports as done is durable as far as AuditSync says. Read may be called from any thread, Write as
// well (it serializes). A view must not be kept beyond its body.
#ifndef RECRYPT_SERVICE_STORE_H_
#define RECRYPT_SERVICE_STORE_H_

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/protocol/audit_chain.h"

namespace recrypt {

// kDisk: an acknowledged write survives a loss of power. kOs: it survives the end of the process.
enum class AuditSync { kDisk, kOs };

struct StoredProfile {
  std::string account;
  std::string master;  // UDF
  uint64_t version = 0;
  std::string jws;
  std::vector<std::string> devices;  // UDFs; not filled by FindProfile
};

struct StoredLabel {
  std::string label;
  std::string master;  // UDF
  uint64_t version = 0;
  std::string jws;
  bool deleted = false;
  // The owner among them; not filled by FindLabel, like keys.
  std::map<std::string, std::string> administrators;  // UDF of the profile by account
  std::vector<std::string> keys;                      // kids
};

struct StoredEntry {
  int64_t id = 0;  // given by the store
  std::string label;
  std::string account;
  std::string profile_udf;
  std::string device;
  std::string key;
  uint32_t epoch = 1;
  std::string sign;          // JWK text
  std::string service_half;  // JWE text: never stored opened
  std::string member_half;   // JWE text
  Bytes credential;
  bool group = false;  // of the account's personal group: good for each device of its profile
  int64_t created = 0;
  std::optional<int64_t> revoked;
  int64_t lease_until = 0;  // when the last lease given under it ends
};

// Which live entries to revoke; an empty field matches all. At least one field is set.
struct EntryFilter {
  std::string label;
  std::string account;
  std::string device;
  std::string key;
};
struct Revoked {
  int64_t count = 0;
  int64_t lease_until = 0;  // the latest among them
};

struct AuditRow {
  uint64_t sequence = 0;
  std::string label;
  std::string account;
  std::string event;
  std::string record;
  Sha256Digest hash{};
  Sha256Digest previous{};  // the hash of the record before it; zeros before the first
};

// What the next record is appended to.
struct AuditEnd {
  AuditHead head;
  uint64_t last_of_label = 0;  // the number of the label's last record; 0 when there is none
};

struct StoredCheckpoint {
  uint64_t sequence = 0;
  std::string jws;
};

// How far a quota is used up in its present period.
struct QuotaKey {
  std::string label;
  std::string per;      // QuotaPerName
  std::string subject;  // the account, the device, or nothing
  uint32_t seconds = 0;
};
struct QuotaUse {
  int64_t start = 0;  // of the period
  int64_t used = 0;
};

enum class ReviewState { kPending, kApproved, kDenied };
// One for each label, account and ephemeral: the same document asked for again is the same.
struct StoredReview {
  int64_t id = 0;  // given by the store
  std::string label;
  std::string account;
  Bytes ephemeral;
  std::string device;
  Bytes document;
  Bytes header;
  int64_t requested = 0;
  ReviewState state = ReviewState::kPending;
  std::string by;       // the supervisor's account, once decided
  int64_t decided = 0;  // 0: not yet
  int64_t until = 0;    // when the decision ends
};

struct StoredJoin {
  std::string label;
  std::string account;
  std::string device;
  std::string profile;  // JWS text
  std::string message;
  int64_t time = 0;
};

// See service/notes.h.
struct StoredNote {
  std::string id;
  std::string device;  // who left it
  std::string content;
  int64_t expires = 0;
};

struct LabelOfDevice {
  std::string label;
  bool member = false;
  bool administrator = false;
};
struct Member {
  std::string account;
  std::string profile_udf;
  std::vector<std::string> devices;  // UDFs
};

// The service half of a live entry, sealed.
struct StoredHalf {
  int64_t id = 0;  // of the entry
  std::string jwe;
};

class StoreView {
 public:
  virtual ~StoreView() = default;

  virtual Result<std::optional<StoredProfile>> FindProfile(const std::string& account) = 0;
  // How many there are of other domains than this one.
  virtual Result<int64_t> CountGuests(const std::string& domain) = 0;
  // Those of its profile that have not been revoked.
  virtual Result<std::vector<std::string>> DevicesOf(const std::string& account) = 0;
  virtual Result<bool> IsDeviceRevoked(const std::string& account, const std::string& device) = 0;
  virtual Result<std::optional<StoredLabel>> FindLabel(const std::string& label) = 0;
  virtual Result<std::optional<std::string>> FindLabelOfKey(const std::string& key) = 0;
  // True when a stored profile that the label names as owner or administrator, by account and
  // fingerprint, lists the device, and has not revoked it.
  virtual Result<bool> IsAdministrator(const std::string& label, const std::string& device) = 0;
  virtual Result<std::optional<std::string>> FindSecrets(const std::string& label,
                                                         const std::string& device) = 0;
  virtual Result<std::vector<std::string>> DevicesWithSecrets(const std::string& label) = 0;
  // The device's, or that of the personal group of an account whose stored profile lists it: the
  // live entry, else the one revoked last.
  virtual Result<std::optional<StoredEntry>> FindEntry(const std::string& device,
                                                       const std::string& key) = 0;
  // Those of its personal group included.
  virtual Result<std::vector<StoredEntry>> EntriesOfDevice(const std::string& label,
                                                           const std::string& device) = 0;
  // True when the account has a live entry for the device under any label.
  virtual Result<bool> HasEntryFor(const std::string& account, const std::string& device) = 0;
  // True when that account's stored profile, of that fingerprint, lists the device, and it has not
  // been revoked.
  virtual Result<bool> ListsDevice(const std::string& account, const std::string& profile_udf,
                                   const std::string& device) = 0;
  // When the last lease ends that was given under a live entry of the account's personal group;
  // none when there is no such entry.
  virtual Result<std::optional<int64_t>> FindGroupLease(const std::string& account,
                                                        const std::string& profile_udf) = 0;
  virtual Result<int64_t> CountJoins(const std::string& label) = 0;
  virtual Result<AuditHead> FindAuditHead() = 0;
  virtual Result<AuditEnd> FindAuditEnd(const std::string& label) = 0;
  // The label's last record; sequence 0 when there is none.
  virtual Result<AuditHead> FindLastAuditOf(const std::string& label) = 0;

  virtual Result<QuotaUse> FindQuotaUse(const QuotaKey& key) = 0;
  virtual Result<std::optional<StoredReview>> FindReview(const std::string& label,
                                                         const std::string& account,
                                                         const Bytes& ephemeral) = 0;
  virtual Result<std::optional<StoredReview>> FindReviewById(const std::string& label,
                                                             int64_t id) = 0;
  virtual Result<int64_t> CountPendingReviews(const std::string& label,
                                              const std::string& account) = 0;

  virtual Result<std::optional<StoredNote>> FindNote(const std::string& id) = 0;
  // Of all devices when it is empty.
  virtual Result<int64_t> CountNotes(const std::string& device) = 0;
  // The JWS of the service that the store belongs to.
  virtual Result<std::optional<std::string>> FindServiceProfile() = 0;

  // Pages: what stands behind `after`, in order, at most `limit`. An empty filter matches all.
  virtual Result<std::vector<LabelOfDevice>> ListLabels(const std::string& device,
                                                        const std::string& after,
                                                        uint32_t limit) = 0;
  virtual Result<std::vector<Member>> ListMembers(const std::string& label,
                                                  const std::string& after, uint32_t limit) = 0;
  virtual Result<std::vector<StoredEntry>> ListEntries(const std::string& label,
                                                       const std::string& account, int64_t after,
                                                       uint32_t limit) = 0;
  // Of all labels.
  virtual Result<std::vector<StoredHalf>> ListServiceHalves(int64_t after, uint32_t limit) = 0;
  // `previous` is filled in where a label is given.
  virtual Result<std::vector<AuditRow>> ListAudit(const std::string& label,
                                                  const std::string& account,
                                                  const std::string& event, int64_t after,
                                                  uint32_t limit) = 0;
  virtual Result<std::vector<StoredCheckpoint>> ListCheckpoints(int64_t after, uint32_t limit) = 0;
  virtual Result<std::vector<StoredReview>> ListReviews(const std::string& label, int64_t after,
                                                        uint32_t limit) = 0;
  virtual Result<std::vector<StoredJoin>> ListJoins(const std::string& label,
                                                    const std::string& after, uint32_t limit) = 0;
};

class StoreTransaction : public StoreView {
 public:
  // Inserts or replaces, devices included.
  virtual Status PutProfile(const StoredProfile& profile) = 0;
  // Inserts or replaces, administrators and keys included. kExists when a key is another label's.
  virtual Status PutLabel(const StoredLabel& label) = 0;
  // The name stays taken, by its master.
  virtual Status MarkLabelDeleted(const std::string& label) = 0;
  // Replaces all of the label's.
  virtual Status PutSecrets(const std::string& label,
                            const std::map<std::string, std::string>& secrets) = 0;
  // Revokes the live entry of the same device and key, if there is one.
  virtual Status PutEntry(const StoredEntry& entry) = 0;
  virtual Status PutServiceHalf(const StoredHalf& half) = 0;
  virtual Result<Revoked> RevokeEntries(const EntryFilter& filter, int64_t now) = 0;
  // Notes a lease. False when the entry was revoked, or its label is of another version by now.
  virtual Result<bool> UseEntry(int64_t id, uint64_t label_version, int64_t lease_until) = 0;
  virtual Status RevokeDevice(const std::string& account, const std::string& device,
                              int64_t now) = 0;
  // `row.sequence` is one above the head's.
  virtual Status AppendAudit(const AuditRow& row) = 0;
  // Notes which header text (by its digest) an ephemeral is bound to. False when it is bound to
  // another one already.
  virtual Result<bool> BindEphemeral(const Bytes& ephemeral, const Sha256Digest& text) = 0;
  // Unless there is one of that record.
  virtual Status PutCheckpoint(const StoredCheckpoint& checkpoint) = 0;
  virtual Status PutQuotaUse(const QuotaKey& key, const QuotaUse& use) = 0;
  // Inserts, or replaces the one of the same label, account and ephemeral, which keeps its id.
  virtual Status PutReview(const StoredReview& review) = 0;
  virtual Status PutJoin(const StoredJoin& join) = 0;
  // False when there was none.
  virtual Result<bool> DeleteJoin(const std::string& label, const std::string& account) = 0;
  // kExists when there is one of its id.
  virtual Status PutNote(const StoredNote& note) = 0;
  virtual Status ForgetNotes(int64_t expired_before) = 0;
  virtual Status PutServiceProfile(const std::string& jws) = 0;
};

class Store {
 public:
  using ReadBody = std::function<Status(StoreView&)>;
  using WriteBody = std::function<Status(StoreTransaction&)>;

  virtual ~Store() = default;
  virtual Status Read(const ReadBody& body) = 0;
  // One outcome for each body. kIo for all of them when the disk refused; kUnavailable when the
  // store cannot be reached, and nothing has been written.
  virtual std::vector<Status> Write(std::span<const WriteBody> bodies) = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_STORE_H_
