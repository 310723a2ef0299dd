// RecordingStore: a share that writes down, in a StoreLog, every change that succeeds on it.
//
//   StoreLog log;
//   RecordingStore store(*PosixStore::Open(share), log);
//   Mount({.wrap_store = [&](auto inner) {
//     return std::make_unique<RecordingStore>(std::move(inner), log);
//   }});
//
// Thread safe: changes are made one at a time, so that the log has them in the order in which they
// took place.
#ifndef RECRYPT_TESTS_CRASH_SUPPORT_RECORDING_STORE_H_
#define RECRYPT_TESTS_CRASH_SUPPORT_RECORDING_STORE_H_

#include <memory>
#include <mutex>
#include <string>

#include "tests/crash/support/store_log.h"
#include "tests/mount/support/wrapped_store.h"

namespace recrypt {

class RecordingStore : public WrappedStore {
 public:
  RecordingStore(std::unique_ptr<Store> inner, StoreLog& log)
      : WrappedStore(std::move(inner)), log_(log) {}

  Status ChangeMode(int node, mode_t mode) override;
  Status SetXattr(int node, const std::string& name, ByteSpan value, int flags) override;
  Status RemoveXattr(int node, const std::string& name) override;
  Status MakeDirectory(int dir, const std::string& name, mode_t mode) override;
  Status MakeNode(int dir, const std::string& name, mode_t mode, dev_t device) override;
  Status MakeSymlink(int dir, const std::string& name, const std::string& target) override;
  Status Link(int node, int dir, const std::string& name) override;
  Status Unlink(int dir, const std::string& name) override;
  Status RemoveDirectory(int dir, const std::string& name) override;
  Status Rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                unsigned flags) override;
  Result<UniqueFd> CreateFile(int dir, const std::string& name, mode_t mode) override;
  Status WriteAt(int fd, uint64_t offset, ByteSpan data) override;
  Status Truncate(int fd, uint64_t size) override;
  Status SyncData(int fd) override;
  Status SyncAll(int fd) override;
  Status SyncShare() override;
  Status SyncDirectory(int dir) override;

 private:
  uint64_t InodeOf(int fd_or_node);
  // Does it, and notes it when it succeeded.
  template <typename Do>
  Status Record(StoreOp op, Do&& change);
  // The same for what makes a name, whose inode is known only then.
  template <typename Do>
  Status RecordMade(StoreOp op, int dir, Do&& make);

  StoreLog& log_;
  std::mutex mutex_;  // held over each change and its note
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_CRASH_SUPPORT_RECORDING_STORE_H_
