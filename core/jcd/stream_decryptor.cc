#include <algorithm>
#include <cstring>

#include "core/jcd/block_cipher.h"
#include "core/jcd/signatures.h"
#include "core/jcd/stream.h"
#include "core/jcd/tree_builder.h"

namespace recrypt {
namespace {

constexpr uint8_t kLastChunk = 0x8B;
constexpr uint8_t kChunk = 0x8F;

}  // namespace

struct StreamDecryptor::State {
  enum class Phase { kHeader, kGroup, kSlot, kTrailer, kDone };

  Status Take(ByteSpan stored);
  Status TakeHeader();
  Status TakeSlot(ByteSpan slot);
  Status TakeGroup();
  Status TakeTrailer();
  Status StartGroup(uint64_t bytes);
  Status StartLast(uint64_t end);

  HeaderOpener opener;
  int64_t now = 0;
  ByteSink sink;

  Phase phase = Phase::kHeader;
  uint64_t needed = kHeaderRegion;  // bytes of `pending` that the phase waits for
  Bytes pending;
  uint64_t taken = 0;  // bytes of the stream
  std::optional<Error> failed;

  Header header;
  std::optional<OpenedDocument> opened;
  std::optional<DataKeys> keys;
  std::optional<BlockContexts> contexts;
  bool chunked = false;
  std::optional<Layout> layout;  // known from the start, or with the last chunk
  uint64_t group = 0;
  TreeBuilder tree;
  Bytes index_blocks;  // of the tree: what the root is made of, not compared with the stream's
  Authorship authorship;
};

StreamDecryptor::StreamDecryptor(HeaderOpener opener, int64_t now, ByteSink sink)
    : state_(std::make_unique<State>()) {
  state_->opener = std::move(opener);
  state_->now = now;
  state_->sink = std::move(sink);
}

StreamDecryptor::~StreamDecryptor() = default;

const Wrapper* StreamDecryptor::wrapper() const {
  return state_->opened ? &state_->opened->wrapper : nullptr;
}

const Authorship& StreamDecryptor::authorship() const { return state_->authorship; }

Status StreamDecryptor::Write(ByteSpan stored) {
  State& state = *state_;
  if (state.failed) return Fail(*state.failed);
  while (!stored.empty()) {
    if (state.phase == State::Phase::kDone) {
      return Fail(
          ErrorCode::kInvalid,
          "its last change waits behind the document to be brought into place: decrypt it from its "
          "path into a file, or read it in a mount");
    }
    const size_t part = std::min<uint64_t>(stored.size(), state.needed - state.pending.size());
    const Status taken = state.Take(stored.first(part));
    if (!taken) {
      state.failed = taken.error();
      return taken;
    }
    stored = stored.subspan(part);
  }
  return {};
}

Status StreamDecryptor::Finish() {
  const State& state = *state_;
  if (state.failed) return Fail(*state.failed);
  if (state.phase == State::Phase::kDone) return {};
  if (state.phase == State::Phase::kHeader && !state.pending.empty()) {
    return Fail(ErrorCode::kInvalid, "this is no document in the binary layout");
  }
  return Fail(ErrorCode::kCorrupt, "the document ends early");
}

Status StreamDecryptor::State::Take(ByteSpan stored) {
  Append(pending, stored);
  taken += stored.size();
  if (pending.size() < needed) return {};
  Status done;
  if (phase == Phase::kHeader)
    done = TakeHeader();
  else if (phase == Phase::kSlot)
    done = TakeSlot(pending);
  else if (phase == Phase::kGroup)
    done = TakeGroup();
  else if (phase == Phase::kTrailer)
    done = TakeTrailer();
  pending.clear();
  return done;
}

Status StreamDecryptor::State::TakeHeader() {
  const uint8_t code = pending[kSlot0];
  if (pending[0] != '[' || (code != kLastChunk && code != kChunk)) {
    return Fail(ErrorCode::kInvalid, "this is no document in the binary layout");
  }
  RECRYPT_ASSIGN(header, ParseHeader(pending));
  RECRYPT_ASSIGN(opened, opener(header));
  std::vector<DataKey> copies;
  for (const DataKey& key : opened->wrapper.keys) copies.push_back({key.number, key.key.Clone()});
  RECRYPT_ASSIGN(keys, DataKeys::Make(header.uid, std::move(copies)));
  contexts.emplace(*keys);
  chunked = code == kChunk;
  const ByteSpan slot = ByteSpan(pending).subspan(kSlot0);
  if (chunked) return TakeSlot(slot);
  // One item for all the data: the size is known, and what stands in the other slots has no
  // meaning.
  const uint64_t bytes = LoadU64(&slot[1]);
  if (bytes > kMaxContentSize)
    return Fail(ErrorCode::kCorrupt, "the data's length is out of range");
  return StartLast(kHeaderRegion + bytes);
}

// The slot in front of a group: the framing of its chunk, or without meaning.
Status StreamDecryptor::State::TakeSlot(ByteSpan slot) {
  if (!chunked) {
    return StartGroup(layout->groups() == group + 1
                          ? layout->DataEnd() - GroupStart(group)
                          : GroupStart(group + 1) - kSlotSize - GroupStart(group));
  }
  const uint64_t bytes = LoadU64(&slot[1]);
  const uint64_t full = GroupStart(group + 1) - kSlotSize - GroupStart(group);
  if (slot[0] == kChunk && bytes == full) return StartGroup(bytes);
  // The last chunk has more index blocks behind it than others, but never many.
  if (slot[0] == kLastChunk && bytes <= full + kMaxLevels * kFullIndex) {
    return StartLast(GroupStart(group) + bytes);
  }
  return Fail(ErrorCode::kCorrupt, "a chunk of the data has another length than its group");
}

// The data end at `end`: that gives the size.
Status StreamDecryptor::State::StartLast(uint64_t end) {
  const auto size = ContentSizeOf(end + kTrailerSize);
  if (!size) return Fail(ErrorCode::kCorrupt, "no document has data of this length");
  layout.emplace(*size);
  if (layout->groups() == 0) {
    phase = Phase::kTrailer;
    needed = kTrailerSize;
    return group == 0 ? Status{} : Fail(ErrorCode::kCorrupt, "an empty last chunk");
  }
  if (chunked && layout->groups() != group + 1) {
    return Fail(ErrorCode::kCorrupt, "a chunk of the data has another length than its group");
  }
  return StartGroup(layout->groups() == group + 1
                        ? end - GroupStart(group)
                        : GroupStart(group + 1) - kSlotSize - GroupStart(group));
}

Status StreamDecryptor::State::StartGroup(uint64_t bytes) {
  phase = Phase::kGroup;
  needed = bytes;
  return {};
}

// Releases a group whose blocks all verify against its table.
Status StreamDecryptor::State::TakeGroup() {
  const Layout full((group + 1) * kGroupBytes);
  const Layout& shape = layout ? *layout : full;
  const uint64_t content = shape.BytesInGroup(group);
  Node table = Node::Zero(0, shape.BlocksInGroup(group));
  std::copy_n(pending.begin() + static_cast<ptrdiff_t>(content), table.bytes().size(),
              table.mutable_bytes().begin());
  for (uint64_t i = 0; i < table.entries(); ++i) {
    const uint64_t block = group * kGroupBlocks + i;
    const MutableByteSpan bytes =
        MutableByteSpan(pending).subspan(i * kBlockSize, shape.BytesInBlock(block));
    if (table.IsZero(i)) {
      std::memset(bytes.data(), 0, bytes.size());
    } else if (!contexts->OpenBlock(table.key(), block, bytes, table.Entry(i), bytes.data())) {
      return Fail(ErrorCode::kCorrupt, "block " + std::to_string(block) + " does not authenticate");
    }
  }
  index_blocks.clear();
  tree.AddTable(HashNode(contexts->hasher(), 0, group, table), index_blocks);
  RECRYPT_TRY(sink(ByteSpan(pending).first(content)));
  ++group;
  const bool last = layout && layout->groups() == group;
  phase = last ? Phase::kTrailer : Phase::kSlot;
  needed = last ? kTrailerSize : kSlotSize;
  return {};
}

Status StreamDecryptor::State::TakeTrailer() {
  index_blocks.clear();
  const Sha256Digest root = tree.Finish(index_blocks);
  RECRYPT_ASSIGN(const TrailerFields fields, ParseTrailer(pending));
  RECRYPT_ASSIGN(const SealedPart part, UnsealTrailer(pending, *keys));
  if (fields.size != layout->size() || fields.root != root || fields.header != header.digest) {
    return Fail(ErrorCode::kCorrupt, "the trailer is not the one of this header and these data");
  }
  RECRYPT_ASSIGN(const SignatureEntries entries, ParseEntries(part));
  RECRYPT_ASSIGN(authorship,
                 VerifyEntries(entries, header.uid, fields, header.expression, opened->trust, now));
  phase = Phase::kDone;
  needed = 0;
  return {};
}

}  // namespace recrypt
