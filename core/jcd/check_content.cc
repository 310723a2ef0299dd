// Checking a document's content: the tree from its root down, and every block by its table.
#include <algorithm>

#include "core/base/secret.h"
#include "core/jcd/block_cipher.h"
#include "core/jcd/check.h"
#include "core/jcd/node.h"

namespace recrypt {
namespace {

class ContentCheck {
 public:
  ContentCheck(StoredFile& file, const StoredState& state, const DocumentId& uid,
               const CheckKeys* keys, const ContentOptions& options, CheckReport& report)
      : file_(file),
        state_(state),
        uid_(uid),
        options_(options),
        report_(report),
        layout_(state.fields.size) {
    if (keys != nullptr) contexts_.emplace(keys->keys);
  }

  Status Run() {
    if (layout_.groups() == 0) {
      if (state_.fields.root != kZeroHash) {
        report_.Add(Part::kTrailer, Harm::kDamage, "the trailer of an empty document names a root");
      }
    } else {
      RECRYPT_TRY(CheckNode(layout_.top(), 0, state_.fields.root));
    }
    report_.content_checked = options_.only.empty();
    return {};
  }

 private:
  ContentRange RangeOf(int level, uint64_t number) const {
    const uint64_t first = number * GroupsCovered(level) * kGroupBytes;
    const uint64_t end = (number + 1) * GroupsCovered(level);
    return {first, end >= layout_.groups() ? layout_.size() : end * kGroupBytes};
  }

  bool Wanted(const ContentRange& range) const {
    if (options_.only.empty()) return true;
    const auto behind =
        std::partition_point(options_.only.begin(), options_.only.end(),
                             [&](const ContentRange& only) { return only.end <= range.first; });
    return behind != options_.only.end() && behind->first < range.end;
  }

  Status Progress(uint64_t done) const {
    if (!options_.progress || options_.progress(done)) return {};
    return Fail(ErrorCode::kBusy, "the check was ended");
  }

  // Of a level that is read from the file. An error that the file system reports is damage too.
  Node ReadNode(int level, uint64_t number, std::string& failure) const {
    Node node = Node::Zero(level, layout_.NodeEntries(level, number));
    const Status read =
        state_.overlay.Read(file_, layout_.NodeOffset(level, number), node.mutable_bytes());
    if (!read) failure = read.error().message;
    return node;
  }

  static std::string NameOf(int level, uint64_t number) {
    if (level == 0) return "the table of group " + std::to_string(number);
    return "index block " + std::to_string(level) + "." + std::to_string(number);
  }

  Status CheckNode(int level, uint64_t number, const Sha256Digest& hash) {
    const ContentRange range = RangeOf(level, number);
    if (!Wanted(range)) return {};
    if (hash == kZeroHash) return Progress(range.end);
    std::string failure;
    Node node = ReadNode(level, number, failure);
    if (failure.empty() && HashNode(hasher_, level, number, node) != hash) {
      failure = level == layout_.top() ? "it does not match the trailer's root"
                                       : "it does not match the index block above it";
    }
    if (!failure.empty()) {
      const bool mended = level > 0 && MendIndex(level, number, hash, node);
      report_.Add(level == 0 ? Part::kTable : Part::kIndex, Harm::kDamage,
                  NameOf(level, number) + ": " + failure, range);
      // What is below can be read once it is mended: further damage counts then.
      if (!mended) return Progress(range.end);
    }
    if (level == 0) return CheckGroup(number, node);
    for (uint64_t i = 0; i < node.entries(); ++i) {
      RECRYPT_TRY(CheckNode(level - 1, number * kFanout + i, node.Hash(i)));
    }
    return {};
  }

  // An index block made of the nodes below it again: that it is the right one, its hash tells.
  bool MendIndex(int level, uint64_t number, const Sha256Digest& hash, Node& node) {
    Node made = Node::Zero(level, layout_.NodeEntries(level, number));
    for (uint64_t i = 0; i < made.entries(); ++i) {
      std::string failure;
      const uint64_t child = number * kFanout + i;
      const Node below = ReadNode(level - 1, child, failure);
      if (!failure.empty()) return false;
      made.SetHash(i, HashNode(hasher_, level - 1, child, below));
    }
    if (HashNode(hasher_, level, number, made) != hash) return false;
    if (report_.mends.size() < CheckReport::kMaxMends) {
      report_.mends.push_back({layout_.NodeOffset(level, number), made.bytes()});
    }
    node = std::move(made);
    return true;
  }

