// Prefetcher: gets what a directory's documents will need before they are opened (DESIGN 8).
//
// Whoever opens a second document of a directory shortly after a first is likely to open more: of
// the next ones, in the order of their names if those two follow each other so, else as they are
// listed, the files are asked of the disk or file server while the caller goes on, and the grants
// of the service in batches, marked as prefetch. The batches grow, so that the first is there soon,
// and two are under way at a time: while one waits for the service, the other's headers are read,
// or its grants made use of by another processor. What comes back is kept by the kernel and by
// Access. Thread safe.
#ifndef RECRYPT_FS_PREFETCH_H_
#define RECRYPT_FS_PREFETCH_H_

#include <array>
#include <atomic>
#include <functional>
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

enum class PrefetchOf { kGrants, kFiles };

// How far the prefetch of one directory has come.
class DirectoryPrefetch {
 public:
  // The first batch of grants, the largest, and how many documents may be ahead: fetched, and not
  // yet opened. A request to the service is better shared by many; what somebody waits for is
  // better not one of many.
  static constexpr size_t kFirstGrants = 16;
  static constexpr size_t kGrants = 128;
  static constexpr size_t kGrantsAhead = 256;
  // What the disk is asked for stands before what somebody waits for.
  static constexpr size_t kFiles = 32;
  static constexpr size_t kFilesAhead = 48;
  static constexpr int kUnderWay = 2;

  struct Document {
    ino_t number;
    std::string stored_name;
  };

  // Notes that a document was opened; true when somebody should fetch now: batch by batch until
  // NextBatch is empty, or Abandoned.
  bool Opened(ino_t number, PrefetchOf what, int64_t now_ms);
  bool listed() const;
  void SetListing(std::vector<Document> documents, int64_t now_ms);
  // Documents that were neither opened nor fetched, and count as fetched from now on; none when
  // enough are ahead.
  std::vector<Document> NextBatch(PrefetchOf what);
  void Abandoned();

 private:
  enum class State { kUntouched, kFetched, kOpened };

  size_t BatchSize(PrefetchOf what) const;
  void MarkOpened(size_t place);

  mutable std::mutex mutex_;  // guards what follows; innermost
  int64_t last_open_ms_ = -1'000'000;
  int64_t listed_ms_ = -1'000'000;
  std::array<ino_t, 2> last_opened_{};  // the last one first
  std::vector<Document> documents_;
  std::vector<State> states_;  // of documents_
  std::unordered_map<ino_t, size_t> places_;
  size_t next_ = 0;
  size_t untouched_ = 0;
  size_t ahead_ = 0;
  size_t grants_ = kFirstGrants;  // in the next batch
  int under_way_ = 0;
};

class Prefetcher {
 public:
  Prefetcher(Store& store, Access& access, HeaderCache& headers, const Clock& clock);

  // A document of `directory` was opened that had to be read from the share; `first_use`: with a
  // grant that nobody had used before. Where grants are held already, none are asked for.
  void Opened(const std::shared_ptr<Inode>& directory, const Inode& document, bool first_use);
  void ReadTables(const std::shared_ptr<OpenDocument>& document);
  void Stop();

 private:
  bool Post(std::function<void()> task);
  void Fetch(Inode& directory, DirectoryPrefetch& state, PrefetchOf what);
  void FetchGrants(Inode& directory, const std::vector<DirectoryPrefetch::Document>& documents);
  std::vector<DirectoryPrefetch::Document> List(Inode& directory);
  // Opening a file has the store read its beginning.
  Result<UniqueFd> OpenStored(Inode& directory, const std::string& stored_name);
  Result<std::shared_ptr<const Header>> ReadHeader(Inode& directory,
                                                   const std::string& stored_name);

  Store& store_;
  Access& access_;
  HeaderCache& headers_;
  const Clock& clock_;
  std::array<TaskThread, DirectoryPrefetch::kUnderWay> threads_;
  std::atomic<size_t> turn_{0};
};

}  // namespace recrypt

#endif  // RECRYPT_FS_PREFETCH_H_
