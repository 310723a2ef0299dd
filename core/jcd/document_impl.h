// DocumentImpl: the one implementation of Document. Its parts are in document_open.cc (what the
// file holds), document_read.cc, document_write.cc (changes in memory, and whole groups that go to
// the file at once), document_commit.cc (commit records, Apply) and document_sync.cc (durability).
#ifndef RECRYPT_CORE_JCD_DOCUMENT_IMPL_H_
#define RECRYPT_CORE_JCD_DOCUMENT_IMPL_H_

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "core/jcd/block_cipher.h"
#include "core/jcd/dirty_blocks.h"
#include "core/jcd/document.h"
#include "core/jcd/fair_shared_mutex.h"
#include "core/jcd/recovery.h"
#include "core/jcd/signatures.h"
#include "core/jcd/tree.h"

namespace recrypt {

class DocumentImpl : public Document, private StoredBytes {
 public:
  DocumentImpl(std::shared_ptr<StoredFile> file, std::shared_ptr<const DataKeys> keys,
               LabelExpression expression);

  // document_open.cc
  Status StartFrom(StoredState state, const TrustedLabels& trust, int64_t now);
  void StartEmpty(Bytes header_region, const Sha256Digest& header_digest);
  uint64_t Size() const override;
  uint64_t Generation() const override;
  Authorship GetAuthorship() const override;
  Sha256Digest TrailerDigest() const override;
  bool IsDirty() const override;
  uint64_t DirtyBytes() const override;
  bool HasRecords() const override;
  bool IsProvisional() const override;
  uint64_t RecordBytes() const override;
  uint64_t BlockWrites() const override;
  Result<bool> IsCurrent() override;

  // document_read.cc
  Result<size_t> Read(uint64_t offset, MutableByteSpan out) override;
  bool WantsTables() override;
  uint64_t ReadTables(uint64_t first) override;
  Result<uint64_t> SeekData(uint64_t offset) override;
  Result<uint64_t> SeekHole(uint64_t offset) override;

  // document_write.cc
  Status WriteParts(BlockContexts& contexts, uint64_t offset, ByteSpan data);
  Status Write(uint64_t offset, ByteSpan data) override;
  Status Truncate(uint64_t size) override;
  Status PunchHole(uint64_t offset, uint64_t length) override;
  void Discard() override;
  Status ReplaceHeader(const SealedHeader& header, std::vector<DataKey> keys) override;

  // document_attributes.cc
  Sha256Digest AttributesDigest() const override;
  Result<Attributes> OpenAttributes(ByteSpan sealed) const override;
  Result<Bytes> SealAttributes(const Attributes& attributes) const override;
  void SetAttributes(const Sha256Digest& sealed) override;

  // document_ahead.cc
  Status Reserve() override;

  // document_commit.cc
  Status Commit(const Author* author, Durability durability) override;
  Status Apply() override;

 private:
  // What the file holds, as this object knows it.
  struct Stored {
    TrailerBytes trailer{};
    TrailerFields fields;  // generation 0: never committed
    SignatureEntries entries;
    uint64_t length = 0;        // of the committed state without records
    uint64_t base_length = 0;   // of the state that the first record follows
    uint64_t first_record = 0;  // positions; 0: there are none
    uint64_t last_record = 0;
    uint64_t end = 0;             // of the committed bytes, records included
    uint64_t file_size = 0;       // more than `end`: left over, or groups written ahead of a commit
    bool partly_applied = false;  // an Apply was interrupted; guarded by operation_ alone
    Overlay overlay;
  };
  // Ranges of groups or of bytes, first to end, that do not touch each other.
  using Ranges = std::map<uint64_t, uint64_t>;
  // A commit that is in the file, and not yet what this object takes for the document: until it is
  // durable, if it has to be, all that it was made from stays in memory.
  struct Written {
    TrailerFields fields;
    TrailerBytes trailer{};
    SignatureEntries entries;
    uint64_t length = 0;  // of the state without records
    uint64_t start = 0;   // of the bytes that were written
    uint64_t end = 0;
    // Of a record; empty when the document was written in place.
    std::vector<WriteList::Entry> writes;
    RawBytes record;
  };
  // What is changed apart from the tree and the blocks.
  struct Changes {
    bool content = false;
    bool header = false;
    bool ahead = false;      // whole groups are in the file behind stored_.end
    bool checked = false;    // the file was seen to be as stored_ has it, and cut to stored_.end
    uint64_t ahead_end = 0;  // where the last of them ends
    Ranges cleared;          // groups that may have become holes
    Ranges edges;            // groups that were the last one
    Ranges ahead_groups;     // groups that were written ahead
  };

  bool NeverCommitted() const { return stored_.fields.generation == 0; }
  bool Dirty() const { return NeverCommitted() || changes_.content || changes_.header; }
  uint64_t BytesHeld() const { return blocks_.bytes() + tree_.ChangedBytes(); }
  Status ReadStored(uint64_t offset, MutableByteSpan out) const override;

