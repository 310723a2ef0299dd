// What an Exerciser does in a step: each operation on the document, and on the model.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "tests/mount/support/exerciser.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

constexpr size_t kBlock = 4096;

bool IsZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

std::string Range(size_t offset, size_t length) {
  return std::to_string(offset) + " +" + std::to_string(length);
}

// Page-aligned, as O_DIRECT likes it.
struct Free {
  void operator()(char* memory) const { std::free(memory); }
};
std::unique_ptr<char, Free> Aligned(size_t size) {
  return std::unique_ptr<char, Free>(
      static_cast<char*>(std::aligned_alloc(kBlock, (size + kBlock) / kBlock * kBlock)));
}

}  // namespace

void Exerciser::Write() {
  const size_t offset = Offset();
  const std::string data = Data(std::min(Length(), options_.max_size - offset));
  Note("pwrite " + Range(offset, data.size()));
  Expect(pwrite(fd(), data.data(), data.size(), static_cast<off_t>(offset)),
         static_cast<ssize_t>(data.size()), "pwrite");
  Put(offset, data);
}

void Exerciser::WriteVector() {
  const size_t offset = Offset();
  std::string data = Data(std::min(Length(), options_.max_size - offset));
  const size_t first = Below(data.size() + 1), second = Below(data.size() - first + 1);
  Note("pwritev " + Range(offset, data.size()) + " in " + std::to_string(first) + ", " +
       std::to_string(second));
  const struct iovec parts[3] = {{data.data(), first},
                                 {data.data() + first, second},
                                 {data.data() + first + second, data.size() - first - second}};
  Expect(pwritev(fd(), parts, 3, static_cast<off_t>(offset)), static_cast<ssize_t>(data.size()),
         "pwritev");
  Put(offset, data);
}

void Exerciser::Append() {
  if (model_.size() >= options_.max_size) return;
  const std::string data = Data(std::min(Length(), options_.max_size - model_.size()));
  Note("append " + Range(model_.size(), data.size()));
  Expect(write(Other(O_APPEND), data.data(), data.size()), static_cast<ssize_t>(data.size()),
         "append");
  Put(model_.size(), data);
}

void Exerciser::WriteDirect() {
  const size_t unit = Below(2) == 0 ? kBlock : 512;
  const size_t offset = Offset() / unit * unit;
  const size_t length =
      std::min((Length() + unit - 1) / unit * unit, (options_.max_size - offset) / unit * unit);
  if (length == 0) return;
  const std::string data = Data(length);
  Note("pwrite O_DIRECT " + Range(offset, length));
  const auto buffer = Aligned(length);
  std::memcpy(buffer.get(), data.data(), length);
  Expect(pwrite(Other(O_DIRECT), buffer.get(), length, static_cast<off_t>(offset)),
         static_cast<ssize_t>(length), "pwrite O_DIRECT");
  Put(offset, data);
}

void Exerciser::Read() {
  const size_t offset = Offset();
  std::string got(Length(), '\0');
  const size_t asked = got.size();
  Note("pread " + Range(offset, asked));
  const ssize_t size = pread(fd(), got.data(), asked, static_cast<off_t>(offset));
  if (size < 0) Expect(size, 0, "pread");
  got.resize(static_cast<size_t>(size));
  Compare(got, offset, asked);
}

void Exerciser::ReadVector() {
  const size_t offset = Offset();
  std::string got(Length(), '\0');
  const size_t asked = got.size(), first = Below(asked + 1);
  Note("preadv " + Range(offset, asked));
  const struct iovec parts[2] = {{got.data(), first}, {got.data() + first, asked - first}};
  const ssize_t size = preadv(fd(), parts, 2, static_cast<off_t>(offset));
  if (size < 0) Expect(size, 0, "preadv");
  got.resize(static_cast<size_t>(size));
  Compare(got, offset, asked);
}

void Exerciser::ReadDirect() {
  const size_t unit = Below(2) == 0 ? kBlock : 512;
  const size_t offset = Offset() / unit * unit;
  const size_t asked = (Length() + unit - 1) / unit * unit;
  Note("pread O_DIRECT " + Range(offset, asked));
  const auto buffer = Aligned(asked);
  const ssize_t size = pread(Other(O_DIRECT), buffer.get(), asked, static_cast<off_t>(offset));
  if (size < 0) Expect(size, 0, "pread O_DIRECT");
  Compare(std::string(buffer.get(), static_cast<size_t>(size)), offset, asked);
}

