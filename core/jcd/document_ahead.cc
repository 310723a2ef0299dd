// Groups that are written ahead of the commit, behind everything that is committed.
#include <cstring>

#include "core/jcd/document_impl.h"

namespace recrypt {
namespace {

// Table, index blocks and footer: mostly enough.
constexpr size_t kBehindGroup = kFullTable + 2 * kFullIndex;

}  // namespace

// Whole groups that stand behind all committed bytes, slot included.
bool DocumentImpl::MayGoAhead(uint64_t group) const {
  if (tree_.layout().size() < (group + 1) * kGroupBytes) return false;
  return NeverCommitted() || (group > 0 && GroupStart(group) - kSlotSize >= stored_.end);
}

// Before the first byte is written: nobody else has committed, and what an unfinished commit left
// behind the last state is cut.
Status DocumentImpl::PrepareFile() {
  RECRYPT_TRY(LearnFileSize());
  if (changes_.checked) return {};
  RECRYPT_ASSIGN(const bool as_stored, FileIsAsStored());
  if (!as_stored) {
    return Fail(ErrorCode::kStale, "the stored file was changed by somebody else");
  }
  if (stored_.file_size > stored_.end) {
    RECRYPT_TRY(file_->Truncate(stored_.end));
    stored_.file_size = stored_.end;
  }
  changes_.checked = true;
  return {};
}

Status DocumentImpl::Reserve() {
  std::lock_guard operation(operation_);
  std::unique_lock lock(state_mutex_);
  if (!NeverCommitted() || changes_.ahead) return {};
  RECRYPT_TRY(PrepareFile());
  const uint64_t length = tree_.layout().StoredLength();
  if (stored_.file_size >= length) return {};
  static constexpr uint8_t kZeros[kHeaderRegion + (size_t{64} << 10)] = {};
  while (stored_.file_size < length) {
    const size_t part = std::min<uint64_t>(length - stored_.file_size, sizeof kZeros);
    const Status written = file_->WriteAt(stored_.file_size, {kZeros, part});
    NoteWritten(written, stored_.file_size + part);
    RECRYPT_TRY(written);
  }
  return {};
}

// Encrypts a whole group, from `content` or, when that is null, from the blocks held, and writes it
// with its slot, its table and the index blocks that end with it. Behind the last group stands a
// footer, so that the file's length names the committed state until the commit.
Status DocumentImpl::WriteAhead(BlockContexts& contexts, uint64_t group, const uint8_t* content) {
  RECRYPT_TRY(PrepareFile());
  if (stored_.last_record != 0) {
    // The document is going to reach over its records.
    RECRYPT_TRY(PutRecordsInPlace());
    RECRYPT_TRY(CutRecords());
  }
  RECRYPT_ASSIGN(ChangedNode * table, tree_.Touch(contexts.hasher(), 0, group));
  SealAhead(group, content, table->node);
  table->whole = true;
  const auto append = [this](ByteSpan more) {
    ahead_buffer_.insert(ahead_buffer_.end(), more.begin(), more.end());
  };
  append(table->node.bytes());
  int levels = 1;
  for (; (group + 1) % GroupsCovered(levels) == 0; ++levels) {
    tree_.Settle(contexts.hasher(), levels - 1, group / GroupsCovered(levels - 1));
    const Node* index = tree_.Settled(levels, group / GroupsCovered(levels));
    if (index == nullptr) break;
    append(index->bytes());
  }
  const uint64_t start = GroupStart(group) - (group == 0 ? 0 : kSlotSize);
  const uint64_t end = start + ahead_buffer_.size();
  const Footer footer{0, stored_.length, stored_.fields.size};
  if (end > changes_.ahead_end) append(PaddedFooter(end, footer));
  changes_.ahead = true;
  const Status written = file_->WriteAt(start, ahead_buffer_);
  NoteWritten(written, start + ahead_buffer_.size());
  if (!written) {
    // The table names blocks that are not in the file: they stay in memory for the next attempt.
    for (uint64_t i = 0; content != nullptr && i < kGroupBlocks; ++i) {
      std::memcpy(blocks_.Add(group * kGroupBlocks + i), content + i * kBlockSize, kBlockSize);
    }
    return written;
  }
  changes_.ahead_end = std::max(changes_.ahead_end, end);
  AddRange(changes_.ahead_groups, group, group + 1);
  AddRange(unsynced_, start, start + ahead_buffer_.size());
  blocks_.EraseGroup(group);
  for (int level = 0; level < levels; ++level) {
    tree_.TakeStored(contexts.hasher(), level, group / GroupsCovered(level));
  }
  return {};
}

// Fills ahead_buffer_ with slot and ciphertext of a group, and the table with its entries.
void DocumentImpl::SealAhead(uint64_t group, const uint8_t* content, Node& table) {
  const size_t slot = group == 0 ? 0 : kSlotSize;
  ahead_buffer_.reserve(slot + kGroupBytes + kBehindGroup);
  ahead_buffer_.resize(slot + kGroupBytes);
  std::memset(ahead_buffer_.data(), 0, slot);
  const DirtyBlocks::Group* held = blocks_.FindGroup(group);
  std::vector<BlockContexts::Job> jobs;
  jobs.reserve(kGroupBlocks);
  for (uint64_t i = 0; i < kGroupBlocks; ++i) {
    const uint8_t* plain = content != nullptr ? content + i * kBlockSize : held->blocks[i]->data();
    jobs.push_back({group * kGroupBlocks + i,
                    {plain, kBlockSize},
                    &ahead_buffer_[slot + i * kBlockSize],
                    table.MutableEntry(i)});
  }
  table.SetKey(keys_->newest());
  cipher_->Seal(keys_->newest(), jobs);
  block_writes_ += kGroupBlocks;
}

Status DocumentImpl::WriteFullGroupsAhead(BlockContexts& contexts) {
  std::vector<uint64_t> full;
  for (const auto& [group, held] : blocks_.groups()) {
    if (held.count == kGroupBlocks && MayGoAhead(group)) full.push_back(group);
  }
  for (const uint64_t group : full) RECRYPT_TRY(WriteAhead(contexts, group, nullptr));
  return {};
}

}  // namespace recrypt
