// Overlay: what commit records put over a stored file, without it having been written in place.
//
//   overlay.Add(record.writes, record.stored, record.fields.position);
//   RECRYPT_TRY(overlay.Read(file, offset, out));     // the file as if the records were applied
//
// Large pieces are read from the record in the file, small ones are held in memory. Thread safe for
// reading.
#ifndef RECRYPT_CORE_JCD_OVERLAY_H_
#define RECRYPT_CORE_JCD_OVERLAY_H_

#include <map>
#include <memory>

#include "core/jcd/record.h"

namespace recrypt {

class Overlay {
 public:
  struct Piece {
    uint64_t length = 0;
    uint64_t position = 0;              // of the bytes in the file; kZeros: there are none
    std::shared_ptr<const Bytes> held;  // or the bytes themselves, from held_at on
    uint64_t held_at = 0;
  };
  static constexpr uint64_t kZeros = ~uint64_t{0};

  // The writes of a record that stands at `position`. They replace what they cover of earlier ones.
  void Add(std::span<const WriteList::Entry> writes, ByteSpan record, uint64_t position);

  bool empty() const { return pieces_.empty(); }
  // By offset, not overlapping.
  const std::map<uint64_t, Piece>& pieces() const { return pieces_; }
  // Fills all of `out`; kCorrupt when the file ends before that.
  Status Read(StoredFile& file, uint64_t offset, MutableByteSpan out) const;
  // Replaces in `out`, which holds bytes of the file from `offset` on, what pieces cover.
  Status Patch(StoredFile& file, uint64_t offset, MutableByteSpan out) const;

 private:
  void Insert(uint64_t offset, Piece piece);

  std::map<uint64_t, Piece> pieces_;
};

// ReadAt that fails with kCorrupt when the file ends early.
Status ReadExactly(StoredFile& file, uint64_t offset, MutableByteSpan out);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_OVERLAY_H_
