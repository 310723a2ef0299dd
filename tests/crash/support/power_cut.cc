#include "tests/crash/support/power_cut.h"

#include <algorithm>

namespace recrypt {
namespace {

constexpr uint64_t kSector = 512;

bool Makes(OpKind kind) {
  return kind == OpKind::kCreate || kind == OpKind::kMakeDirectory || kind == OpKind::kMakeNode ||
         kind == OpKind::kMakeSymlink;
}

bool ChangesContent(OpKind kind) { return kind == OpKind::kWrite || kind == OpKind::kTruncate; }

bool ChangesAttributes(OpKind kind) {
  return kind == OpKind::kSetXattr || kind == OpKind::kRemoveXattr || kind == OpKind::kChangeMode;
}

uint64_t Below(std::mt19937_64& random, uint64_t limit) { return random() % limit; }

}  // namespace

PowerCut::PowerCut(std::vector<StoreOp> ops, uint64_t root_inode) : ops_(std::move(ops)) {
  std::map<uint64_t, NodeId> current{{root_inode, kRootNode}};
  for (size_t i = 0; i < ops_.size(); ++i) {
    const StoreOp& op = ops_[i];
    if (Makes(op.kind)) current[op.inode] = i + 1;
    Ids ids;
    if (op.inode != 0) ids.node = current.at(op.inode);
    if (op.directory != 0) ids.directory = current.at(op.directory);
    if (op.to_directory != 0) ids.to_directory = current.at(op.to_directory);
    ids_.push_back(ids);
  }
}

void PowerCut::DoToContent(Bytes& content, size_t op) const {
  if (ops_[op].kind == OpKind::kWrite) PutBytes(content, ops_[op].number, ops_[op].data);
  if (ops_[op].kind == OpKind::kTruncate) content.resize(ops_[op].number);
}

DiskImage PowerCut::Killed(size_t cut) const {
  DiskImage image;
  for (size_t i = 0; i < cut; ++i) {
    image.Do(ops_[i], ids_[i].node, ids_[i].directory, ids_[i].to_directory);
    if (ChangesContent(ops_[i].kind)) DoToContent(image.node(ids_[i].node).content, i);
  }
  return image;
}

DiskImage PowerCut::Lost(size_t cut, DiskRules rules, std::mt19937_64& random) const {
  std::vector<size_t> journal;         // operations on names and attributes
  size_t journal_durable = 0;          // of them
  std::map<NodeId, size_t> touched;    // directories: how long the journal was then
  std::map<NodeId, size_t> made;       // files: likewise
  std::map<NodeId, size_t> changed;    // attributes of files
  std::map<NodeId, FileOps> contents;  // of files
  for (size_t i = 0; i < cut; ++i) {
    const StoreOp& op = ops_[i];
    const Ids& ids = ids_[i];
    if (op.kind == OpKind::kSyncDirectory) {
      journal_durable = std::max(journal_durable, touched[ids.node]);
    } else if (op.kind == OpKind::kSyncData || op.kind == OpKind::kSyncAll) {
      contents[ids.node].durable = contents[ids.node].ops.size();
      journal_durable = std::max(journal_durable, made[ids.node]);
      if (op.kind == OpKind::kSyncAll) {
        journal_durable = std::max(journal_durable, changed[ids.node]);
      }
    } else if (op.kind == OpKind::kSyncShare) {
      journal_durable = journal.size();
      for (auto& [id, file] : contents) file.durable = file.ops.size();
    } else if (ChangesContent(op.kind)) {
      contents[ids.node].ops.push_back(i);
    } else {
      journal.push_back(i);
      if (Makes(op.kind)) made[ids.node] = journal.size();
      if (ChangesAttributes(op.kind)) changed[ids.node] = journal.size();
      if (op.directory != 0) touched[ids.directory] = journal.size();
      if (op.to_directory != 0) touched[ids.to_directory] = journal.size();
    }
  }
  size_t kept = journal_durable + Below(random, journal.size() - journal_durable + 1);
  if (Below(random, 4) == 0) kept = journal.size();
  if (Below(random, 4) == 0) kept = journal_durable;
  DiskImage image;
  for (size_t k = 0; k < kept; ++k) {
    const Ids& ids = ids_[journal[k]];
    image.Do(ops_[journal[k]], ids.node, ids.directory, ids.to_directory);
  }
  for (const auto& [id, file] : contents) {
    if (image.nodes().contains(id)) image.node(id).content = Surviving(file, rules, random);
  }
  return image;
}

// What of the writes and truncations of a file is on the disk.
Bytes PowerCut::Surviving(const FileOps& file, DiskRules rules, std::mt19937_64& random) const {
  Bytes content;
  for (size_t k = 0; k < file.durable; ++k) DoToContent(content, file.ops[k]);
  const size_t pending = file.ops.size() - file.durable;
  if (pending == 0) return content;
  const uint64_t mode = Below(random, 8);
  size_t truncations = 0;
  for (size_t k = file.durable; k < file.ops.size(); ++k) {
    truncations += ops_[file.ops[k]].kind == OpKind::kTruncate;
  }
  size_t carried_out = Below(random, truncations + 1);
  if (mode == 0 || Below(random, 3) == 0) carried_out = truncations;
  std::vector<uint64_t> lengths{content.size()};
  uint64_t length = content.size();  // as the program has seen it
  uint64_t freed_from = UINT64_MAX;  // by truncations that were not carried out
  for (size_t k = file.durable; k < file.ops.size(); ++k) {
    const StoreOp& op = ops_[file.ops[k]];
    if (op.kind == OpKind::kTruncate) {
      length = op.number;
      const bool done = rules == DiskRules::kAny ? Below(random, 2) == 0 : carried_out > 0;
      if (carried_out > 0) --carried_out;
      if (done) {
        content.resize(op.number);
        lengths = {content.size()};
      } else if (rules == DiskRules::kInOrder) {
        freed_from = std::min(freed_from, op.number);
      }
      continue;
    }
    length = std::max(length, op.number + op.data.size());
    if (mode == 0) {
      PutBytes(content, op.number, op.data);
    } else if (mode > 1) {
      PutSome(content, op, freed_from, random);
    }
    if (freed_from == UINT64_MAX) lengths.push_back(length);
  }
  uint64_t ends = lengths.back();  // the shortest that has room for all that is there
  for (const uint64_t each : lengths) {
    if (each >= content.size()) ends = std::min(ends, each);
  }
  if (mode > 1 && Below(random, 2) == 0) ends = lengths[Below(random, lengths.size())];
  content.resize(ends);
  return content;
}

// Some sectors of a write, before `limit` in the file.
void PowerCut::PutSome(Bytes& content, const StoreOp& write, uint64_t limit,
                       std::mt19937_64& random) const {
  const uint64_t end = std::min(limit, write.number + write.data.size());
  const uint64_t shape = Below(random, 8);
  if (write.number >= end || shape == 0) return;
  const uint64_t sectors = (end - 1) / kSector - write.number / kSector + 1;
  const uint64_t edge = Below(random, sectors + 1);
  uint64_t number = 0;
  for (uint64_t at = write.number; at < end; ++number) {
    const uint64_t part = std::min(kSector - at % kSector, end - at);
    bool kept = true;                       // shapes 1 and 2: all of it
    if (shape == 3) kept = number < edge;   // the beginning
    if (shape == 4) kept = number >= edge;  // the end
    if (shape == 5) kept = number != edge;  // all but one
    if (shape >= 6) kept = Below(random, shape == 6 ? 2 : 8) != 0;
    if (kept) PutBytes(content, at, ByteSpan(write.data).subspan(at - write.number, part));
    at += part;
  }
}

}  // namespace recrypt
