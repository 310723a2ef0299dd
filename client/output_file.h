// OutputFile: a file that appears under its name only when all of it is there.
//
//   RECRYPT_ASSIGN(OutputFile out, OutputFile::Make(path, Overwrite::kRefuse));
//   RECRYPT_TRY(out.Write(bytes)); ...
//   RECRYPT_TRY(out.Commit(0644));
//
// Without Commit nothing is left behind. Not thread safe.
#ifndef RECRYPT_CLIENT_OUTPUT_FILE_H_
#define RECRYPT_CLIENT_OUTPUT_FILE_H_

#include <sys/types.h>

#include <string>

#include "core/base/bytes.h"
#include "core/base/unique_fd.h"

namespace recrypt {

enum class Overwrite { kRefuse, kReplace };

class OutputFile {
 public:
  // kExists when `path` is there and `overwrite` is kRefuse.
  static Result<OutputFile> Make(std::string path, Overwrite overwrite);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  Status Write(ByteSpan data);
  // Makes it durable and gives it its name.
  Status Commit(mode_t mode);

 private:
  OutputFile(std::string path, std::string temporary, Overwrite overwrite, UniqueFd fd);

  std::string path_;
  std::string temporary_;  // empty when there is none any more
  Overwrite overwrite_;
  UniqueFd fd_;
};

// Writes all of `data` to a descriptor.
Status WriteToDescriptor(int fd, ByteSpan data);
// Reads up to `out.size()` bytes; 0 at the end.
Result<size_t> ReadFromDescriptor(int fd, MutableByteSpan out);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_OUTPUT_FILE_H_
