// LeaseCache: the keys of documents opened under a lease, and nothing after its end.
//
//   cache.Insert(key, document, generation);
//   if (auto found = cache.Find(key)) use(*found);
//
// A thread wipes what has expired, also when nobody asks. Thread safe.
#ifndef RECRYPT_CLIENT_LEASE_CACHE_H_
#define RECRYPT_CLIENT_LEASE_CACHE_H_

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>

#include "client/access.h"
#include "client/open_reports.h"
#include "core/base/clock.h"

namespace recrypt {

// Immutable once made, but for `used`; its secrets are wiped with the last reference.
struct LeasedDocument {
  DocumentKeys keys;
  std::string name;
  TrustedLabels trust;
  int64_t lease_end_ms = 0;
  std::vector<GrantedBy> grants;          // that its keys came by; none for a document made here
  std::vector<LabelName> labels;          // that they came by
  uint32_t offline_seconds = 0;           // for which all of these allow an offline lease
  bool offline = false;                   // its keys are from one
  mutable std::atomic<bool> used{false};  // a document was opened with it
};

class LeaseCache {
 public:
  explicit LeaseCache(const Clock& clock);
  ~LeaseCache();

  // nullptr when there is none, or its lease has ended.
  std::shared_ptr<const LeasedDocument> Find(const std::string& key);
  // Changes with every Wipe: what was asked for before must not come back afterwards.
  uint64_t Generation() const;
  void Insert(const std::string& key, std::shared_ptr<const LeasedDocument> document,
              uint64_t generation);

  // The newest lease on a label.
  struct LabelLease {
    int64_t end_ms = 0;  // 0: there is none
    int64_t given = 0;   // seconds since 1970
  };
  LabelLease FindLabelLease(const LabelName& label);
  void ExtendLabelLease(const LabelName& label, const LabelLease& lease, uint64_t generation);

  void Wipe();

  // Leases that have not ended, and of how many documents keys are held.
  void Show(AccessFigures& figures) const;

 private:
  void SweepLoop();
  void SweepLocked(int64_t now_ms);
  void EraseLocked(const std::string& key);

  const Clock& clock_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  bool stop_ = false;
  uint64_t generation_ = 0;
  std::unordered_map<std::string, std::shared_ptr<const LeasedDocument>> documents_;
  std::set<std::pair<int64_t, std::string>> by_end_;
  std::map<LabelName, LabelLease> label_leases_;
  std::thread sweeper_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_LEASE_CACHE_H_
