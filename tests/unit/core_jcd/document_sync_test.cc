// Syncs that fail. The system tells of pages that it could not write once, and forgets them: the
// next sync succeeds. A document may say that something is durable only when it is.
#include <gtest/gtest.h>

#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

// What becomes of pages that could not be written.
enum class LostPages {
  kStay,  // what was written goes on being shown, until it is dropped from memory
  kGo,    // what is on the disk is shown at once
};

// A file on a disk that fails, below a cache of pages.
class CachedFile : public StoredFile {
 public:
  explicit CachedFile(LostPages lost) : lost_(lost) {}

  Result<uint64_t> Size() override { return shown_.size(); }
  Result<size_t> ReadAt(uint64_t offset, MutableByteSpan out) override {
    if (offset >= shown_.size()) return size_t{0};
    const size_t got = std::min<uint64_t>(out.size(), shown_.size() - offset);
    std::memcpy(out.data(), shown_.data() + offset, got);
    return got;
  }
  Status WriteAt(uint64_t offset, ByteSpan data) override {
    MemoryFile::Put(shown_, offset, data);
    dirty_.push_back({StoreEvent::Kind::kWrite, offset, ToBytes(data)});
    return {};
  }
  Status Truncate(uint64_t size) override {
    shown_.resize(size);
    dirty_.push_back({StoreEvent::Kind::kTruncate, size, {}});
    return {};
  }
  Status SyncData() override {
    std::vector<StoreEvent> events;
    events.swap(dirty_);
    if (successes_before > 0) {
      --successes_before;
    } else if (failures > 0) {
      --failures;
      // Sizes are in the journal.
      durable_.resize(shown_.size());
      if (lost_ == LostPages::kGo) shown_ = durable_;
      return FailErrno(EIO, "fdatasync");
    }
    for (const StoreEvent& event : events) {
      if (event.kind == StoreEvent::Kind::kTruncate) {
        durable_.resize(event.offset);
      } else {
        MemoryFile::Put(durable_, event.offset, event.data);
      }
    }
    return {};
  }

  const Bytes& durable() const { return durable_; }
  int successes_before = 0;  // syncs to come that succeed
  int failures = 0;          // of those after them

 private:
  const LostPages lost_;
  Bytes shown_, durable_;
  std::vector<StoreEvent> dirty_;
};

class FailedSync : public testing::TestWithParam<LostPages> {
 protected:
  void Create(size_t size) {
    document_ = world_.Create(file_);
    Write(0, size);
  }
  void Write(uint64_t at, size_t size) {
    const Bytes data = RandomContent(size);
    MemoryFile::Put(content_, at, data);
    Must(document_->Write(at, data));
  }
  Status Commit(Durability durability) { return document_->Commit(world_.author(), durability); }
  // As after a power cut.
  void ExpectDurable() {
    auto found = world_.Open(std::make_shared<MemoryFile>(file_->durable()));
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(Must(ReadAll(**found)), content_);
    EXPECT_EQ(Must(ReadAll(*document_)), content_);
  }

  World world_;
  std::shared_ptr<CachedFile> file_ = std::make_shared<CachedFile>(GetParam());
  std::unique_ptr<Document> document_;
  Bytes content_;
};

INSTANTIATE_TEST_SUITE_P(Pages, FailedSync, testing::Values(LostPages::kStay, LostPages::kGo));

TEST_P(FailedSync, IsSaidAndAChangeIsWrittenAgain) {
  Create(50'000);
  Must(Commit(Durability::kSynced));
  Write(10'000, 9'000);
  file_->failures = 2;
  EXPECT_FALSE(Commit(Durability::kSynced));
  EXPECT_TRUE(document_->IsDirty());
  EXPECT_EQ(Must(ReadAll(*document_)), content_);
  EXPECT_FALSE(Commit(Durability::kSynced));
  Must(Commit(Durability::kSynced));
  ExpectDurable();
}

TEST_P(FailedSync, OfANewDocumentIsFollowedByWritingItAgain) {
  Create(50'000);
  file_->failures = 1;
  EXPECT_FALSE(Commit(Durability::kSynced));
  Must(Commit(Durability::kSynced));
  ExpectDurable();
}

// What is not in memory any more is written again if the file still shows it; if not, no later sync
// says that it is there.
TEST_P(FailedSync, OfGroupsWrittenAheadIsMadeGoodOrSaidAgain) {
  Create(1'500'000);
  file_->failures = 1;
  EXPECT_FALSE(Commit(Durability::kSynced));
  const Status again = Commit(Durability::kSynced);
  EXPECT_EQ(again.has_value(), GetParam() == LostPages::kStay);
  if (again) ExpectDurable();
}

TEST_P(FailedSync, OfGroupsBehindACommittedDocumentIsMadeGoodOrSaidAgain) {
  Create(50'000);
  Must(Commit(Durability::kSynced));
  Write(50'000, 9'000'000);
  file_->failures = 1;
  EXPECT_FALSE(Commit(Durability::kSynced));
  const Status again = Commit(Durability::kSynced);
  EXPECT_EQ(again.has_value(), GetParam() == LostPages::kStay);
  if (again) ExpectDurable();
}

TEST_P(FailedSync, OfWhatWasCommittedBeforeIsMadeGoodOrSaidAgain) {
  Create(50'000);
  Must(Commit(Durability::kSynced));
  Write(10'000, 9'000);
  Must(Commit(Durability::kVisible));
  Write(20'000, 9'000);
  Must(Commit(Durability::kVisible));
  file_->failures = 1;
  EXPECT_FALSE(Commit(Durability::kSynced));
  for (int i = 0; i < 3; ++i) {
    const Status again = Commit(Durability::kSynced);
    EXPECT_EQ(again.has_value(), GetParam() == LostPages::kStay);
    if (again) ExpectDurable();
  }
}

TEST_P(FailedSync, OfRecordsKeepsThemFromBeingApplied) {
  Create(600'000);
  Must(Commit(Durability::kSynced));
  const Bytes before = content_;
  Write(10'000, 300'000);
  Must(Commit(Durability::kVisible));
  file_->failures = 1;
  EXPECT_FALSE(document_->Apply());
  const Status again = document_->Apply();
  EXPECT_EQ(again.has_value(), GetParam() == LostPages::kStay);
  if (again) return ExpectDurable();
  auto found = world_.Open(std::make_shared<MemoryFile>(file_->durable()));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(Must(ReadAll(**found)), before);
}

TEST_P(FailedSync, OfAppliedRecordsIsFollowedByApplyingThemAgain) {
  Create(600'000);
  Must(Commit(Durability::kSynced));
  Write(10'000, 300'000);
  Must(Commit(Durability::kSynced));
  Must(Commit(Durability::kSynced));
  file_->successes_before = 1;  // that the records are durable; what replaces the old bytes is not
  file_->failures = 1;
  EXPECT_FALSE(document_->Apply());
  Must(document_->Apply());
  EXPECT_FALSE(document_->HasRecords());
  ExpectDurable();
}

}  // namespace
}  // namespace recrypt
