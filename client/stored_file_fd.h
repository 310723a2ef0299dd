// FdStoredFile: a stored document behind a descriptor, for the commands outside of a mount.
// Thread safe.
#ifndef RECRYPT_CLIENT_STORED_FILE_FD_H_
#define RECRYPT_CLIENT_STORED_FILE_FD_H_

#include "core/base/unique_fd.h"
#include "core/jcd/stored_file.h"

namespace recrypt {

class FdStoredFile : public StoredFile {
 public:
  explicit FdStoredFile(UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }

  Result<uint64_t> Size() override;
  Result<size_t> ReadAt(uint64_t offset, MutableByteSpan out) override;
  Result<uint64_t> SkipHole(uint64_t offset) override;
  Status WriteAt(uint64_t offset, ByteSpan data) override;
  Status Truncate(uint64_t size) override;
  Status SyncData() override;

 private:
  const UniqueFd fd_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_STORED_FILE_FD_H_
