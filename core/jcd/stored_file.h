// StoredFile: the one interface through which the document code touches a stored file. `fs` puts
// the share behind it, tests a recording, a faulty or an in-memory file.
//
// Offsets and sizes are in bytes. Calls on one object may come from several threads at once.
#ifndef RECRYPT_CORE_JCD_STORED_FILE_H_
#define RECRYPT_CORE_JCD_STORED_FILE_H_

#include "core/base/bytes.h"

namespace recrypt {

class StoredFile {
 public:
  virtual ~StoredFile() = default;
  virtual Result<uint64_t> Size() = 0;
  // Reads up to out.size() bytes; fewer only at the end of the file.
  virtual Result<size_t> ReadAt(uint64_t offset, MutableByteSpan out) = 0;
  // From `offset` on: where the first byte may stand that is not in a hole of the file, or the
  // file's size. A hint: `offset` itself where that is not known.
  virtual Result<uint64_t> SkipHole(uint64_t offset) { return offset; }
  // A hint that this range is about to be read; does not wait.
  virtual void WillRead(uint64_t /*offset*/, uint64_t /*size*/) {}
  // Writes all of `data`, extending the file (with zeros before `offset`) as needed.
  virtual Status WriteAt(uint64_t offset, ByteSpan data) = 0;
  virtual Status Truncate(uint64_t size) = 0;
  // Makes contents and size durable (fdatasync).
  virtual Status SyncData() = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_STORED_FILE_H_