void Exerciser::Truncate() {
  const size_t size = Below(8) == 0 ? 0 : Offset();
  const bool by_path = Below(4) == 0;
  Note((by_path ? "truncate " : "ftruncate ") + std::to_string(size) + " from " +
       std::to_string(model_.size()));
  const auto length = static_cast<off_t>(size);
  Expect(by_path ? truncate(path().c_str(), length) : ftruncate(fd(), length), 0, "truncate");
  model_.resize(size, '\0');
}

void Exerciser::WriteMapped() {
  if (model_.empty()) return;
  const size_t offset = Below(model_.size());
  const std::string data = Data(std::min(model_.size() - offset, Length()));
  Note("mapped write " + Range(offset, data.size()));
  char* const memory = Mapping(model_.size());
  std::memcpy(memory + offset, data.data(), data.size());
  Put(offset, data);
  switch (Below(3)) {
    case 0:
      Note("msync");
      Expect(msync(memory, options_.max_size, MS_SYNC), 0, "msync");
      return;
    case 1:
      Note("munmap");
      munmap(mapping_, options_.max_size);
      mapping_ = nullptr;
      return;
    default:
      return;
  }
}

void Exerciser::ReadMapped() {
  if (model_.empty()) return;
  const size_t offset = Below(model_.size());
  const size_t length = std::min(model_.size() - offset, Length());
  Note("mapped read " + Range(offset, length));
  Compare(std::string(Mapping(model_.size()) + offset, length), offset, length);
}

void Exerciser::WritePrivately() {
  if (model_.empty()) return;
  const size_t offset = Below(model_.size());
  const std::string data = Data(std::min(model_.size() - offset, Length()));
  Note("private mapped write " + Range(offset, data.size()));
  void* memory = mmap(nullptr, model_.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd(), 0);
  if (memory == MAP_FAILED) Disagree(std::string("mmap: ") + std::strerror(errno));
  char* const bytes = static_cast<char*>(memory);
  const std::string before(bytes + offset, data.size());
  std::memcpy(bytes + offset, data.data(), data.size());
  munmap(memory, model_.size());
  Compare(before, offset, data.size());
}

void Exerciser::Punch() {
  const size_t offset = Offset(), length = Length();
  Note("punch " + Range(offset, length));
  Expect(fallocate(fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                   static_cast<off_t>(length)),
         0, "punch");
  Zeroes(offset, length);
}

void Exerciser::ZeroRange() {
  const size_t offset = Offset(), length = std::min(Length(), options_.max_size - offset);
  const bool keep = Below(2) == 0;
  Note(std::string("zero range ") + (keep ? "keeping the size " : "") + Range(offset, length));
  Expect(fallocate(fd(), FALLOC_FL_ZERO_RANGE | (keep ? FALLOC_FL_KEEP_SIZE : 0),
                   static_cast<off_t>(offset), static_cast<off_t>(length)),
         0, "zero range");
  Zeroes(offset, length);
  if (!keep && model_.size() < offset + length) model_.resize(offset + length, '\0');
}

// Room behind the end may be taken, which changes nothing; what would have to be kept is refused.
void Exerciser::Allocate() {
  const size_t offset = Offset(), length = Length();
  Note("allocate " + Range(offset, length));
  const auto from = static_cast<off_t>(offset), size = static_cast<off_t>(length);
  Expect(fallocate(fd(), FALLOC_FL_KEEP_SIZE, from, size), 0, "fallocate keeping the size");
  for (int mode : {FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE}) {
    Expect(fallocate(fd(), mode, off_t{0}, off_t{kBlock}), -1, "collapsing or inserting a range");
    if (errno != EOPNOTSUPP) Disagree(std::string("fallocate: ") + std::strerror(errno));
  }
}

void Exerciser::CopyRange() {
  if (model_.size() < 2) return;
  const size_t from = Below(model_.size());
  size_t length = std::min(Length(), model_.size() - from);
  const size_t to = Offset();
  length = std::min(length, from < to ? to - from : from - to);  // no overlap
  length = std::min(length, options_.max_size - to);
  if (length == 0) return;
  Note("copy_file_range " + Range(from, length) + " to " + std::to_string(to));
  auto in = static_cast<off_t>(from), out = static_cast<off_t>(to);
  for (size_t left = length; left > 0;) {
    const ssize_t done = copy_file_range(fd(), &in, fd(), &out, left, 0);
    if (done <= 0) Expect(done, static_cast<ssize_t>(left), "copy_file_range");
    left -= static_cast<size_t>(done);
  }
  Put(to, model_.substr(from, length));
}

