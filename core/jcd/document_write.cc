#include <cstring>

#include "core/jcd/document_impl.h"

namespace recrypt {
namespace {

// Whole groups behind the stored end go to the file before the commit when this much is held: what
// a smaller commit adds goes into its record, which takes one sync instead of two.
constexpr uint64_t kGoAheadAbove = uint64_t{4} << 20;

}  // namespace

Status DocumentImpl::Write(uint64_t offset, ByteSpan data) {
  if (data.empty()) return {};
  if (offset > kMaxContentSize || data.size() > kMaxContentSize - offset) {
    return Fail(ErrorCode::kInvalid, "a document has at most 2^60 bytes");
  }
  std::lock_guard operation(operation_);
  std::unique_lock lock(state_mutex_);
  if (BytesHeld() > 2 * kMaxDirtyBytes) {
    return Fail(ErrorCode::kBusy, "too much is written and not committed");
  }
  auto contexts = cipher_->Borrow();
  const bool changed_before = changes_.content;
  const uint64_t size_before = tree_.layout().size();
  changes_.content = true;
  Status written = WriteParts(*contexts, offset, data);
  // What could not be written does not leave zeros at the end.
  if (!written && tree_.layout().size() > size_before) (void)Resize(*contexts, size_before);
  const bool nothing_held = blocks_.bytes() == 0 && !changes_.ahead && !changes_.header &&
                            tree_.layout().size() == stored_.fields.size;
  if (!written && !changed_before && nothing_held) {
    // A write that met damage first: nobody becomes the author of what they did not change.
    changes_.content = false;
    tree_.Discard();
  }
  return written;
}

Status DocumentImpl::WriteParts(BlockContexts& contexts, uint64_t offset, ByteSpan data) {
  const uint64_t end = offset + data.size();
  if (end > tree_.layout().size()) RECRYPT_TRY(Resize(contexts, end));
  for (size_t done = 0; done < data.size();) {
    const uint64_t at = offset + done;
    const uint64_t group = at / kGroupBytes;
    const uint64_t from = at % kGroupBytes;
    const size_t part = std::min<uint64_t>(data.size() - done, kGroupBytes - from);
    const bool ahead = (NeverCommitted() || changes_.ahead) && MayGoAhead(group);
    if (ahead && part == kGroupBytes) {
      RECRYPT_TRY(WriteAhead(contexts, group, data.data() + done));
    } else {
      RECRYPT_TRY(WriteInGroup(contexts, group, from, data.subspan(done, part)));
      const DirtyBlocks::Group* held = blocks_.FindGroup(group);
      if (ahead && held != nullptr && held->count == kGroupBlocks) {
        RECRYPT_TRY(WriteAhead(contexts, group, nullptr));
      }
    }
    done += part;
  }
  if (!changes_.ahead && BytesHeld() > kGoAheadAbove) return WriteFullGroupsAhead(contexts);
  return {};
}

// The group's table as one to be changed. All blocks of a group are under one data key: those under
// an older one are taken into memory, to be encrypted again with the group.
Result<ChangedNode*> DocumentImpl::TouchGroup(BlockContexts& contexts, uint64_t group) {
  RECRYPT_ASSIGN(ChangedNode * table, tree_.Touch(contexts.hasher(), 0, group));
  Node& node = table->node;
  if (node.key() == keys_->newest()) return table;
  for (uint64_t i = 0; i < node.entries(); ++i) {
    const uint64_t block = group * kGroupBlocks + i;
    if (!node.IsZero(i) && blocks_.Find(block) == nullptr) {
      RECRYPT_TRY(LoadBlock(contexts, node, block));
    }
  }
  node.SetKey(keys_->newest());
  table->whole = true;
  return table;
}

// Takes a stored block into memory, to be written again.
Status DocumentImpl::LoadBlock(BlockContexts& contexts, const Node& table, uint64_t block) {
  const uint64_t length = tree_.layout().BytesInBlock(block);
  const MutableByteSpan scratch = contexts.Scratch(kBlockSize).first(length);
  RECRYPT_TRY(ReadStored(BlockOffset(block), scratch));
  if (!contexts.OpenBlock(table.key(), block, scratch, table.Entry(block % kGroupBlocks),
                          scratch.data())) {
    return Fail(ErrorCode::kCorrupt, "block " + std::to_string(block) + " does not authenticate");
  }
  uint8_t* held = blocks_.Add(block);
  std::memcpy(held, scratch.data(), length);
  std::memset(held + length, 0, kBlockSize - length);
  return {};
}

Status DocumentImpl::WriteInGroup(BlockContexts& contexts, uint64_t group, uint64_t from,
                                  ByteSpan data) {
  RECRYPT_ASSIGN(ChangedNode * table, TouchGroup(contexts, group));
  for (size_t done = 0; done < data.size();) {
    const uint64_t at = from + done;
    const uint64_t block = group * kGroupBlocks + at / kBlockSize;
    const size_t part = std::min<uint64_t>(data.size() - done, kBlockSize - at % kBlockSize);
    RECRYPT_TRY(WriteInBlock(contexts, *table, block, at % kBlockSize, data.subspan(done, part)));
    done += part;
  }
  return {};
}

Status DocumentImpl::WriteInBlock(BlockContexts& contexts, ChangedNode& table, uint64_t block,
                                  uint64_t from, ByteSpan data) {
  uint8_t* held = blocks_.Find(block);
  if (held == nullptr) {
    const bool all = from == 0 && data.size() == tree_.layout().BytesInBlock(block);
    if (!all && !table.node.IsZero(block % kGroupBlocks)) {
      RECRYPT_TRY(LoadBlock(contexts, table.node, block));
      held = blocks_.Find(block);
    } else {
      held = blocks_.Add(block);
      if (data.size() < kBlockSize) std::memset(held, 0, kBlockSize);
    }
  }
  std::memcpy(held + from, data.data(), data.size());
  return {};
}

// Sets the size; the block at the shorter end is encrypted again when its length changes.
Status DocumentImpl::Resize(BlockContexts& contexts, uint64_t size) {
  const Layout& layout = tree_.layout();
  const uint64_t old = layout.size();
  const uint64_t cut = std::min(old, size);
  if (cut % kBlockSize != 0) {
    const uint64_t block = cut / kBlockSize;
    if (blocks_.Find(block) == nullptr) {
      RECRYPT_ASSIGN(const NodeRef table, tree_.Get(contexts.hasher(), 0, block / kGroupBlocks));
      if (table && !table->IsZero(block % kGroupBlocks)) {
        RECRYPT_ASSIGN(ChangedNode * changed, TouchGroup(contexts, block / kGroupBlocks));
        if (blocks_.Find(block) == nullptr) {
          RECRYPT_TRY(LoadBlock(contexts, changed->node, block));
        }
      }
    }
    uint8_t* held = blocks_.Find(block);
    if (held != nullptr && size < old) {
      std::memset(held + cut % kBlockSize, 0, kBlockSize - cut % kBlockSize);
    }
  }
  const uint64_t old_groups = layout.groups();
  RECRYPT_TRY(tree_.Resize(contexts.hasher(), size));
  // The tables at either end move, into places where other bytes may stand.
  AddRange(changes_.edges, old_groups - std::min<uint64_t>(old_groups, 1), old_groups);
  AddRange(changes_.edges, layout.groups() - std::min<uint64_t>(layout.groups(), 1),
           layout.groups());
  if (size < old) {
    blocks_.EraseRange(layout.blocks(), ~uint64_t{0});
    AddRange(changes_.cleared, layout.groups(), old_groups);
  }
  return {};
}

Status DocumentImpl::Truncate(uint64_t size) {
  if (size > kMaxContentSize) {
    return Fail(ErrorCode::kInvalid, "a document has at most 2^60 bytes");
  }
  std::lock_guard operation(operation_);
  std::unique_lock lock(state_mutex_);
  if (size == tree_.layout().size()) return {};
  changes_.content = true;
  auto contexts = cipher_->Borrow();
  return Resize(*contexts, size);
}

Status DocumentImpl::PunchHole(uint64_t offset, uint64_t length) {
  std::lock_guard operation(operation_);
  std::unique_lock lock(state_mutex_);
  const uint64_t size = tree_.layout().size();
  if (offset >= size || length == 0) return {};
  if (BytesHeld() > 2 * kMaxDirtyBytes) {
    return Fail(ErrorCode::kBusy, "too much is written and not committed");
  }
  const uint64_t end = length > size - offset ? size : offset + length;
  changes_.content = true;
  auto contexts = cipher_->Borrow();
  // Whole blocks from `first` on and before `last`; the last block of the document may be short.
  const uint64_t first = (offset + kBlockSize - 1) / kBlockSize;
  const uint64_t last = end == size ? tree_.layout().blocks() : end / kBlockSize;
  if (first >= last) return ZeroBytes(*contexts, offset, end);
  RECRYPT_TRY(ZeroBytes(*contexts, offset, first * kBlockSize));
  RECRYPT_TRY(ClearBlocks(*contexts, first, last));
  if (end == size) return {};
  return ZeroBytes(*contexts, last * kBlockSize, end);
}

// Writes zeros over part of a block, or of two, unless they are holes.
Status DocumentImpl::ZeroBytes(BlockContexts& contexts, uint64_t from, uint64_t to) {
  static constexpr uint8_t kZeros[kBlockSize] = {};
  while (from < to) {
    const uint64_t block = from / kBlockSize;
    const uint64_t part = std::min(to - from, kBlockSize - from % kBlockSize);
    RECRYPT_ASSIGN(const auto data, FirstInGroup(contexts, block, BlockKind::kData));
    if (data == block) {
      RECRYPT_TRY(WriteInGroup(contexts, block / kGroupBlocks, from % kGroupBytes,
                               {kZeros, static_cast<size_t>(part)}));
    }
    from += part;
  }
  return {};
}

// Makes blocks [first, end) holes: groups as wholes where they are covered.
Status DocumentImpl::ClearBlocks(BlockContexts& contexts, uint64_t first, uint64_t end) {
  const uint64_t blocks = tree_.layout().blocks();
  const uint64_t first_group = (first + kGroupBlocks - 1) / kGroupBlocks;
  const uint64_t end_group = end == blocks ? tree_.layout().groups() : end / kGroupBlocks;
  const auto clear_part = [&](uint64_t from, uint64_t to) -> Status {
    if (from >= to) return {};
    RECRYPT_ASSIGN(const bool hole, tree_.IsHole(contexts.hasher(), 0, from / kGroupBlocks));
    if (hole) return {};
    RECRYPT_ASSIGN(ChangedNode * table, tree_.Touch(contexts.hasher(), 0, from / kGroupBlocks));
    for (uint64_t block = from; block < to; ++block) {
      table->node.ClearEntry(block % kGroupBlocks);
      table->entries.set(block % kGroupBlocks);
    }
    blocks_.EraseRange(from, to);
    return {};
  };
  if (first_group >= end_group) {
    const uint64_t edge = std::min(end, first_group * kGroupBlocks);
    RECRYPT_TRY(clear_part(first, edge));
    return clear_part(edge, end);
  }
  RECRYPT_TRY(clear_part(first, first_group * kGroupBlocks));
  RECRYPT_TRY(tree_.ClearGroups(contexts.hasher(), first_group, end_group));
  blocks_.EraseRange(first_group * kGroupBlocks, end_group * kGroupBlocks);
  AddRange(changes_.cleared, first_group, end_group);
  return clear_part(end_group * kGroupBlocks, end);
}

void DocumentImpl::AddRange(Ranges& ranges, uint64_t first, uint64_t end) {
  if (first >= end) return;
  auto at = ranges.upper_bound(first);
  if (at != ranges.begin() && std::prev(at)->second >= first) {
    --at;
    first = at->first;
  }
  while (at != ranges.end() && at->first <= end) {
    end = std::max(end, at->second);
    at = ranges.erase(at);
  }
  ranges.emplace(first, end);
}

void DocumentImpl::Discard() {
  std::lock_guard operation(operation_);
  std::unique_lock lock(state_mutex_);
  if (stored_.file_size > stored_.end) {
    // Best effort: what stays is cut by the next writer.
    if (file_->Truncate(stored_.end)) stored_.file_size = stored_.end;
  }
  changes_ = {};
  blocks_.Clear();
  tree_.Discard();
  if (before_ && !NeverCommitted()) {
    keys_ = before_->keys;
    expression_ = before_->expression;
    header_digest_ = before_->header_digest;
    block_writes_ = before_->block_writes;
    cipher_ = std::make_unique<BlockCipher>(keys_);
  }
  before_.reset();
  attributes_ = stored_.fields.attributes;
}

Status DocumentImpl::ReplaceHeader(const SealedHeader& header, std::vector<DataKey> keys) {
  std::lock_guard operation(operation_);
  std::unique_lock lock(state_mutex_);
  if (header.header.uid != keys_->uid() || header.region.size() != kHeaderRegion) {
    return Fail(ErrorCode::kInvalid, "the header is not one of this document");
  }
  RECRYPT_ASSIGN(DataKeys made, DataKeys::Make(keys_->uid(), std::move(keys)));
  if (!made.Has(keys_->newest())) {
    return Fail(ErrorCode::kInvalid, "the new header lacks the document's newest data key");
  }
  if (!before_) before_ = Before{keys_, expression_, header_digest_, block_writes_};
  if (made.newest() != keys_->newest()) block_writes_ = 0;
  keys_ = std::make_shared<const DataKeys>(std::move(made));
  cipher_ = std::make_unique<BlockCipher>(keys_);
  expression_ = header.header.expression;
  header_digest_ = header.header.digest;
  header_region_ = header.region;
  changes_.header = true;
  return {};
}

}  // namespace recrypt
