// SharedSync: one sync of a file system for all who wait for one, where many small files are to be
// durable at about the same time.
//
//   SharedSync sync;
//   RECRYPT_TRY(sync.Sync(fd));   // what was written to fd before is durable; from many threads
//
// Who comes while a sync runs waits for the next, together with all others who do. Only on file
// systems that are known to take such a sync for all of them; elsewhere each file is synced for
// itself. A sync that fails fails for all who waited for it. Thread safe.
//
// ForEachTogether runs work on as many threads as make that worthwhile: most wait for the disk.
#ifndef RECRYPT_CLIENT_SHARED_SYNC_H_
#define RECRYPT_CLIENT_SHARED_SYNC_H_

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "client/stored_file_fd.h"

namespace recrypt {

class SharedSync {
 public:
  // Contents and size.
  Status Sync(int fd);
  // And all else that belongs to the file or directory: its attributes, its names.
  Status SyncAll(int fd);

 private:
  // Of one file system.
  struct Rounds {
    uint64_t begun = 0;
    uint64_t ended = 0;
    std::map<uint64_t, Error> failed;
  };
  // By itself with `alone` where that is not done together.
  Status SyncOne(int fd, int (*alone)(int));
  Status SyncTogether(int fd, Rounds& rounds);

  std::mutex mutex_;  // guards rounds_; not held through syncs
  std::condition_variable ended_;
  std::map<dev_t, Rounds> rounds_;
};

// A stored document that shares its syncs.
class SharedSyncFile : public FdStoredFile {
 public:
  // `sync` outlives the file.
  SharedSyncFile(UniqueFd fd, SharedSync& sync) : FdStoredFile(std::move(fd)), sync_(sync) {}
  Status SyncData() override { return sync_.Sync(fd()); }

 private:
  SharedSync& sync_;
};

// Runs `work` for 0 to count − 1, and returns when all is done. `work` must not throw.
void ForEachTogether(size_t count, const std::function<void(size_t)>& work);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_SHARED_SYNC_H_
