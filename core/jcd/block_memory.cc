#include "core/jcd/block_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace recrypt {
namespace {

constexpr size_t kPieceBytes = BlockMemory::kBlocksInPiece * kBlockSize;

}  // namespace

// It is never destroyed: documents may outlive whatever else the process takes down at its end.
BlockMemory& BlockMemory::OfProcess() {
  static BlockMemory& memory = *new BlockMemory;
  return memory;
}

BlockMemory::~BlockMemory() {
  for (const auto& [piece, free] : pieces_) munmap(piece, kPieceBytes);
}

BlockMemory::Block* BlockMemory::Take() {
  std::lock_guard lock(mutex_);
  if (free_ == 0) {
    void* piece =
        mmap(nullptr, kPieceBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) throw std::bad_alloc();
    pieces_.emplace(static_cast<Block*>(piece), Free().set());
    free_ = kBlocksInPiece;
  }
  // Always of the first that has one, so that the last ones become free.
  const auto piece = std::find_if(pieces_.begin(), pieces_.end(),
                                  [](const auto& held) { return held.second.any(); });
  const size_t i = piece->second._Find_first();
  piece->second.reset(i);
  --free_;
  return piece->first + i;
}

void BlockMemory::Give(Block* block) {
  std::lock_guard lock(mutex_);
  const auto piece = std::prev(pieces_.upper_bound(block));
  piece->second.set(static_cast<size_t>(block - piece->first));
  ++free_;
  if (!piece->second.all() || free_ < kKept + kBlocksInPiece) return;
  munmap(piece->first, kPieceBytes);
  pieces_.erase(piece);
  free_ -= kBlocksInPiece;
}

size_t BlockMemory::bytes() {
  std::lock_guard lock(mutex_);
  return pieces_.size() * kPieceBytes;
}

}  // namespace recrypt
