// OutputFile: a file that appears under its name only when all of it is there.
//
//   RECRYPT_ASSIGN(OutputFile out, OutputFile::Make(path, Overwrite::kRefuse));
//   RECRYPT_TRY(out.Write(bytes)); ...
//   RECRYPT_TRY(out.Commit(0644));
//
// Without Commit nothing is left behind. Many at a time share their syncs. Not thread safe.
#ifndef RECRYPT_CLIENT_OUTPUT_FILE_H_
#define RECRYPT_CLIENT_OUTPUT_FILE_H_

#include <sys/types.h>

#include <string>

#include "client/shared_sync.h"
#include "core/base/bytes.h"
#include "core/base/unique_fd.h"

namespace recrypt {

enum class Overwrite { kRefuse, kReplace };

class OutputFile {
 public:
  // kExists when `path` is there and `overwrite` is kRefuse. `sync`, if not null, outlives it.
  static Result<OutputFile> Make(std::string path, Overwrite overwrite, SharedSync* sync = nullptr);
  // The same, never replacing, with a temporary name of the caller's in the same directory; kExists
  // names it when that is taken.
  static Result<OutputFile> MakeAs(std::string path, std::string temporary, SharedSync* sync);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  // Open for reading and writing.
  int fd() const { return fd_.get(); }
  Status Write(ByteSpan data);
  // Makes it durable and gives it its name.
  Status Commit(mode_t mode);

  // The steps of Commit, for who has to do something between them: what was written is durable;
  // it gets its name; the name is durable.
  Status Sync();
  Status TakeName();
  Status SyncName();
  // Somebody else has taken the temporary name: nothing is removed.
  void Forget() { temporary_.clear(); }

 private:
  OutputFile(std::string path, std::string temporary, Overwrite overwrite, SharedSync* sync);
  Status Create();

  std::string path_;
  std::string temporary_;  // empty when there is none any more
  Overwrite overwrite_;
  SharedSync* sync_;  // may be null
  UniqueFd fd_;
};

// What was made, renamed or removed in the directory of `path` is durable. `sync` may be null.
Status SyncDirectoryOf(const std::string& path, SharedSync* sync = nullptr);

// Writes all of `data` to a descriptor.
Status WriteToDescriptor(int fd, ByteSpan data);
// Reads up to `out.size()` bytes; 0 at the end.
Result<size_t> ReadFromDescriptor(int fd, MutableByteSpan out);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_OUTPUT_FILE_H_
