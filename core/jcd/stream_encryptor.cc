#include <algorithm>

#include "core/jcd/block_cipher.h"
#include "core/jcd/signatures.h"
#include "core/jcd/stream.h"
#include "core/jcd/tree_builder.h"

namespace recrypt {

struct StreamEncryptor::State {
  State(DataKeys data_keys, ByteSink to)
      : keys(std::move(data_keys)), contexts(keys), sink(std::move(to)) {}

  Status EmitGroup(const Layout& layout, bool last);
  void SealGroup(const Layout& layout, Node& table);
  Status EmitTrailer(const Author* author);

  DataKeys keys;
  BlockContexts contexts;
  ByteSink sink;
  Sha256Digest header{};
  Bytes out;      // header region or group with its slot, as it is to be emitted
  Bytes content;  // of the group that is being filled
  uint64_t groups = 0;
  uint64_t size = 0;
  uint64_t block_writes = 0;
  TreeBuilder tree;
  Sha256Digest root{};
  std::optional<Error> failed;
};

StreamEncryptor::StreamEncryptor(Bytes header_region, DocumentKeys keys, ByteSink sink) {
  auto data_keys = DataKeys::Make(keys.uid, std::move(keys.keys));
  if (!data_keys || header_region.size() != kHeaderRegion) return;  // Write and Finish say so
  state_ = std::make_unique<State>(std::move(*data_keys), std::move(sink));
  state_->header = keys.header_digest;
  header_region.resize(kSlot0);
  state_->out = std::move(header_region);
  state_->content.reserve(kGroupBytes);
}

StreamEncryptor::~StreamEncryptor() = default;

Status StreamEncryptor::Write(ByteSpan content) {
  if (!state_) return Fail(ErrorCode::kInvalid, "header region or data keys are not usable");
  State& state = *state_;
  if (state.failed) return Fail(*state.failed);
  while (!content.empty()) {
    if (state.content.size() == kGroupBytes) {
      const Status emitted = state.EmitGroup(Layout((state.groups + 1) * kGroupBytes), false);
      if (!emitted) {
        state.failed = emitted.error();
        return emitted;
      }
    }
    const size_t part = std::min<size_t>(content.size(), kGroupBytes - state.content.size());
    Append(state.content, content.first(part));
    content = content.subspan(part);
    state.size += part;
  }
  return {};
}

Status StreamEncryptor::Finish(const Author* author) {
  if (!state_) return Fail(ErrorCode::kInvalid, "header region or data keys are not usable");
  if (state_->failed) return Fail(*state_->failed);
  RECRYPT_TRY(state_->EmitGroup(Layout(state_->size), true));
  return state_->EmitTrailer(author);
}

// Emits slot, blocks, table and the index blocks that end here: the last chunk may be empty.
Status StreamEncryptor::State::EmitGroup(const Layout& layout, bool last) {
  const size_t slot = out.size();
  out.push_back(last ? 0x8B : 0x8F);
  AppendU64(out, 0);
  const size_t start = out.size();
  if (!content.empty()) {
    Node table = Node::Zero(0, layout.BlocksInGroup(groups));
    table.SetKey(keys.newest());
    SealGroup(layout, table);
    Append(out, table.bytes());
    tree.AddTable(HashNode(contexts.hasher(), 0, groups, table), out);
    ++groups;
    content.clear();
  }
  if (last) root = tree.Finish(out);
  StoreU64(&out[slot + 1], out.size() - start);
  RECRYPT_TRY(sink(out));
  out.clear();
  return {};
}

void StreamEncryptor::State::SealGroup(const Layout& layout, Node& table) {
  const size_t start = out.size();
  out.resize(start + content.size());
  std::vector<BlockContexts::Job> jobs;
  for (uint64_t i = 0; i < table.entries(); ++i) {
    const uint64_t block = groups * kGroupBlocks + i;
    const ByteSpan plain = ByteSpan(content).subspan(i * kBlockSize, layout.BytesInBlock(block));
    jobs.push_back({block, plain, &out[start + i * kBlockSize], table.MutableEntry(i)});
  }
  contexts.SealBlocks(keys.newest(), jobs);
  block_writes += jobs.size();
}

Status StreamEncryptor::State::EmitTrailer(const Author* author) {
  TrailerFields fields;
  fields.key = keys.newest();
  fields.generation = 1;
  fields.size = size;
  fields.block_writes = block_writes;
  fields.root = root;
  fields.header = header;
  SignatureEntries entries;
  if (author != nullptr) {
    RECRYPT_ASSIGN(SignatureEntry entry,
                   SignEntry(EntryKind::kAuthor, keys.uid(), fields, *author));
    entries.push_back(std::move(entry));
  }
  RECRYPT_ASSIGN(const SealedPart part, ComposeEntries(entries));
  return sink(SealTrailer(fields, part, keys));
}

}  // namespace recrypt
