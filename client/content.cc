#include "client/content.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace recrypt {
namespace {

constexpr size_t kChunk = size_t{256} << 10;

Status EndsEarly() { return Fail(ErrorCode::kBusy, "it was cut while it was read"); }

// The first range at or behind `from` in which either has data.
Result<std::optional<DataRange>> NextDataOfEither(Content& one, Content& other, uint64_t from) {
  RECRYPT_ASSIGN(auto range, one.NextData(from));
  RECRYPT_ASSIGN(const auto second, other.NextData(from));
  if (!range) return second;
  if (!second || second->begin > range->end) return range;
  if (second->end < range->begin) return second;
  return DataRange{std::min(range->begin, second->begin), std::max(range->end, second->end)};
}

}  // namespace

Result<std::optional<DataRange>> FileContent::NextData(uint64_t from) {
  if (from >= size_) return std::optional<DataRange>();
  const off_t data = ::lseek(fd_, static_cast<off_t>(from), SEEK_DATA);
  if (data < 0 && errno == ENXIO) return std::optional<DataRange>();
  // The file system does not tell.
  if (data < 0) return std::optional(DataRange{from, size_});
  if (static_cast<uint64_t>(data) >= size_) return std::optional<DataRange>();
  const off_t hole = ::lseek(fd_, data, SEEK_HOLE);
  const uint64_t end = hole < 0 ? size_ : std::min(static_cast<uint64_t>(hole), size_);
  // Cut between the two questions: reading it says so.
  if (end <= static_cast<uint64_t>(data)) {
    return std::optional(DataRange{static_cast<uint64_t>(data), size_});
  }
  return std::optional(DataRange{static_cast<uint64_t>(data), end});
}

Status FileContent::Read(uint64_t offset, MutableByteSpan out) {
  while (!out.empty()) {
    const ssize_t got = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, "reading");
    if (got == 0) return EndsEarly();
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

Result<std::optional<DataRange>> DocumentContent::NextData(uint64_t from) {
  if (from >= document_.Size()) return std::optional<DataRange>();
  const auto data = document_.SeekData(from);
  if (!data && data.error().code == ErrorCode::kNotFound) return std::optional<DataRange>();
  if (!data) return Fail(data.error());
  RECRYPT_ASSIGN(const uint64_t end, document_.SeekHole(*data));
  return std::optional(DataRange{*data, end});
}

Status DocumentContent::Read(uint64_t offset, MutableByteSpan out) {
  RECRYPT_ASSIGN(const size_t got, document_.Read(offset, out));
  return got == out.size() ? Status() : EndsEarly();
}

Status CopyContent(Content& from, const PutAt& put, const Progress& progress) {
  Bytes buffer(static_cast<size_t>(std::min<uint64_t>(kChunk, from.size())));
  for (uint64_t at = 0;;) {
    RECRYPT_ASSIGN(const auto range, from.NextData(at));
    if (!range) break;
    for (at = range->begin; at < range->end;) {
      const size_t size = std::min<uint64_t>(buffer.size(), range->end - at);
      RECRYPT_TRY(from.Read(at, MutableByteSpan(buffer).first(size)));
      RECRYPT_TRY(put(at, ByteSpan(buffer).first(size)));
      at += size;
      if (progress) progress(at);
    }
  }
  Wipe(buffer);
  if (progress) progress(from.size());
  return {};
}

Result<bool> SameContent(Content& one, Content& other, const Progress& progress) {
  if (one.size() != other.size()) return false;
  Bytes first(static_cast<size_t>(std::min<uint64_t>(kChunk, one.size())));
  Bytes second(first.size());
  bool same = true;
  for (uint64_t at = 0; same;) {
    RECRYPT_ASSIGN(const auto range, NextDataOfEither(one, other, at));
    if (!range) break;
    for (at = range->begin; same && at < range->end;) {
      const size_t size = std::min<uint64_t>(first.size(), range->end - at);
      RECRYPT_TRY(one.Read(at, MutableByteSpan(first).first(size)));
      RECRYPT_TRY(other.Read(at, MutableByteSpan(second).first(size)));
      same =
          std::equal(first.begin(), first.begin() + static_cast<ptrdiff_t>(size), second.begin());
      at += size;
      if (progress) progress(at);
    }
  }
  Wipe(first);
  Wipe(second);
  if (progress) progress(one.size());
  return same;
}

Status WriteToFile(int fd, uint64_t offset, ByteSpan data) {
  while (!data.empty()) {
    const ssize_t put = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FailErrno(errno, "writing");
    data = data.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

Status CopyFileContent(int from, uint64_t size, int to, const Progress& progress) {
  FileContent content(from, size);
  RECRYPT_TRY(CopyContent(
      content, [to](uint64_t at, ByteSpan data) { return WriteToFile(to, at, data); }, progress));
  if (::ftruncate(to, static_cast<off_t>(size)) != 0) return FailErrno(errno, "writing");
  return {};
}

}  // namespace recrypt
