// StoreLog: everything that was changed on a share, in order, as a recording store has seen it.
//
//   StoreLog log;                                // before the process that serves is forked
//   RecordingStore store(std::move(inner), log); // in whichever process
//   const size_t before = log.Count();           // "acknowledged after so many operations"
//   std::vector<StoreOp> ops = log.Read();
//
// Kept in memory that forked processes share. One process appends; any may count and read.
#ifndef RECRYPT_TESTS_CRASH_SUPPORT_STORE_LOG_H_
#define RECRYPT_TESTS_CRASH_SUPPORT_STORE_LOG_H_

#include <atomic>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/unique_fd.h"

namespace recrypt {

enum class OpKind : uint8_t {
  kCreate,         // a regular file
  kMakeDirectory,  //
  kMakeNode,       // `number` is the device
  kMakeSymlink,    // `data` is the target
  kLink,
  kUnlink,
  kRemoveDirectory,
  kRename,  // `number` is the flags
  kWrite,   // `number` is the offset
  kTruncate,
  kSetXattr,
  kRemoveXattr,
  kChangeMode,
  kSyncData,       // content and size of a file
  kSyncDirectory,  // the names in a directory
  kSyncAll,        // these and the attributes of a file
  kSyncShare,
};

// One operation that succeeded. Inodes are those of the store when it was recorded: a number comes
// back when its file is gone.
struct StoreOp {
  OpKind kind = OpKind::kWrite;
  uint64_t inode = 0;         // what is made, linked, changed or synced
  uint64_t directory = 0;     // in which `name` stands
  uint64_t to_directory = 0;  // of a rename
  std::string name = {};
  std::string to_name = {};
  uint64_t number = 0;  // mode, flags, offset or size
  Bytes data = {};
};

class StoreLog {
 public:
  StoreLog();
  ~StoreLog();
  StoreLog(const StoreLog&) = delete;
  StoreLog& operator=(const StoreLog&) = delete;

  void Append(const StoreOp& op);
  size_t Count() const { return *count_; }
  std::vector<StoreOp> Read() const;

 private:
  UniqueFd file_;
  std::atomic<size_t>* const count_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_CRASH_SUPPORT_STORE_LOG_H_
