#include <cstring>

#include "core/jcd/document_impl.h"

namespace recrypt {
namespace {

constexpr uint64_t kGroupsAhead = 4;  // some 2 MiB
// After so many groups out of order the tables of all are worth a read each.
constexpr uint32_t kScattered = 16;
constexpr uint64_t kTablesAtOnce = 8;

}  // namespace

Result<size_t> DocumentImpl::Read(uint64_t offset, MutableByteSpan out) {
  std::shared_lock lock(state_mutex_);
  const uint64_t size = tree_.layout().size();
  if (offset >= size || out.empty()) return 0;
  out = out.first(std::min<uint64_t>(out.size(), size - offset));
  auto contexts = cipher_->Borrow();
  for (size_t done = 0; done < out.size();) {
    const uint64_t at = offset + done;
    const uint64_t from = at % kGroupBytes;
    const size_t part = std::min<uint64_t>(out.size() - done, kGroupBytes - from);
    RECRYPT_TRY(ReadInGroup(*contexts, at / kGroupBytes, from, out.subspan(done, part)));
    done += part;
  }
  return out.size();
}

bool DocumentImpl::WantsTables() {
  if (scattered_ < kScattered) return false;
  std::shared_lock lock(state_mutex_);
  if (tree_.layout().groups() > Tree::kCachedTables) return false;
  return scattered_.exchange(0) >= kScattered;
}

uint64_t DocumentImpl::ReadTables(uint64_t first) {
  std::shared_lock lock(state_mutex_);
  auto contexts = cipher_->Borrow();
  const uint64_t end = std::min(first + kTablesAtOnce, tree_.layout().groups());
  for (uint64_t group = first; group < end; ++group) {
    // One that is damaged is reported to who reads what it stands for.
    (void)tree_.Get(contexts->hasher(), 0, group);
  }
  return end < tree_.layout().groups() ? end : 0;
}

// A group is read for the first time: its table, behind the blocks, and the blocks are waited for
// together. Who reads group after group gets the next ones as well: the steps forth to a table and
// back hide from the system that this is in order.
void DocumentImpl::AskAhead(uint64_t group, uint64_t from, uint64_t size) {
  const bool in_order = last_group_.exchange(group) + 1 == group;
  const uint64_t block = group * kGroupBlocks;
  file_->WillRead(BlockOffset(block) + from, size);
  if (!in_order) {
    ++scattered_;
    return;
  }
  const uint64_t next = BlockOffset(block + kGroupBlocks);
  file_->WillRead(next, BlockOffset(block + (1 + kGroupsAhead) * kGroupBlocks) - next);
}

// Blocks that are changed come from memory, holes are zeros, and each run of the others is one
// read of the file.
Status DocumentImpl::ReadInGroup(BlockContexts& contexts, uint64_t group, uint64_t from,
                                 MutableByteSpan out) {
  const DirtyBlocks::Group* dirty = blocks_.FindGroup(group);
  NodeRef table = tree_.Find(0, group);
  if (!table) {
    AskAhead(group, from, out.size());
    RECRYPT_ASSIGN(table, tree_.Get(contexts.hasher(), 0, group));
  }
  if (!table) {
    std::memset(out.data(), 0, out.size());
    return {};
  }
  enum class Kind { kDirty, kHole, kStored };
  const auto kind_of = [&](uint64_t i) {
    if (dirty != nullptr && dirty->blocks[i]) return Kind::kDirty;
    return table->IsZero(i) ? Kind::kHole : Kind::kStored;
  };
  const uint64_t end = from + out.size();
  for (uint64_t at = from; at < end;) {
    const uint64_t i = at / kBlockSize;
    const Kind kind = kind_of(i);
    uint64_t next = i + 1;
    while (kind != Kind::kDirty && next * kBlockSize < end && kind_of(next) == kind) ++next;
    const uint64_t to = std::min(end, next * kBlockSize);
    const MutableByteSpan part = out.subspan(at - from, to - at);
    if (kind == Kind::kDirty) {
      std::memcpy(part.data(), dirty->blocks[i]->data() + at % kBlockSize, part.size());
    } else if (kind == Kind::kHole) {
      std::memset(part.data(), 0, part.size());
    } else {
      RECRYPT_TRY(ReadBlocks(contexts, *table, group * kGroupBlocks, at, part));
    }
    at = to;
  }
  return {};
}

// Reads and verifies stored blocks of the group whose first block is `first`; `from` counts in the
// group. Whole blocks are read to where they belong and decrypted there; the others in between.
Status DocumentImpl::ReadBlocks(BlockContexts& contexts, const Node& table, uint64_t first,
                                uint64_t from, MutableByteSpan out) {
  const Layout& layout = tree_.layout();
  const uint64_t end = from + out.size();
  const auto open = [&](uint64_t i, ByteSpan ciphertext, uint8_t* to) -> Status {
    if (contexts.OpenBlock(table.key(), first + i, ciphertext, table.Entry(i), to)) return {};
    return Fail(ErrorCode::kCorrupt,
                "block " + std::to_string(first + i) + " does not authenticate");
  };
  for (uint64_t at = from; at < end;) {
    const uint64_t i = at / kBlockSize;
    const uint64_t skip = at % kBlockSize;
    const uint64_t length = layout.BytesInBlock(first + i);
    const uint64_t part = std::min(end - at, length - skip);
    if (part < length) {
      const MutableByteSpan block = contexts.Scratch(kBlockSize).first(length);
      RECRYPT_TRY(ReadStored(BlockOffset(first + i), block));
      RECRYPT_TRY(open(i, block, block.data()));
      std::memcpy(&out[at - from], &block[skip], part);
      at += part;
      continue;
    }
    uint64_t run = part;  // whole blocks, the last of the document among them
    while (at + run < end) {
      const uint64_t more = layout.BytesInBlock(first + i + run / kBlockSize);
      if (end - at - run < more) break;
      run += more;
    }
    const MutableByteSpan blocks = out.subspan(at - from, run);
    RECRYPT_TRY(ReadStored(BlockOffset(first + i), blocks));
    for (uint64_t done = 0; done < run; done += kBlockSize) {
      const MutableByteSpan block = blocks.subspan(done, std::min(kBlockSize, run - done));
      auto opened = open(i + done / kBlockSize, block, block.data());
      if (opened) continue;
      std::memset(blocks.data(), 0, blocks.size());  // ciphertext is nothing to hand out
      return opened;
    }
    at += run;
  }
  return {};
}

// The first block from `block` to the end of its group that is data, or that is a hole.
Result<std::optional<uint64_t>> DocumentImpl::FirstInGroup(BlockContexts& contexts, uint64_t block,
                                                           BlockKind wanted) {
  const uint64_t group = block / kGroupBlocks;
  const DirtyBlocks::Group* dirty = blocks_.FindGroup(group);
  RECRYPT_ASSIGN(const NodeRef table, tree_.Get(contexts.hasher(), 0, group));
  const uint64_t end = tree_.layout().BlocksInGroup(group);
  for (uint64_t i = block % kGroupBlocks; i < end; ++i) {
    const bool data = (dirty != nullptr && dirty->blocks[i]) || (table && !table->IsZero(i));
    if (data == (wanted == BlockKind::kData)) return group * kGroupBlocks + i;
  }
  return std::nullopt;
}

// Skips the largest subtrees of holes that start here.
Result<uint64_t> DocumentImpl::NextData(BlockContexts& contexts, uint64_t block) {
  const uint64_t end = tree_.layout().blocks();
  while (block < end) {
    const uint64_t group = block / kGroupBlocks;
    int level = 0;
    while (level < tree_.layout().top() && group % GroupsCovered(level + 1) == 0) ++level;
    for (; level >= 0; --level) {
      RECRYPT_ASSIGN(const bool hole,
                     tree_.IsHole(contexts.hasher(), level, group / GroupsCovered(level)));
      if (hole) break;
    }
    if (level >= 0) {
      block = (group + GroupsCovered(level)) * kGroupBlocks;
      continue;
    }
    RECRYPT_ASSIGN(const auto found, FirstInGroup(contexts, block, BlockKind::kData));
    if (found) return *found;
    block = (group + 1) * kGroupBlocks;
  }
  return end;
}

Result<uint64_t> DocumentImpl::NextHole(BlockContexts& contexts, uint64_t block) {
  const uint64_t end = tree_.layout().blocks();
  while (block < end) {
    RECRYPT_ASSIGN(const auto found, FirstInGroup(contexts, block, BlockKind::kHole));
    if (found) return *found;
    block = (block / kGroupBlocks + 1) * kGroupBlocks;
  }
  return end;
}

Result<uint64_t> DocumentImpl::SeekData(uint64_t offset) {
  std::shared_lock lock(state_mutex_);
  const Layout& layout = tree_.layout();
  if (offset >= layout.size()) return Fail(ErrorCode::kNotFound, "beyond the document's end");
  auto contexts = cipher_->Borrow();
  RECRYPT_ASSIGN(const uint64_t block, NextData(*contexts, offset / kBlockSize));
  if (block >= layout.blocks()) return Fail(ErrorCode::kNotFound, "there is no data behind this");
  return std::max(offset, block * kBlockSize);
}

Result<uint64_t> DocumentImpl::SeekHole(uint64_t offset) {
  std::shared_lock lock(state_mutex_);
  const uint64_t size = tree_.layout().size();
  if (offset >= size) return Fail(ErrorCode::kNotFound, "beyond the document's end");
  auto contexts = cipher_->Borrow();
  RECRYPT_ASSIGN(const uint64_t block, NextHole(*contexts, offset / kBlockSize));
  return std::min(size, std::max(offset, block * kBlockSize));
}

}  // namespace recrypt
