#include "fs/directory_reader.h"

#include <cstddef>
#include <cstring>

namespace recrypt {
namespace {

// struct linux_dirent64, getdents(2).
constexpr size_t kInodeAt = 0;
constexpr size_t kOffsetAt = 8;
constexpr size_t kLengthAt = 16;
constexpr size_t kTypeAt = 18;
constexpr size_t kNameAt = 19;

template <typename T>
T Load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

Result<const StoredEntry*> DirectoryReader::Next() {
  if (at_ >= used_) {
    if (buffer_.empty()) buffer_.resize(kBufferSize);
    RECRYPT_ASSIGN(used_, store_.ReadEntries(fd_.get(), buffer_));
    at_ = 0;
    if (used_ == 0) return static_cast<const StoredEntry*>(nullptr);
  }
  const uint8_t* record = buffer_.data() + at_;
  const size_t length = Load<uint16_t>(record + kLengthAt);
  entry_.number = Load<uint64_t>(record + kInodeAt);
  entry_.next = Load<int64_t>(record + kOffsetAt);
  entry_.type = record[kTypeAt];
  entry_.name.assign(reinterpret_cast<const char*>(record + kNameAt));
  at_ += length;
  position_ = entry_.next;
  return &entry_;
}

Status DirectoryReader::Seek(int64_t position) {
  if (position == position_) return {};
  RECRYPT_TRY(store_.SeekDirectory(fd_.get(), position));
  position_ = position;
  used_ = at_ = 0;
  return {};
}

}  // namespace recrypt
