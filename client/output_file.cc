#include "client/output_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>

#include "client/durable_file.h"
#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

// Of the name, in that of the temporary file.
constexpr size_t kMaxKeptOfName = 200;

// Renames without replacing; by a hard link where the file system knows no better.
int RenameNew(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (::link(from.c_str(), to.c_str()) != 0) return errno;
  ::unlink(from.c_str());
  return 0;
}

tl::unexpected<Error> FailExists(const std::string& path) {
  return Fail(ErrorCode::kExists, path + " exists: use --force to replace it");
}

}  // namespace

Status WriteToDescriptor(int fd, ByteSpan data) {
  while (!data.empty()) {
    const ssize_t put = ::write(fd, data.data(), data.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FailErrno(errno, "writing");
    data = data.subspan(static_cast<size_t>(put));
  }
  return {};
}

Result<size_t> ReadFromDescriptor(int fd, MutableByteSpan out) {
  while (true) {
    const ssize_t got = ::read(fd, out.data(), out.size());
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return FailErrno(errno, "reading");
  }
}

OutputFile::OutputFile(std::string path, std::string temporary, Overwrite overwrite, UniqueFd fd)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      overwrite_(overwrite),
      fd_(std::move(fd)) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      overwrite_(other.overwrite_),
      fd_(std::move(other.fd_)) {}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<OutputFile> OutputFile::Make(std::string path, Overwrite overwrite) {
  struct stat info {};
  const bool there = ::lstat(path.c_str(), &info) == 0;
  if (there && overwrite == Overwrite::kRefuse) return FailExists(path);
  if (there && S_ISDIR(info.st_mode)) return Fail(ErrorCode::kExists, path + " is a directory");
  // Beside it, and of a name that fits where the whole one has no room for more.
  const size_t name = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
  std::string temporary =
      path.substr(0, name + kMaxKeptOfName) + "." + HexEncode(RandomArray<8>()) + ".tmp";
  // Nobody else reads what is not finished.
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return FailErrno(errno, "creating " + temporary);
  return OutputFile(std::move(path), std::move(temporary), overwrite, std::move(fd));
}

Status OutputFile::Write(ByteSpan data) {
  auto written = WriteToDescriptor(fd_.get(), data);
  if (!written) return Fail(written.error(), path_);
  return {};
}

Status OutputFile::Commit(mode_t mode) {
  if (::fchmod(fd_.get(), mode & 0777) != 0) return FailErrno(errno, "writing " + path_);
  // Promise: the name leads to the whole file or to what was there before.
  if (::fsync(fd_.get()) != 0) return FailErrno(errno, "syncing " + path_);
  int error = 0;
  if (overwrite_ == Overwrite::kRefuse) {
    error = RenameNew(temporary_, path_);
  } else if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    error = errno;
  }
  if (error == EEXIST) return FailExists(path_);
  if (error != 0) return FailErrno(error, "renaming to " + path_);
  temporary_.clear();
  // Promise: the name is there after a crash.
  UniqueFd parent(::open(ParentOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0) return FailErrno(errno, "syncing " + path_);
  return {};
}

}  // namespace recrypt
