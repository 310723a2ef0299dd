// Durability, also where the disk fails. A sync that failed tells that some of what was written
// before is lost, once: the system may have dropped those pages, and say success at the next sync.
// So the bytes in question are written again before a later sync is believed.
#include <algorithm>

#include "core/jcd/document_impl.h"

namespace recrypt {
namespace {

constexpr size_t kCopyBytes = size_t{1} << 20;

}  // namespace

// Makes everything that was written durable.
Status DocumentImpl::SyncFile() {
  if (sync_failed_) RECRYPT_TRY(WriteAgain());
  const Status synced = file_->SyncData();
  sync_failed_ = !synced;
  if (synced) unsynced_.clear();
  return synced;
}

// Writes the unsynced bytes once more. They are not in memory any more (commits that are go this
// way from there): they are what the file still shows, and have to be what they were.
Status DocumentImpl::WriteAgain() {
  Bytes buffer;
  // A commit that could not be made durable is going to be written anew, from memory.
  const uint64_t taken = std::max(stored_.end, changes_.ahead_end);
  if (!NeverCommitted() && stored_.file_size > taken) {
    RECRYPT_TRY(file_->Truncate(taken));
    stored_.file_size = taken;
  }
  RECRYPT_ASSIGN(const uint64_t size, file_->Size());
  for (const auto& [start, range_end] : unsynced_) {
    const uint64_t end = std::min(range_end, size);
    for (uint64_t at = start; at < end; at += buffer.size()) {
      buffer.resize(std::min<uint64_t>(kCopyBytes, end - at));
      RECRYPT_TRY(ReadExactly(*file_, at, buffer));
      RECRYPT_TRY(file_->WriteAt(at, buffer));
    }
  }
  Status checked = CheckWrittenAgain();
  if (checked) return {};
  return Fail(
      Error{ErrorCode::kIo, "what was written was lost on the disk: " + checked.error().message});
}

// Records are authenticated as a chain, what stands in its place block by block.
Status DocumentImpl::CheckWrittenAgain() {
  if (!NeverCommitted()) {
    const DataKeys& keys = before_ ? *before_->keys : *keys_;
    RECRYPT_ASSIGN(const StoredState state, FindLastState(*file_, keys, stored_.fields.header));
    if (state.trailer != stored_.trailer) return Fail(ErrorCode::kCorrupt, "it is an older state");
  }
  tree_.ForgetStored();
  auto contexts = cipher_->Borrow();
  const Layout& layout = tree_.layout();
  Bytes buffer;
  for (const auto& [start, end] : unsynced_) {
    const uint64_t records = stored_.last_record == 0 ? end : stored_.first_record;
    for (uint64_t group = 0; group < layout.groups(); ++group) {
      if (GroupStart(group + 1) <= start || GroupStart(group) >= std::min(end, records)) continue;
      buffer.resize(std::min(kGroupBytes, layout.size() - group * kGroupBytes));
      RECRYPT_TRY(ReadInGroup(*contexts, group, 0, buffer));
    }
  }
  return {};
}

// The file's size after a write up to `end`.
void DocumentImpl::NoteWritten(const Status& written, uint64_t end) {
  if (written) {
    stored_.file_size = std::max(stored_.file_size, end);
    return;
  }
  const auto size = file_->Size();
  if (size) {
    stored_.file_size = *size;
  } else {
    unsure_ = std::max(unsure_, end);
  }
}

// Asks for the size that could not be asked for when a write failed.
Status DocumentImpl::LearnFileSize() {
  if (unsure_ == 0) return {};
  RECRYPT_ASSIGN(const uint64_t size, file_->Size());
  if (size > stored_.file_size && size <= unsure_) stored_.file_size = size;
  unsure_ = 0;
  return {};
}

}  // namespace recrypt
