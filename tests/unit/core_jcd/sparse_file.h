// SparseFile: a stored file in memory that takes no more of it than what was written.
#ifndef RECRYPT_TESTS_UNIT_CORE_JCD_SPARSE_FILE_H_
#define RECRYPT_TESTS_UNIT_CORE_JCD_SPARSE_FILE_H_

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "core/jcd/stored_file.h"

namespace recrypt {

class SparseFile : public StoredFile {
 public:
  Result<uint64_t> Size() override { return size_; }
  Result<size_t> ReadAt(uint64_t offset, MutableByteSpan out) override {
    std::lock_guard lock(mutex_);
    bytes_read += out.size();
    if (offset >= size_) return size_t{0};
    const size_t got = std::min<uint64_t>(out.size(), size_ - offset);
    for (size_t done = 0; done < got;) {
      const uint64_t at = offset + done;
      const size_t part = std::min<uint64_t>(got - done, kPage - at % kPage);
      const auto page = pages_.find(at / kPage);
      if (page == pages_.end()) {
        std::memset(&out[done], 0, part);
      } else {
        std::memcpy(&out[done], &page->second[at % kPage], part);
      }
      done += part;
    }
    return got;
  }
  Status WriteAt(uint64_t offset, ByteSpan data) override {
    std::lock_guard lock(mutex_);
    bytes_written += data.size();
    for (size_t done = 0; done < data.size();) {
      const uint64_t at = offset + done;
      const size_t part = std::min<uint64_t>(data.size() - done, kPage - at % kPage);
      Bytes& page = pages_[at / kPage];
      page.resize(kPage);
      std::memcpy(&page[at % kPage], &data[done], part);
      done += part;
    }
    size_ = std::max(size_, offset + data.size());
    return {};
  }
  Status Truncate(uint64_t size) override {
    std::lock_guard lock(mutex_);
    pages_.erase(pages_.lower_bound((size + kPage - 1) / kPage), pages_.end());
    if (const auto page = pages_.find(size / kPage); page != pages_.end()) {
      std::fill(page->second.begin() + static_cast<ptrdiff_t>(size % kPage), page->second.end(),
                uint8_t{0});
    }
    size_ = size;
    return {};
  }
  Status SyncData() override { return {}; }

  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;

 private:
  static constexpr uint64_t kPage = 4096;
  std::mutex mutex_;
  std::map<uint64_t, Bytes> pages_;
  uint64_t size_ = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_CORE_JCD_SPARSE_FILE_H_
