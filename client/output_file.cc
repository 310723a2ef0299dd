#include "client/output_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "client/durable_file.h"
#include "core/base/rename_new.h"
#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

// Of the name, in that of the temporary file.
constexpr size_t kMaxKeptOfName = 200;

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

Status SyncDirectoryOf(const std::string& path, SharedSync* sync) {
  const std::string parent = ParentOf(path);
  const UniqueFd fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return FailErrno(errno, "syncing " + parent);
  if (sync != nullptr) return sync->SyncAll(fd.get());
  if (::fsync(fd.get()) != 0) return FailErrno(errno, "syncing " + parent);
  return {};
}

OutputFile::OutputFile(std::string path, std::string temporary, Overwrite overwrite,
                       SharedSync* sync)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      overwrite_(overwrite),
      sync_(sync) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      overwrite_(other.overwrite_),
      sync_(other.sync_),
      fd_(std::move(other.fd_)) {}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<OutputFile> OutputFile::Make(std::string path, Overwrite overwrite, SharedSync* sync) {
  struct stat info {};
  const bool there = ::lstat(path.c_str(), &info) == 0;
  if (there && overwrite == Overwrite::kRefuse) return FailExists(path);
  if (there && S_ISDIR(info.st_mode)) return Fail(ErrorCode::kExists, path + " is a directory");
  // Beside it, and of a name that fits where the whole one has no room for more.
  const size_t name = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
  std::string temporary =
      path.substr(0, name + kMaxKeptOfName) + "." + HexEncode(RandomArray<8>()) + ".tmp";
  OutputFile file(std::move(path), std::move(temporary), overwrite, sync);
  RECRYPT_TRY(file.Create());
  return file;
}

Result<OutputFile> OutputFile::MakeAs(std::string path, std::string temporary, SharedSync* sync) {
  OutputFile file(std::move(path), std::move(temporary), Overwrite::kRefuse, sync);
  RECRYPT_TRY(file.Create());
  return file;
}

Status OutputFile::Create() {
  // Nobody else reads what is not finished.
  fd_ = UniqueFd(::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd_) return {};
  const int error = errno;
  return FailErrno(error, "creating " + std::exchange(temporary_, {}));
}

Status OutputFile::Write(ByteSpan data) {
  auto written = WriteToDescriptor(fd_.get(), data);
  if (!written) return Fail(written.error(), path_);
  return {};
}

Status OutputFile::Commit(mode_t mode) {
  if (::fchmod(fd_.get(), mode & 0777) != 0) return FailErrno(errno, "writing " + path_);
  RECRYPT_TRY(Sync());
  RECRYPT_TRY(TakeName());
  return SyncName();
}

// Promise: the name leads to the whole file or to what was there before.
Status OutputFile::Sync() {
  if (sync_ != nullptr) return sync_->SyncAll(fd_.get());
  if (::fsync(fd_.get()) != 0) return FailErrno(errno, "syncing " + path_);
  return {};
}

Status OutputFile::TakeName() {
  int error = 0;
  if (overwrite_ == Overwrite::kRefuse) {
    error = RenameNew(temporary_, path_);
  } else if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    error = errno;
  }
  if (error == EEXIST) return FailExists(path_);
  if (error != 0) return FailErrno(error, "renaming to " + path_);
  temporary_.clear();
  return {};
}

// Promise: the name is there after a crash.
Status OutputFile::SyncName() { return SyncDirectoryOf(path_, sync_); }

}  // namespace recrypt
