#include "client/stored_file_fd.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace recrypt {

Result<uint64_t> FdStoredFile::Size() {
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) return FailErrno(errno, "reading a stored document");
  return static_cast<uint64_t>(info.st_size);
}

Result<size_t> FdStoredFile::ReadAt(uint64_t offset, MutableByteSpan out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, "reading a stored document");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

Result<uint64_t> FdStoredFile::SkipHole(uint64_t offset) {
  const off_t data = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
  if (data >= 0) return static_cast<uint64_t>(data);
  // ENXIO: there is nothing but a hole behind; others: the file system does not tell.
  if (errno == ENXIO) return Size();
  return offset;
}

Status FdStoredFile::WriteAt(uint64_t offset, ByteSpan data) {
  while (!data.empty()) {
    const ssize_t put = ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FailErrno(errno, "writing a stored document");
    data = data.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

Status FdStoredFile::Truncate(uint64_t size) {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0) return {};
  return FailErrno(errno, "cutting a stored document");
}

Status FdStoredFile::SyncData() {
  if (::fdatasync(fd_.get()) == 0) return {};
  return FailErrno(errno, "syncing a stored document");
}

}  // namespace recrypt
