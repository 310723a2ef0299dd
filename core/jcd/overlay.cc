#include "core/jcd/overlay.h"

#include <algorithm>
#include <cstring>

namespace recrypt {
namespace {

// Entries, hashes and trailers are held; blocks are left in the file.
constexpr uint64_t kHeldAtMost = 1024;

// The part of a piece from `skip` on.
Overlay::Piece Tail(Overlay::Piece piece, uint64_t skip) {
  piece.length -= skip;
  piece.held_at += skip;
  if (piece.position != Overlay::kZeros) piece.position += skip;
  return piece;
}

}  // namespace

Status ReadExactly(StoredFile& file, uint64_t offset, MutableByteSpan out) {
  RECRYPT_ASSIGN(const size_t got, file.ReadAt(offset, out));
  if (got != out.size()) return Fail(ErrorCode::kCorrupt, "the stored file ends early");
  return {};
}

void Overlay::Add(std::span<const WriteList::Entry> writes, ByteSpan record, uint64_t position) {
  const auto is_held = [](const WriteList::Entry& write) {
    return !write.zeros && write.length <= kHeldAtMost;
  };
  // One piece of memory for all: there may be some for each block.
  size_t size = 0;
  for (const WriteList::Entry& write : writes) size += is_held(write) ? write.length : 0;
  const auto held = std::make_shared<Bytes>();
  held->reserve(size);
  for (const WriteList::Entry& write : writes) {
    Piece piece;
    piece.length = write.length;
    piece.position = write.zeros ? kZeros : position + write.at;
    if (is_held(write)) {
      piece.held = held;
      piece.held_at = held->size();
      Append(*held, record.subspan(write.at, write.length));
    }
    Insert(write.offset, std::move(piece));
  }
}

void Overlay::Insert(uint64_t offset, Piece piece) {
  if (piece.length == 0) return;
  const uint64_t end = offset + piece.length;
  auto at = pieces_.lower_bound(offset);
  if (at != pieces_.begin()) {
    const auto before = std::prev(at);
    const uint64_t before_end = before->first + before->second.length;
    if (before_end > end) pieces_.emplace(end, Tail(before->second, end - before->first));
    if (before_end > offset) before->second.length = offset - before->first;
  }
  while (at != pieces_.end() && at->first < end) {
    const uint64_t at_end = at->first + at->second.length;
    if (at_end > end) pieces_.emplace(end, Tail(at->second, end - at->first));
    at = pieces_.erase(at);
  }
  pieces_.emplace(offset, std::move(piece));
}

Status Overlay::Patch(StoredFile& file, uint64_t offset, MutableByteSpan out) const {
  const uint64_t end = offset + out.size();
  auto at = pieces_.upper_bound(offset);
  if (at != pieces_.begin()) --at;
  for (; at != pieces_.end() && at->first < end; ++at) {
    const Piece& piece = at->second;
    const uint64_t from = std::max(offset, at->first);
    const uint64_t to = std::min(end, at->first + piece.length);
    if (from >= to) continue;
    const MutableByteSpan part = out.subspan(from - offset, to - from);
    const uint64_t skip = from - at->first;
    if (piece.held) {
      std::memcpy(part.data(), piece.held->data() + piece.held_at + skip, part.size());
    } else if (piece.position == kZeros) {
      std::memset(part.data(), 0, part.size());
    } else {
      RECRYPT_TRY(ReadExactly(file, piece.position + skip, part));
    }
  }
  return {};
}

Status Overlay::Read(StoredFile& file, uint64_t offset, MutableByteSpan out) const {
  if (pieces_.empty()) return ReadExactly(file, offset, out);
  auto at = pieces_.upper_bound(offset);
  const bool covered = at != pieces_.begin() &&
                       std::prev(at)->first + std::prev(at)->second.length >= offset + out.size();
  if (!covered) RECRYPT_TRY(ReadExactly(file, offset, out));
  return Patch(file, offset, out);
}

}  // namespace recrypt
