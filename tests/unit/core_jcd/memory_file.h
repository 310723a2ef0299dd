// MemoryFile: a stored file in memory that remembers what was done to it, for crash tests.
#ifndef RECRYPT_TESTS_UNIT_CORE_JCD_MEMORY_FILE_H_
#define RECRYPT_TESTS_UNIT_CORE_JCD_MEMORY_FILE_H_

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/jcd/stored_file.h"

namespace recrypt {

struct StoreEvent {
  enum class Kind { kWrite, kTruncate, kSync } kind;
  uint64_t offset = 0;  // or the size to truncate to
  Bytes data;
};

class MemoryFile : public StoredFile {
 public:
  MemoryFile() = default;
  explicit MemoryFile(Bytes bytes) : bytes_(std::move(bytes)) {}

  Result<uint64_t> Size() override {
    std::lock_guard lock(mutex_);
    return bytes_.size();
  }
  Result<size_t> ReadAt(uint64_t offset, MutableByteSpan out) override {
    std::lock_guard lock(mutex_);
    ++reads;
    if (offset >= bytes_.size()) return size_t{0};
    const size_t got = std::min<uint64_t>(out.size(), bytes_.size() - offset);
    std::memcpy(out.data(), bytes_.data() + offset, got);
    return got;
  }
  Status WriteAt(uint64_t offset, ByteSpan data) override {
    std::lock_guard lock(mutex_);
    if (writes_left == 0) return Fail(ErrorCode::kIo, "no space left");
    if (writes_left > 0) --writes_left;
    ++writes;
    if (recording) events.push_back({StoreEvent::Kind::kWrite, offset, ToBytes(data)});
    Put(bytes_, offset, data);
    return {};
  }
  Status Truncate(uint64_t size) override {
    std::lock_guard lock(mutex_);
    if (recording) events.push_back({StoreEvent::Kind::kTruncate, size, {}});
    bytes_.resize(size);
    return {};
  }
  Status SyncData() override {
    std::lock_guard lock(mutex_);
    ++syncs;
    if (recording) events.push_back({StoreEvent::Kind::kSync, 0, {}});
    return {};
  }

  static void Put(Bytes& bytes, uint64_t offset, ByteSpan data) {
    if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<ptrdiff_t>(offset));
  }

  Bytes& bytes() { return bytes_; }

  bool recording = false;
  std::vector<StoreEvent> events;
  int writes_left = -1;  // fail once it is 0
  int reads = 0;
  int writes = 0;
  int syncs = 0;

 private:
  std::mutex mutex_;
  Bytes bytes_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_CORE_JCD_MEMORY_FILE_H_