  // document_read.cc
  Status ReadInGroup(BlockContexts& contexts, uint64_t group, uint64_t from, MutableByteSpan out);
  void AskAhead(uint64_t group, uint64_t from, uint64_t size);
  Status ReadBlocks(BlockContexts& contexts, const Node& table, uint64_t first, uint64_t from,
                    MutableByteSpan out);
  Result<uint64_t> NextData(BlockContexts& contexts, uint64_t block);
  Result<uint64_t> NextHole(BlockContexts& contexts, uint64_t block);
  enum class BlockKind { kData, kHole };
  Result<std::optional<uint64_t>> FirstInGroup(BlockContexts& contexts, uint64_t block,
                                               BlockKind wanted);

  // document_write.cc
  Status WriteInGroup(BlockContexts& contexts, uint64_t group, uint64_t from, ByteSpan data);
  Status WriteInBlock(BlockContexts& contexts, ChangedNode& table, uint64_t block, uint64_t from,
                      ByteSpan data);
  Result<ChangedNode*> TouchGroup(BlockContexts& contexts, uint64_t group);
  Status LoadBlock(BlockContexts& contexts, const Node& table, uint64_t block);
  Status Resize(BlockContexts& contexts, uint64_t size);
  Status ClearBlocks(BlockContexts& contexts, uint64_t first, uint64_t end);
  Status ZeroBytes(BlockContexts& contexts, uint64_t from, uint64_t to);
  static void AddRange(Ranges& ranges, uint64_t first, uint64_t end);

  // document_ahead.cc
  bool MayGoAhead(uint64_t group) const;
  Status WriteAhead(BlockContexts& contexts, uint64_t group, const uint8_t* content);
  void SealAhead(uint64_t group, const uint8_t* content, Node& table);
  Status WriteFullGroupsAhead(BlockContexts& contexts);
  Status PrepareFile();

  // document_commit.cc
  Result<Written> WriteChanges(const Author* author);
  Status GatherWrites(BlockContexts& contexts, WriteList& writes);
  // Bytes of a changed node that are to be copied into the list once they are final.
  struct Copy {
    uint8_t* to;
    ByteSpan from;
  };
  size_t RoomForWrites() const;
  void GatherGroup(uint64_t group, WriteList& writes, std::vector<BlockContexts::Job>& jobs);
  void GatherNode(int level, uint64_t number, const ChangedNode& node, WriteList& writes,
                  std::vector<Copy>& copies);
  Status GatherCleared(BlockContexts& contexts, WriteList& writes);
  Result<std::vector<uint64_t>> WrittenGroups(BlockContexts& contexts, uint64_t first,
                                              uint64_t end);
  bool MustApplyFirst() const;
  void GatherHead(WriteList& writes);
  Result<SignatureEntries> SignState(const TrailerFields& fields, const Author* author);
  Status WriteInPlace(const WriteList& writes, Written& commit);
  Status WriteRecord(WriteList& writes, Written& commit);
  void TakeAsCommitted(Written commit, Durability durability);
  void TakeRecord(const Written& commit);
  Result<bool> FileIsAsStored() const;
  Status ApplyRecords();
  Status EndInFooter();
  Status PutRecordsInPlace();
  Status PutInPlace(uint64_t offset, uint64_t end);
  Status CutRecords();
  void NoteDurable();

  // document_sync.cc; all require operation_
  Status SyncFile();
  Status WriteAgain();
  Status CheckWrittenAgain();
  void NoteWritten(const Status& written, uint64_t end);
  Status LearnFileSize();

  const std::shared_ptr<StoredFile> file_;

  // Lock order: operation_, state_, then the leaves in cipher_ and tree_.
  // Serializes everything that changes the document; held through syncs, for which state_mutex_ is
  // not, so that reading goes on.
  std::mutex operation_;
  mutable FairSharedMutex state_mutex_;  // guards all that follows

  std::shared_ptr<const DataKeys> keys_;
  std::unique_ptr<BlockCipher> cipher_;
  LabelExpression expression_;
  TrustedLabels trust_;
  bool trust_known_ = false;
  Authorship authorship_;
  Sha256Digest header_digest_{};
  Bytes header_region_;        // when it is to be written
  Sha256Digest attributes_{};  // committed or not
  uint64_t block_writes_ = 0;  // under the newest data key, committed or not
  Stored stored_;
  std::atomic<uint64_t> last_group_{0};  // the last one that was read for the first time
  std::atomic<uint32_t> scattered_{0};   // how many were, not in order
  Changes changes_;
  std::atomic<bool> provisional_{false};  // as the file says; set under operation_
  Tree tree_;
  DirtyBlocks blocks_;
  // What Discard goes back to when the header was to be replaced.
  struct Before {
    std::shared_ptr<const DataKeys> keys;
    LabelExpression expression;
    Sha256Digest header_digest;
    uint64_t block_writes;
  };
  std::optional<Before> before_;
  RawBytes ahead_buffer_;

  // Guarded by operation_.
  Ranges unsynced_;           // bytes of the file that were written and are not known to be durable
  bool sync_failed_ = false;  // they may have been lost, whatever the next sync says
  uint64_t unsure_ = 0;       // a write failed that may have made the file so long
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_DOCUMENT_IMPL_H_
