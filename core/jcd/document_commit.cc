#include <cstring>

#include "core/jcd/document_impl.h"
#include "core/jcd/provisional.h"

namespace recrypt {

namespace {

constexpr uint64_t kRoomToGrow = uint64_t{256} << 10;

}  // namespace

Status DocumentImpl::Commit(const Author* author, Durability durability) {
  std::lock_guard operation(operation_);
  bool dirty = false;
  bool ahead = false;
  bool in_the_way = false;
  {
    std::shared_lock lock(state_mutex_);
    dirty = Dirty();
    ahead = changes_.ahead && !NeverCommitted();
    in_the_way = MustApplyFirst();
  }
  if (sync_failed_) RECRYPT_TRY(SyncFile());
  if (!dirty) return durability == Durability::kSynced ? SyncFile() : Status{};
  if (in_the_way) RECRYPT_TRY(ApplyRecords());
  // Promise: a record that is in the file is of a state whose groups written ahead are there too.
  if (ahead) RECRYPT_TRY(SyncFile());
  Written commit;
  {
    std::unique_lock lock(state_mutex_);
    RECRYPT_ASSIGN(commit, WriteChanges(author));
  }
  // Promise: what was written before a synced commit is there after a crash. When this fails, the
  // changes are still in memory, and are written again by the next commit.
  if (durability == Durability::kSynced) RECRYPT_TRY(SyncFile());
  std::unique_lock lock(state_mutex_);
  TakeAsCommitted(std::move(commit), durability);
  if (durability == Durability::kSynced) NoteDurable();
  return {};
}

// All of the file was synced since it was last written to. The note may wait: without it a document
// is read as a whole when it is next loaded, and then it is made again.
void DocumentImpl::NoteDurable() {
  if (provisional_ && ConfirmDurable(*file_)) provisional_ = false;
}

// Applying a document that reaches over its records would destroy them half-way; new groups may be
// holes, for which no old bytes must stand behind the document; and no record follows a chain of
// which a part is in place already, or losing it would lose the document.
bool DocumentImpl::MustApplyFirst() const {
  if (stored_.last_record == 0) return false;
  const Layout& layout = tree_.layout();
  const uint64_t groups = Layout(stored_.fields.size).groups();
  return stored_.partly_applied || layout.StoredLength() > stored_.first_record ||
         (layout.groups() > groups && GroupStart(groups) < stored_.end);
}

Result<DocumentImpl::Written> DocumentImpl::WriteChanges(const Author* author) {
  RECRYPT_TRY(PrepareFile());
  auto contexts = cipher_->Borrow();
  WriteList writes;
  RECRYPT_TRY(GatherWrites(*contexts, writes));
  Written commit;
  TrailerFields& fields = commit.fields;
  fields.key = keys_->newest();
  fields.generation = stored_.fields.generation + 1;
  fields.size = tree_.layout().size();
  fields.block_writes = block_writes_;
  fields.root = tree_.root();
  fields.attributes = attributes_;
  fields.header = header_digest_;
  RECRYPT_ASSIGN(commit.entries, SignState(fields, author));
  RECRYPT_ASSIGN(const SealedPart part, ComposeEntries(commit.entries));
  commit.trailer = SealTrailer(fields, part, *keys_);
  commit.length = tree_.layout().StoredLength();
  writes.Add(tree_.layout().DataEnd(), commit.trailer);
  if (NeverCommitted()) {
    RECRYPT_TRY(WriteInPlace(writes, commit));
  } else {
    RECRYPT_TRY(WriteRecord(writes, commit));
  }
  return commit;
}

// What the writes of a commit take, with a little to spare.
size_t DocumentImpl::RoomForWrites() const {
  size_t writes = 0, bytes = kHeaderRegion + kTrailerSize + (size_t{64} << 10);
  for (const auto& [group, held] : blocks_.groups()) {
    writes += 1 + 2 * held.count;  // the blocks, and their entries in the table
    bytes += kSlotSize + held.count * (kBlockSize + kEntrySize);
  }
  for (int level = 0; level <= tree_.layout().top(); ++level) {
    for (const auto& [number, changed] : tree_.Changed(level)) {
      const size_t parts = changed.whole ? 1 : changed.entries.count();
      writes += parts + 1;  // and its entry in the index block above
      bytes += changed.whole ? changed.node.bytes().size() : parts * kEntrySize;
      bytes += kHashSize;
    }
  }
  return bytes + writes * WriteList::kHead;
}

// Everything that makes the new state of the stored one, but for the trailer.
Status DocumentImpl::GatherWrites(BlockContexts& contexts, WriteList& writes) {
  // A new data key since they were written takes the rest of their groups along.
  std::vector<uint64_t> groups;
  for (const auto& [group, held] : blocks_.groups()) groups.push_back(group);
  for (const uint64_t group : groups) RECRYPT_TRY(TouchGroup(contexts, group));
  writes.MakeRoom(RoomForWrites());
  GatherHead(writes);
  std::vector<BlockContexts::Job> jobs;
  jobs.reserve(blocks_.bytes() / kBlockSize);
  std::vector<Copy> copies;
  const auto copy = [&] {
    for (const Copy& part : copies) std::memcpy(part.to, part.from.data(), part.from.size());
    copies.clear();
  };
  for (const auto& [group, table] : tree_.Changed(0)) {
    GatherGroup(group, writes, jobs);
    GatherNode(0, group, table, writes, copies);
  }
  // All of them at once, so that all processors have something to do.
  cipher_->Seal(keys_->newest(), jobs);
  block_writes_ += jobs.size();
  copy();
  RECRYPT_TRY(GatherCleared(contexts, writes));
  tree_.HashChanged(contexts.hasher());
  for (int level = 1; level <= tree_.layout().top(); ++level) {
    for (const auto& [number, index] : tree_.Changed(level)) {
      GatherNode(level, number, index, writes, copies);
      copy();
    }
  }
  return {};
}

// Header and slot 0, as far as they change.
void DocumentImpl::GatherHead(WriteList& writes) {
  // A header without a byte to spare goes without: what is torn of such a document is damage.
  if (NeverCommitted() && header_region_[kProvisionalAt] == kConfirmedMark) {
    header_region_[kProvisionalAt] = kProvisionalMark;
    provisional_ = true;
  }
  if (NeverCommitted() || changes_.header) {
    writes.Add(0, ByteSpan(header_region_).first(kSlot0));
  }
  const uint64_t size = tree_.layout().size();
  if (!NeverCommitted() && size == stored_.fields.size) return;
  ByteArray<kSlotSize> slot{0x8B};
  StoreU64(&slot[1], tree_.layout().DataEnd() - kHeaderRegion);
  writes.Add(kSlot0, slot);
}

// Makes room for the blocks held of a group, each run of them in one write, and the jobs that fill
// it. Their key is the newest.
void DocumentImpl::GatherGroup(uint64_t group, WriteList& writes,
                               std::vector<BlockContexts::Job>& jobs) {
  const DirtyBlocks::Group* held = blocks_.FindGroup(group);
  if (held == nullptr) return;
  ChangedNode& table = *tree_.FindChanged(0, group);
  const bool is_new = group * kGroupBytes >= stored_.fields.size;
  if (group > 0 && is_new && held->blocks[0]) {
    writes.Add(GroupStart(group) - kSlotSize, ByteArray<kSlotSize>{});
  }
  for (uint64_t i = 0; i < table.node.entries(); ++i) {
    if (held->blocks[i] == nullptr) continue;
    const uint64_t block = group * kGroupBlocks + i;
    const size_t length = tree_.layout().BytesInBlock(block);
    jobs.push_back({block,
                    {held->blocks[i]->data(), length},
                    writes.Reserve(BlockOffset(block), length),
                    table.node.MutableEntry(i)});
    table.entries.set(i);
  }
}

// Makes room for what differs of a table or index block. One that is zero, and of which no block is
// held, is not looked at, but a stream reads it: where other bytes may stand, zeros are written.
void DocumentImpl::GatherNode(int level, uint64_t number, const ChangedNode& changed,
                              WriteList& writes, std::vector<Copy>& copies) {
  const uint64_t offset = tree_.layout().NodeOffset(level, number);
  const Node& node = changed.node;
  const bool holds_blocks = level == 0 && blocks_.FindGroup(number) != nullptr;
  if (!holds_blocks && node.IsZero()) {
    const uint64_t written = std::max(stored_.end, changes_.ahead_end);
    if (level == 0 && offset < written) writes.AddZeros(offset, node.bytes().size());
    return;
  }
  const auto add = [&](uint64_t from, uint64_t end) {
    const ByteSpan part = ByteSpan(node.bytes()).subspan(from, end - from);
    copies.push_back({writes.Reserve(offset + from, part.size()), part});
  };
  if (changed.whole) return add(0, node.bytes().size());
  for (uint64_t i = 0; i < node.entries(); ++i) {
    if (changed.entries[i]) add(node.EntryAt(i), node.EntryAt(i + 1));
  }
}

// Zeros for the tables of groups that are holes now, where other bytes may stand
// (docs/FORMAT.md, 3.3).
Status DocumentImpl::GatherCleared(BlockContexts& contexts, WriteList& writes) {
  const uint64_t written = std::max(stored_.end, changes_.ahead_end);
  const Layout& layout = tree_.layout();
  Ranges groups = changes_.edges;
  for (const auto& [first, end] : changes_.cleared) {
    RECRYPT_ASSIGN(const std::vector<uint64_t> data, WrittenGroups(contexts, first, end));
    for (const uint64_t group : data) AddRange(groups, group, group + 1);
  }
  for (const auto& [first, end] : groups) {
    for (uint64_t group = first; group < std::min(end, layout.groups()); ++group) {
      const uint64_t offset = layout.NodeOffset(0, group);
      if (offset >= written) break;
      RECRYPT_ASSIGN(const bool hole, tree_.IsHole(contexts.hasher(), 0, group));
      if (hole) writes.AddZeros(offset, layout.NodeBytes(0, group));
    }
  }
  return {};
}

// The groups of a range whose tables are in the file: in the committed state, or ahead of this one.
Result<std::vector<uint64_t>> DocumentImpl::WrittenGroups(BlockContexts& contexts, uint64_t first,
                                                          uint64_t end) {
  end = std::min(end, tree_.layout().groups());
  RECRYPT_ASSIGN(std::vector<uint64_t> groups,
                 tree_.StoredDataGroups(contexts.hasher(), first, end));
  for (const auto& [ahead, ahead_end] : changes_.ahead_groups) {
    for (uint64_t group = std::max(first, ahead); group < std::min(end, ahead_end); ++group) {
      groups.push_back(group);
    }
  }
  return groups;
}

Result<SignatureEntries> DocumentImpl::SignState(const TrailerFields& fields,
                                                 const Author* author) {
  const bool anyone = trust_known_ && AnyoneMayWrite(expression_, trust_);
  if (author == nullptr) {
    if (anyone || !trust_known_) return SignatureEntries{};
    return Fail(ErrorCode::kDenied, "the document's label asks for a writer with a credential");
  }
  const bool wrapped_only = !NeverCommitted() && !changes_.content;
  SignatureEntries entries;
  if (wrapped_only && stored_.entries.empty() && anyone) return entries;
  // Who wrapped the header again does not become the author, as long as the author's credential is
  // of a label that the document still has.
  const auto still_trusted = [&] {
    if (!trust_known_) return before_ && before_->expression == expression_;
    return CheckCredential(stored_.entries[0].credential, expression_, trust_, 0,
                           CredentialEpoch::kAny)
        .has_value();
  };
  if (wrapped_only && !stored_.entries.empty() && still_trusted()) {
    SignatureEntry earlier = stored_.entries[0];
    if (earlier.kind == EntryKind::kAuthor) {
      earlier.kind = EntryKind::kEarlierAuthor;
      earlier.header = stored_.fields.header;
      earlier.generation = stored_.fields.generation;
    }
    entries.push_back(std::move(earlier));
  }
  const EntryKind kind = entries.empty() ? EntryKind::kAuthor : EntryKind::kWrapper;
  RECRYPT_ASSIGN(SignatureEntry own, SignEntry(kind, keys_->uid(), fields, *author));
  entries.push_back(std::move(own));
  return entries;
}

// A document that was never committed: nothing in the file can be lost. The trailer comes last.
Status DocumentImpl::WriteInPlace(const WriteList& writes, Written& commit) {
  if (stored_.file_size > commit.length) {
    RECRYPT_TRY(file_->Truncate(commit.length));
    stored_.file_size = commit.length;
  }
  for (const WriteList::Entry& write : writes.entries()) {
    const Bytes zeros(write.zeros ? write.length : 0);
    const Status written =
        file_->WriteAt(write.offset, write.zeros ? ByteSpan(zeros) : writes.BytesOf(write));
    NoteWritten(written, write.offset + write.length);
    RECRYPT_TRY(written);
  }
  commit.end = commit.length;
  return {};
}

Status DocumentImpl::WriteRecord(WriteList& writes, Written& commit) {
  if (!FitsIntoRecord(writes)) {
    return Fail(ErrorCode::kInvalid, "more was changed than a commit record holds");
  }
  RecordFields record;
  record.key = stored_.fields.key;
  record.base_length = stored_.length;
  record.new_size = commit.fields.size;
  record.new_length = commit.length;
  record.position = std::max(stored_.end, record.new_length);
  // What grows will grow on: with room in front of the first record it can do so without applying.
  const bool grows = record.new_length > stored_.length;
  if (stored_.last_record == 0 && grows) record.position += kRoomToGrow;
  record.previous = stored_.last_record;
  record.followed = stored_.trailer;
  if (stored_.file_size > record.position) {
    RECRYPT_TRY(file_->Truncate(record.position));
    stored_.file_size = record.position;
  }
  commit.writes = writes.entries();
  commit.record = SealRecord(writes, record, *(before_ ? before_->keys : keys_));
  commit.start = record.position;
  commit.end = record.position + commit.record.size();
  const Status written = file_->WriteAt(record.position, commit.record);
  NoteWritten(written, commit.end);
  return written;
}

void DocumentImpl::TakeRecord(const Written& commit) {
  stored_.overlay.Add(commit.writes, commit.record, commit.start);
  if (stored_.last_record == 0) {
    stored_.base_length = stored_.length;
    stored_.first_record = commit.start;
  }
  stored_.last_record = commit.start;
}

void DocumentImpl::TakeAsCommitted(Written commit, Durability durability) {
  if (!commit.record.empty()) TakeRecord(commit);
  stored_.length = commit.length;
  stored_.end = commit.end;
  if (durability == Durability::kVisible) AddRange(unsynced_, commit.start, commit.end);
  Authorship who;
  for (const SignatureEntry& entry : commit.entries) {
    const auto credential = ParseCredential(entry.credential);
    if (!credential) continue;  // verified or signed here before
    (entry.kind == EntryKind::kWrapper ? who.wrapper : who.author) = credential->fields.subject;
  }
  if (who.wrapper.empty()) who.wrapper = who.author;
  authorship_ = who;
  stored_.fields = commit.fields;
  stored_.trailer = commit.trailer;
  stored_.entries = std::move(commit.entries);
  tree_.Committed();
  blocks_.Clear();
  changes_ = {};
  before_.reset();
  header_region_ = {};
  ahead_buffer_ = {};
}

Status DocumentImpl::Apply() {
  std::lock_guard operation(operation_);
  {
    std::shared_lock lock(state_mutex_);
    if (stored_.last_record == 0) return {};
    if (Dirty()) return Fail(ErrorCode::kBusy, "there are changes that are not committed");
  }
  return ApplyRecords();
}

Status DocumentImpl::ApplyRecords() {
  {
    std::unique_lock lock(state_mutex_);
    RECRYPT_TRY(EndInFooter());
  }
  {
    std::shared_lock lock(state_mutex_);
    RECRYPT_TRY(PutRecordsInPlace());
  }
  std::unique_lock lock(state_mutex_);
  const bool shorter = stored_.length < stored_.base_length;
  RECRYPT_TRY(CutRecords());
  // What is cut off may hold the trailer of an older state, in its place: it must not come back
  // when the next record has been written behind it.
  return shorter ? SyncFile() : Status{};
}

// A crash may have cut the last record's footer off, or left a part of a later commit behind it.
// Who finds an apply half-way must be led to the records, before it takes the trailer that was put
// in place for the state.
Status DocumentImpl::EndInFooter() {
  RECRYPT_TRY(LearnFileSize());
  RECRYPT_ASSIGN(const bool as_stored, FileIsAsStored());
  if (!as_stored) return Fail(ErrorCode::kStale, "the stored file was changed by somebody else");
  RECRYPT_ASSIGN(const RecordFields last,
                 PeekRecord(*file_, stored_.last_record, stored_.file_size));
  const Bytes wanted =
      PaddedFooter(last.end, {stored_.last_record, stored_.length, stored_.fields.size});
  const uint64_t end = last.end + wanted.size();
  if (stored_.file_size == end) {
    Bytes found(wanted.size());
    RECRYPT_TRY(ReadExactly(*file_, last.end, found));
    if (found == wanted) return {};
  }
  RECRYPT_TRY(file_->Truncate(last.end));
  stored_.file_size = last.end;
  const Status written = file_->WriteAt(last.end, wanted);
  NoteWritten(written, end);
  RECRYPT_TRY(written);
  AddRange(unsynced_, last.end, end);
  stored_.end = end;
  return {};
}

// What is read meanwhile is the same before and after.
Status DocumentImpl::PutRecordsInPlace() {
  // Promise: the records are durable before the first byte that they replace is overwritten.
  RECRYPT_TRY(SyncFile());
  NoteDurable();
  stored_.partly_applied = true;
  const uint64_t trailer_at = stored_.base_length - kTrailerSize;
  for (const auto& [offset, piece] : stored_.overlay.pieces()) {
    const uint64_t end = offset + piece.length;
    RECRYPT_TRY(PutInPlace(offset, std::min(end, trailer_at)));
    RECRYPT_TRY(PutInPlace(std::max(offset, stored_.base_length), end));
  }
  // The place of the base's trailer is one write: who finds it half-way tells by whole sectors. No
  // part of the trailer stays, lest it be found in a hole or, should the cut be lost, behind the
  // end.
  TrailerBytes place{};
  RECRYPT_TRY(stored_.overlay.Patch(*file_, trailer_at, place));
  const uint64_t keep = std::clamp(stored_.length, trailer_at, stored_.base_length) - trailer_at;
  std::fill(place.begin() + static_cast<ptrdiff_t>(keep), place.end(), uint8_t{0});
  RECRYPT_TRY(file_->WriteAt(trailer_at, place));
  // Promise: what the records replaced is durable before they are cut off. When this
  // fails, the next attempt puts everything in place again.
  return SyncFile();
}

// Writes the bytes of the state from `offset` on and before `end`, as far as it reaches, in place.
Status DocumentImpl::PutInPlace(uint64_t offset, uint64_t end) {
  end = std::min(end, stored_.length);
  Bytes buffer;
  for (uint64_t at = offset; at < end; at += buffer.size()) {
    buffer.resize(std::min(kGroupBytes, end - at));
    RECRYPT_TRY(ReadStored(at, buffer));
    RECRYPT_TRY(file_->WriteAt(at, buffer));
  }
  return {};
}

Status DocumentImpl::CutRecords() {
  RECRYPT_TRY(file_->Truncate(stored_.length));
  stored_.overlay = {};
  stored_.partly_applied = false;
  stored_.base_length = 0;
  stored_.first_record = 0;
  stored_.last_record = 0;
  stored_.end = stored_.length;
  stored_.file_size = stored_.length;
  return {};
}

}  // namespace recrypt
