// ShareFile: one stored document on the share, as the document code sees it
// (core/jcd/stored_file.h).
//
// Opened for reading first; MakeWritable adds a descriptor for writing when the first change comes.
// Thread safe.
#ifndef RECRYPT_FS_SHARE_FILE_H_
#define RECRYPT_FS_SHARE_FILE_H_

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <optional>

#include "core/jcd/stored_file.h"
#include "fs/store.h"

namespace recrypt {

enum class ShareFileMode { kReadOnly, kReadWrite };

class ShareFile : public StoredFile {
 public:
  ShareFile(Store& store, UniqueFd fd, ShareFileMode mode)
      : store_(store), fd_(std::move(fd)), writable_(mode == ShareFileMode::kReadWrite) {}
  ~ShareFile() override {
    if (write_fd_ >= 0) ::close(write_fd_);
  }

  Result<uint64_t> Size() override {
    RECRYPT_ASSIGN(struct stat st, Stat());
    return static_cast<uint64_t>(st.st_size);
  }
  Result<size_t> ReadAt(uint64_t offset, MutableByteSpan out) override {
    return store_.ReadAt(fd_.get(), offset, out);
  }
  void WillRead(uint64_t offset, uint64_t size) override {
    store_.WillRead(fd_.get(), offset, size);
  }
  Status WriteAt(uint64_t offset, ByteSpan data) override {
    return store_.WriteAt(write_fd(), offset, data);
  }
  Status Truncate(uint64_t size) override {
    RECRYPT_TRY(store_.Truncate(write_fd(), size));
    PutModifiedBack();
    return {};
  }
  Status SyncData() override {
    PutModifiedBack();
    return store_.SyncData(write_fd());
  }

  // Until nullopt, the file's time of modification is put back to this one in good time, since what
  // is written now changes how the document is stored and not the document: another mount shows the
  // stored file's. Calls are serialized by the caller, with changes too.
  void HoldModified(std::optional<struct timespec> modified) { held_modified_ = modified; }
  Status SyncAll() { return store_.SyncAll(write_fd()); }

  Result<struct stat> Stat() { return store_.Stat(fd_.get()); }
  Status Revalidate() { return store_.Revalidate(fd_.get()); }
  bool writable() const { return writable_ || write_fd_ >= 0; }
  // Opens `node`, which is this file's, for writing too. Calls are serialized by the caller.
  Status MakeWritable(int node) {
    if (writable()) return {};
    RECRYPT_ASSIGN(UniqueFd fd, store_.OpenFile(node, O_RDWR));
    write_fd_ = fd.Release();
    return {};
  }

  // The lock between mounts. Always by the same descriptor for one kind: two descriptors of one
  // process would exclude each other.
  Status TryLock(LockKind kind) {
    return store_.TryLock(kind == LockKind::kShared ? fd_.get() : write_fd(), kind);
  }
  void Unlock(LockKind kind) { store_.Unlock(kind == LockKind::kShared ? fd_.get() : write_fd()); }

 private:
  // A file that is not writable answers EBADF by the system.
  int write_fd() const {
    int fd = write_fd_;
    return fd >= 0 ? fd : fd_.get();
  }

  void PutModifiedBack() {
    if (!held_modified_) return;
    const struct timespec times[2] = {{0, UTIME_OMIT}, *held_modified_};
    (void)store_.ChangeTimes(fd_.get(), times);  // refused to others than the owner
  }

  Store& store_;
  const UniqueFd fd_;
  const bool writable_;
  std::atomic<int> write_fd_{-1};  // set once
  std::optional<struct timespec> held_modified_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_SHARE_FILE_H_
