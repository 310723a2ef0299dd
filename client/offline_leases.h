// OfflineLeases: what was opened while its services could be reached, for openings while they
// cannot, where the labels' policies allow that. A file for each document, sealed to this device.
//
//   leases.Keep(header, {keys, name, grants, labels, given}, seconds);
//   RECRYPT_ASSIGN(OfflineLease lease, leases.Find(header));   // kNotFound: none, or it has ended
//
// A thread seals and writes, and takes away what has ended. Nothing is synced: what a crash takes
// is granted again. At most 20,000 documents at a time. Thread safe; processes of one user share
// the folder.
#ifndef RECRYPT_CLIENT_OFFLINE_LEASES_H_
#define RECRYPT_CLIENT_OFFLINE_LEASES_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/keystore.h"
#include "client/open_reports.h"
#include "core/base/clock.h"
#include "core/base/task_thread.h"
#include "core/jcd/document.h"

namespace recrypt {

struct OfflineLease {
  DocumentKeys keys;
  std::string name;
  std::vector<GrantedBy> grants;  // none for a document made here
  std::vector<LabelName> labels;  // all of which allowed it
  int64_t given = 0;              // when the grants were, at the earliest; seconds since 1970
  int64_t until = 0;

  OfflineLease Clone() const;
};

class OfflineLeases {
 public:
  static constexpr size_t kMost = 20'000;

  // Without an identity nothing is kept. `clock` outlives this object.
  OfflineLeases(std::string folder, const Clock& clock, std::shared_ptr<const Identity> identity,
                size_t most = kMost);
  ~OfflineLeases();

  // From `given` on for so long; a lease that is there already is kept when it ends later.
  void Keep(const Header& header, OfflineLease lease, uint32_t seconds);
  // kNotFound; kCorrupt for a file that does not open, or is of another document.
  Result<OfflineLease> Find(const Header& header);
  void Forget(const Header& header);
  // All of this user, at once (`recryptfs lock`).
  void Wipe();
  static Status WipeFolder(const std::string& folder);
  // Writes what waits. Later calls of Keep do nothing.
  void Stop();

 private:
  std::string FileOf(const std::string& name) const { return folder_ + "/" + name; }
  void WriteWaiting();
  void Write(const std::string& name, const OfflineLease& lease);
  void Sweep();
  Result<OfflineLease> Read(const std::string& name, const Header& header) const;

  const std::string folder_;
  const Clock& clock_;
  const std::shared_ptr<const Identity> identity_;
  const size_t most_;
  std::mutex mutex_;  // guards waiting_, stopped_, count_
  std::map<std::string, std::shared_ptr<const OfflineLease>> waiting_;  // by file name
  size_t count_ = 0;                                                    // of files, about
  bool stopped_ = false;
  int64_t next_sweep_ms_ = 0;  // of the thread alone
  std::mutex writing_;         // held while files are written or wiped; before mutex_
  TaskThread thread_{TaskThread::Priority::kBackground};
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_OFFLINE_LEASES_H_