  Status CheckGroup(uint64_t group, const Node& table) {
    const ContentRange range = RangeOf(0, group);
    if (contexts_ && !contexts_->Has(table.key())) {
      report_.Add(Part::kTable, Harm::kDamage,
                  NameOf(0, group) + ": it names data key " + std::to_string(table.key()) +
                      ", which the header does not hold",
                  range);
      return Progress(range.end);
    }
    const uint64_t first = group * kGroupBlocks;
    for (uint64_t i = 0; i < table.entries();) {
      uint64_t end = i;
      while (end < table.entries() && !table.IsZero(end)) ++end;
      if (end == i) {
        ++i;
        continue;
      }
      CheckRun(table, first, i, end);
      i = end;
    }
    return Progress(range.end);
  }

  // Blocks of a group, none of them a hole. What is damaged side by side is one finding.
  void CheckRun(const Node& table, uint64_t first, uint64_t i, uint64_t end) {
    const uint64_t from = (first + i) * kBlockSize;
    const uint64_t to = std::min((first + end) * kBlockSize, layout_.size());
    buffer_.resize(to - from);
    const bool whole = state_.overlay.Read(file_, BlockOffset(first + i), buffer_).has_value();
    std::string before;
    uint64_t damaged_from = i;
    for (uint64_t at = i; at < end; ++at) {
      const uint64_t skip = (at - i) * kBlockSize;
      const MutableByteSpan block =
          MutableByteSpan(buffer_).subspan(skip, layout_.BytesInBlock(first + at));
      std::string failure;
      if (!whole) {
        const Status read = state_.overlay.Read(file_, BlockOffset(first + at), block);
        if (!read) failure = read.error().message;
      }
      if (failure.empty()) failure = CheckBlock(table, first + at, at, block);
      if (failure != before) {
        ReportBlocks(first + damaged_from, first + at, before);
        before = failure;
        damaged_from = at;
      }
    }
    ReportBlocks(first + damaged_from, first + end, before);
    if (contexts_) Wipe(contexts_->Scratch(kBlockSize).data(), kBlockSize);
  }

  // Why the block is not good; empty when it is.
  std::string CheckBlock(const Node& table, uint64_t block, uint64_t i, ByteSpan bytes) {
    if (contexts_) {
      uint8_t* const plain = contexts_->Scratch(kBlockSize).data();
      if (contexts_->OpenBlock(table.key(), block, bytes, table.Entry(i), plain)) return {};
    }
    if (!MatchesDigest(hasher_, uid_, block, bytes, table.Entry(i))) {
      return "the stored bytes are not those that the table has the digest of";
    }
    return contexts_ ? "the block does not authenticate under its data key" : "";
  }

  void ReportBlocks(uint64_t first, uint64_t end, const std::string& failure) {
    if (failure.empty() || first == end) return;
    const std::string name =
        end - first == 1 ? "block " + std::to_string(first)
                         : "blocks " + std::to_string(first) + " to " + std::to_string(end - 1);
    report_.Add(Part::kBlock, Harm::kDamage, name + ": " + failure,
                ContentRange{first * kBlockSize, std::min(end * kBlockSize, layout_.size())});
  }

  StoredFile& file_;
  const StoredState& state_;
  const DocumentId uid_;
  const ContentOptions& options_;
  CheckReport& report_;
  const Layout layout_;
  std::optional<BlockContexts> contexts_;
  Sha256Hasher hasher_;
  Bytes buffer_;
};

}  // namespace

Status CheckContent(StoredFile& file, const StoredState& state, const DocumentId& uid,
                    const CheckKeys* keys, const ContentOptions& options, CheckReport& report) {
  return ContentCheck(file, state, uid, keys, options, report).Run();
}

}  // namespace recrypt
