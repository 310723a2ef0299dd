// Prefetcher: asks for the grants of a directory's documents before they are opened (DESIGN 8).
//
// Whoever opens a second document of a directory shortly after a first is likely to open more: the
// grants of the next ones, in the order in which the directory lists them, are asked for in one
// request, marked as prefetch, while the caller goes on. What comes back is kept by Access.
// Thread safe.
#ifndef RECRYPT_FS_PREFETCH_H_
#define RECRYPT_FS_PREFETCH_H_

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/access.h"
#include "core/base/clock.h"
#include "fs/header_cache.h"
#include "fs/inode.h"
#include "fs/store.h"
#include "core/base/task_thread.h"

namespace recrypt {

// How far the prefetch of one directory has come.
class DirectoryPrefetch {
 public:
  static constexpr size_t kBatch = 256;

  struct Document {
    ino_t number;
    std::string stored_name;
  };

  // Notes that a document was opened; true when a batch should be fetched now, after which
  // Finished has to be called.
  bool Opened(ino_t number, int64_t now_ms);
  bool listed() const;
  void SetListing(std::vector<Document> documents, int64_t now_ms);
  // The documents of the next batch, which is counted as fetched.
  std::vector<Document> NextBatch();
  void Finished();

 private:
  mutable std::mutex mutex_;  // guards what follows; innermost
  int64_t last_open_ms_ = -1'000'000;
  int64_t listed_ms_ = -1'000'000;
  std::vector<Document> documents_;
  std::unordered_map<ino_t, size_t> position_;
  size_t next_ = 0;
  bool running_ = false;
};

class Prefetcher {
 public:
  Prefetcher(Store& store, Access& access, HeaderCache& headers, const Clock& clock);

  // A document of `directory` was opened with a grant that nobody had used before: where grants are
  // held already, there is nothing to fetch ahead.
  void Opened(const std::shared_ptr<Inode>& directory, const Inode& document);
  void Stop() { thread_.Stop(); }

 private:
  void Fetch(Inode& directory, DirectoryPrefetch& state);
  std::vector<DirectoryPrefetch::Document> List(Inode& directory);
  Result<std::shared_ptr<const Header>> ReadHeader(Inode& directory,
                                                   const std::string& stored_name);

  Store& store_;
  Access& access_;
  HeaderCache& headers_;
  const Clock& clock_;
  TaskThread thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_PREFETCH_H_
