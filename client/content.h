// Content: what a plain file or a document holds, looked at the same way, with its holes.
//
//   FileContent plain(fd, size);
//   DocumentContent stored(document);
//   RECRYPT_TRY(CopyContent(plain, [&](uint64_t at, ByteSpan data) { … }));
//   RECRYPT_ASSIGN(bool same, SameContent(plain, stored));
//
// A copy is handed what is no hole, in order; whoever takes it sets the size. A terabyte that is
// empty costs nothing. Not thread safe.
#ifndef RECRYPT_CLIENT_CONTENT_H_
#define RECRYPT_CLIENT_CONTENT_H_

#include <functional>
#include <optional>

#include "core/jcd/document.h"

namespace recrypt {

// Bytes of content done so far; called now and then.
using Progress = std::function<void(uint64_t)>;

// From `begin` up to, and not including, `end`.
struct DataRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

class Content {
 public:
  virtual ~Content() = default;
  virtual uint64_t size() const = 0;
  // The first range at or behind `from` that is no hole; nothing when there are only holes left.
  virtual Result<std::optional<DataRange>> NextData(uint64_t from) = 0;
  // All that `out` has room for; kBusy when the content ends before: somebody cuts it meanwhile.
  virtual Status Read(uint64_t offset, MutableByteSpan out) = 0;
};

// Of a regular file whose size was asked for before; the descriptor stays the caller's.
class FileContent : public Content {
 public:
  FileContent(int fd, uint64_t size) : fd_(fd), size_(size) {}
  uint64_t size() const override { return size_; }
  Result<std::optional<DataRange>> NextData(uint64_t from) override;
  Status Read(uint64_t offset, MutableByteSpan out) override;

 private:
  const int fd_;
  const uint64_t size_;
};

class DocumentContent : public Content {
 public:
  explicit DocumentContent(Document& document) : document_(document) {}
  uint64_t size() const override { return document_.Size(); }
  Result<std::optional<DataRange>> NextData(uint64_t from) override;
  Status Read(uint64_t offset, MutableByteSpan out) override;

 private:
  Document& document_;
};

using PutAt = std::function<Status(uint64_t offset, ByteSpan data)>;
Status CopyContent(Content& from, const PutAt& put, const Progress& progress = {});

// Whether every byte is the same, and the size; what is a hole in both is passed over.
Result<bool> SameContent(Content& one, Content& other, const Progress& progress = {});

// Writes all of `data` at an offset of a file.
Status WriteToFile(int fd, uint64_t offset, ByteSpan data);
// A copy of `size` bytes of one file in another one, which is empty.
Status CopyFileContent(int from, uint64_t size, int to, const Progress& progress = {});

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_CONTENT_H_
