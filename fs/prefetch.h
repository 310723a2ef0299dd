// Prefetcher: gets what a directory's documents will need before they are opened (DESIGN 8).
//
// Whoever opens a second document of a directory shortly after a first is likely to open more: the
// next ones, in the order in which the directory lists them, are asked of the disk or file server
// while the caller goes on, and their grants of the service in one request, marked as prefetch.
// What comes back is kept by the kernel and by Access. Thread safe.
#ifndef RECRYPT_FS_PREFETCH_H_
#define RECRYPT_FS_PREFETCH_H_

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/access.h"
#include "core/base/clock.h"
#include "core/base/task_thread.h"
#include "fs/header_cache.h"
#include "fs/inode.h"
#include "fs/store.h"

namespace recrypt {

// How far the prefetch of one directory has come.
class DirectoryPrefetch {
 public:
  // How many documents ahead: a request to the service is better shared by many; what the disk is
  // asked for stands before what somebody waits for.
  static constexpr size_t kGrants = 256;
  static constexpr size_t kFiles = 32;

  struct Document {
    ino_t number;
    std::string stored_name;
  };

  // Notes that a document was opened; true when a batch of this size should be fetched now, after
  // which Finished has to be called.
  bool Opened(ino_t number, size_t batch, int64_t now_ms);
  bool listed() const;
  void SetListing(std::vector<Document> documents, int64_t now_ms);
  // The documents of the next batch, which is counted as fetched.
  std::vector<Document> NextBatch(size_t size);
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

  // A document of `directory` was opened that had to be read from the share; `first_use`: with a
  // grant that nobody had used before. Where grants are held already, none are asked for.
  void Opened(const std::shared_ptr<Inode>& directory, const Inode& document, bool first_use);
  void ReadTables(const std::shared_ptr<OpenDocument>& document);
  void Stop() { thread_.Stop(); }

 private:
  void FetchGrants(Inode& directory, DirectoryPrefetch& state);
  void FetchFiles(Inode& directory, DirectoryPrefetch& state);
  std::vector<DirectoryPrefetch::Document> List(Inode& directory);
  // Opening a file has the store read its beginning.
  Result<UniqueFd> OpenStored(Inode& directory, const std::string& stored_name);
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