void Exerciser::CopyElsewhere() {
  if (model_.empty()) return;
  const size_t from = Below(model_.size()), length = std::min(Length(), model_.size() - from);
  Note("copy_file_range " + Range(from, length) + " to another document");
  const UniqueFd copy = OpenFd(path() + ".copy", O_RDWR | O_CREAT | O_TRUNC);
  auto in = static_cast<off_t>(from);
  for (size_t left = length; left > 0;) {
    const ssize_t done = copy_file_range(fd(), &in, copy.get(), nullptr, left, 0);
    if (done <= 0) Expect(done, static_cast<ssize_t>(left), "copy_file_range");
    left -= static_cast<size_t>(done);
  }
  Expect(lseek(copy.get(), 0, SEEK_SET), 0, "lseek");
  Compare(ReadAll(copy.get()), from, length);
}

void Exerciser::SeekData() {
  const size_t offset = Offset();
  Note("SEEK_DATA " + std::to_string(offset));
  const off_t found = lseek(fd(), static_cast<off_t>(offset), SEEK_DATA);
  if (found < 0 && errno != ENXIO) Expect(found, 0, "SEEK_DATA");
  const std::string_view behind = std::string_view(model_).substr(std::min(offset, model_.size()));
  if (found < 0) {
    if (!IsZero(behind)) Disagree("data is said to be a hole up to the end");
    return;
  }
  const auto at = static_cast<size_t>(found);
  if (at < offset || at >= model_.size()) Disagree("SEEK_DATA found " + std::to_string(found));
  if (!IsZero(behind.substr(0, at - offset))) Disagree("data is said to be a hole");
}

void Exerciser::SeekHole() {
  const size_t offset = Offset();
  Note("SEEK_HOLE " + std::to_string(offset));
  const off_t found = lseek(fd(), static_cast<off_t>(offset), SEEK_HOLE);
  if (offset >= model_.size()) {
    if (found >= 0 || errno != ENXIO) Disagree("SEEK_HOLE behind the end found something");
    return;
  }
  if (found < 0) Expect(found, 0, "SEEK_HOLE");
  const auto at = static_cast<size_t>(found);
  if (at < offset || at > model_.size()) Disagree("SEEK_HOLE found " + std::to_string(found));
  const size_t end = (at / kBlock + 1) * kBlock;
  if (!IsZero(std::string_view(model_).substr(at, end - at))) Disagree("data is said to be a hole");
}

void Exerciser::Sync() {
  const bool data_only = Below(2) == 0;
  Note(data_only ? "fdatasync" : "fsync");
  Expect(data_only ? fdatasync(fd()) : fsync(fd()), 0, "fsync");
}

void Exerciser::DropCaches() {
  Note("drop cached pages");
  Expect(posix_fadvise(fd(), 0, 0, POSIX_FADV_DONTNEED), 0, "fadvise");
}

void Exerciser::Reopen() {
  Note("close, open");
  CloseAll();
  (void)fd();
}

// As editors do.
void Exerciser::Save() {
  Note("write to a new file, rename it over");
  model_ = Data(Length());
  WriteFile(path() + ".new", model_);
  Expect(rename((path() + ".new").c_str(), path().c_str()), 0, "rename");
  CloseAll();
}

void Exerciser::StartOver() {
  const bool removed = Below(2) == 0;
  Note(removed ? "unlink, create" : "open O_TRUNC");
  CloseAll();
  if (removed) Expect(unlink(path().c_str()), 0, "unlink");
  model_ = Data(Length());
  WriteFile(path(), model_);
}

void Exerciser::Switch() {
  if (options_.paths.size() < 2) return;
  CloseAll();
  side_ = (side_ + 1) % options_.paths.size();
  Note("goes on from here");
  if (Below(4) == 0) CompareAll();
}

void Exerciser::Remount() {
  if (!options_.remount) return;
  Note("mount anew");
  CloseAll();
  options_.remount(side_);
}

void Exerciser::CompareAll() {
  Note("compare all");
  Compare(ReadFile(path()), 0, model_.size() + 1);
}

}  // namespace recrypt
