// LeaseKeeper: at the end of a lease, takes back what it allowed (DESIGN 8).
//
// For each document whose lease ends without having been renewed: the kernel's pages are dropped,
// which writes dirty ones back through the mount while the key still lives; changes are committed;
// the keys are wiped; and pages that came in between are dropped as well. New reads ask for a grant
// from the moment at which the lease ends.
//
// Threads of its own, which hold no lock while they talk to the kernel. A document may keep one
// waiting: its pages while a read of them waits for a grant, its locks likewise. So none waits for
// another: whoever takes long is left alone with its document. Thread safe.
#ifndef RECRYPT_FS_LEASE_KEEPER_H_
#define RECRYPT_FS_LEASE_KEEPER_H_

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/task_thread.h"
#include "fs/kernel_cache.h"

namespace recrypt {

class OpenDocument;

class LeaseKeeper {
 public:
  LeaseKeeper(const Clock& clock, KernelCache& kernel);
  ~LeaseKeeper();

  void Watch(const std::shared_ptr<OpenDocument>& document, int64_t end_ms);
  void Stop();

 private:
  struct Helper {
    TaskThread thread;
    bool busy = false;
  };

  void Run();
  Helper* FreeHelper();
  void EndApart(Helper& helper, std::shared_ptr<OpenDocument> document,
                std::unique_lock<std::mutex>& lock);
  void End(OpenDocument& document);

  const Clock& clock_;
  KernelCache& kernel_;
  std::mutex mutex_;  // guards what follows; innermost
  std::condition_variable wake_;
  std::multimap<int64_t, std::weak_ptr<OpenDocument>> ends_;
  bool stopped_ = false;
  std::condition_variable helped_;
  std::vector<std::unique_ptr<Helper>> helpers_;
  std::thread thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_LEASE_KEEPER_H_
