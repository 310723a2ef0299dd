// DirectoryReader: the entries of a directory of the share, one by one, as they are stored.
//
//   DirectoryReader reader(store, std::move(fd));       // fd from Store::OpenDirectory
//   while (true) {
//     RECRYPT_ASSIGN(const StoredEntry* entry, reader.Next());
//     if (entry == nullptr) break;
//   }
//
// Not thread safe.
#ifndef RECRYPT_FS_DIRECTORY_READER_H_
#define RECRYPT_FS_DIRECTORY_READER_H_

#include <string>

#include "fs/store.h"

namespace recrypt {

struct StoredEntry {
  std::string name;
  ino_t number = 0;
  unsigned char type = 0;  // DT_*, DT_UNKNOWN included
  int64_t next = 0;        // position behind it, for Seek
};

class DirectoryReader {
 public:
  DirectoryReader(Store& store, UniqueFd fd) : store_(store), fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  // nullptr at the end; the entry is good until the next call.
  Result<const StoredEntry*> Next();
  // Goes on behind the entry whose `next` is given; 0 is the beginning.
  Status Seek(int64_t position);
  int64_t position() const { return position_; }

 private:
  static constexpr size_t kBufferSize = 32 << 10;

  Store& store_;
  UniqueFd fd_;
  Bytes buffer_;          // as getdents64 wrote it
  size_t used_ = 0;       // bytes of buffer_ that hold entries
  size_t at_ = 0;         // of them, handed out
  int64_t position_ = 0;  // behind the entry that was handed out last
  StoredEntry entry_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_DIRECTORY_READER_H_
