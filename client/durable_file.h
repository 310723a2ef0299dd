// Small files that are read and replaced as a whole: keystore, pins, configuration, policies.
//
//   RECRYPT_ASSIGN(FileLock lock, FileLock::Take(path + ".lock"));
//   RECRYPT_TRY(ReplaceFile(path, AsBytes(text), FileMode::kPrivate));
//
// Thread safe; between processes only under the FileLock.
#ifndef RECRYPT_CLIENT_DURABLE_FILE_H_
#define RECRYPT_CLIENT_DURABLE_FILE_H_

#include <string>

#include "core/base/bytes.h"
#include "core/base/unique_fd.h"

namespace recrypt {

// Reads a regular file of at most `limit` bytes; kNotFound, kInvalid when it is larger.
Result<Bytes> ReadSmallFile(const std::string& path, size_t limit);

enum class FileMode : unsigned { kPrivate = 0600, kShared = 0644 };

// Replaces the file at once and durably: after a crash at any point the old or the new content is
// there, and the new one when this returned success.
Status ReplaceFile(const std::string& path, ByteSpan content, FileMode mode);

// Makes the directory and its missing parents; those that are made get mode 0700.
Status MakePrivateDirectory(const std::string& path);

// The directory that a path names an entry of: "a/b" -> "a", "b" -> ".", "/b" -> "/".
std::string ParentOf(const std::string& path);

// An exclusive flock() on a file that is made for it; given back when the object dies. Waits up to
// five seconds for another process, then kBusy.
class FileLock {
 public:
  static Result<FileLock> Take(const std::string& path);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_DURABLE_FILE_H_
