// Crashes: what was done to the stored file is replayed up to every point, whole, torn, and without
// what had not been synced; the document must then hold an old state or a newer one, in order.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/core_jcd/fixture.h"
#include "tests/unit/seeds.h"

namespace recrypt {
namespace {

// A committed state, and between which events it was being committed.
struct Milestone {
  Bytes content;
  size_t started = 0;   // events before the commit began
  size_t finished = 0;  // events when it had returned
  bool synced = false;
};

class CrashTest : public testing::Test {
 protected:
  CrashTest() : uid_(RandomArray<16>()), keys_(World::NewKeys()) {
    sealed_ = world_.Seal(World::MakeWrapper(uid_, keys_));
    file_ = std::make_shared<MemoryFile>();
    file_->recording = true;
  }

  DocumentKeys Keys() const {
    return DocumentKeys{uid_, sealed_.header.digest, world_.expression(), World::Copy(keys_)};
  }

  void Create() { document_ = Document::Create(file_, sealed_.region, Keys()); }

  void Write(uint64_t at, size_t length) {
    const Bytes data = RandomContent(length);
    if (content_.size() < at + length) content_.resize(at + length);
    std::copy(data.begin(), data.end(), content_.begin() + static_cast<ptrdiff_t>(at));
    Must(document_->Write(at, data));
  }
  void Truncate(uint64_t size) {
    content_.resize(size);
    Must(document_->Truncate(size));
  }
  void Commit(Durability durability) {
    Milestone milestone{content_, file_->events.size(), 0, durability == Durability::kSynced};
    Must(document_->Commit(world_.author(), durability));
    milestone.finished = file_->events.size();
    milestones_.push_back(std::move(milestone));
  }
  void Apply() { Must(document_->Apply()); }

  // The content that a file's bytes hold, as a mount finds it.
  Result<Bytes> Recover(Bytes bytes) {
    auto file = std::make_shared<MemoryFile>(std::move(bytes));
    auto document = Document::Open(file, Keys(), world_.Trust(), kNow);
    if (!document) return Fail(document.error());
    RECRYPT_ASSIGN(Bytes content, ReadAll(**document));
    // The next writer must be able to go on from here.
    Must((*document)->Write(content.size(), RandomContent(100)));
    Must((*document)->Commit(world_.author(), Durability::kVisible));
    auto again = Document::Open(file, Keys(), world_.Trust(), kNow);
    EXPECT_TRUE(again) << again.error().message;
    if (again) {
      Bytes longer = Must(ReadAll(**again));
      longer.resize(content.size());
      EXPECT_EQ(longer, content);
    }
    return content;
  }

  // `done` events are over and `begun` have begun; with drops, only what was synced is sure to be
  // there.
  void Check(const Bytes& bytes, size_t done, size_t begun, bool dropped) {
    size_t oldest = 0;
    size_t newest = 0;
    for (size_t i = 0; i < milestones_.size(); ++i) {
      const Milestone& milestone = milestones_[i];
      if (milestone.finished <= done && (milestone.synced || !dropped)) oldest = i + 1;
      if (milestone.started < begun) newest = i + 1;
    }
    newest = std::max(newest, oldest);  // a commit of nothing has no events
    const auto content = Recover(bytes);
    if (!content) {
      EXPECT_EQ(oldest, 0u) << "after " << done << " events: " << content.error().message;
      return;
    }
    for (size_t i = std::max<size_t>(oldest, 1); i <= newest; ++i) {
      if (milestones_[i - 1].content == *content) return;
    }
    ADD_FAILURE() << "after " << done << " events: no state from " << oldest << " to " << newest
                  << " but one of " << content->size() << " bytes";
  }

  static void Do(Bytes& bytes, const StoreEvent& event) {
    if (event.kind == StoreEvent::Kind::kWrite) MemoryFile::Put(bytes, event.offset, event.data);
    if (event.kind == StoreEvent::Kind::kTruncate) bytes.resize(event.offset);
  }

  void CheckEveryPrefix(size_t tears) {
    Bytes bytes;
    for (size_t i = 0; i < file_->events.size() && !HasFailure(); ++i) {
      const StoreEvent& event = file_->events[i];
      if (!bytes.empty()) Check(bytes, i, i, false);
      for (size_t tear = 0; event.kind == StoreEvent::Kind::kWrite && tear < tears; ++tear) {
        // Cut where a sector of the file ends.
        const uint64_t cut = (event.offset + random_() % event.data.size()) / 512 * 512;
        if (cut <= event.offset) continue;
        Bytes torn = bytes;
        MemoryFile::Put(torn, event.offset, ByteSpan(event.data).first(cut - event.offset));
        Check(torn, i, i + 1, false);
      }
      Do(bytes, event);
    }
    Check(bytes, file_->events.size(), file_->events.size(), false);
  }

  // Any of the sectors that were written since the last sync may be missing, others be there.
  void CheckWithoutSync(size_t rounds) {
    Bytes durable;
    size_t synced = 0;
    for (size_t i = 0; i <= file_->events.size() && !HasFailure(); ++i) {
      for (size_t round = 0; i > synced && !durable.empty() && round < rounds; ++round) {
        Bytes bytes = durable;
        for (size_t k = synced; k < i; ++k) DropSome(bytes, file_->events[k]);
        Check(bytes, i, i, true);
      }
      if (i == file_->events.size()) break;
      if (file_->events[i].kind != StoreEvent::Kind::kSync) continue;
      for (; synced <= i; ++synced) Do(durable, file_->events[synced]);
      Check(durable, synced, synced, true);
    }
  }

  void DropSome(Bytes& bytes, const StoreEvent& event) {
    const uint64_t mode = random_() % 4;
    if (mode == 0) return;
    if (mode == 1 || event.kind != StoreEvent::Kind::kWrite) return Do(bytes, event);
    for (uint64_t at = 0; at < event.data.size();) {
      const uint64_t part =
          std::min<uint64_t>(512 - (event.offset + at) % 512, event.data.size() - at);
      if (random_() % 4 != 0) {
        MemoryFile::Put(bytes, event.offset + at, ByteSpan(event.data).subspan(at, part));
      }
      at += part;
    }
  }

  void RandomWorkload(int steps, uint64_t limit) {
    for (int i = 0; i < steps; ++i) {
      const uint64_t at = random_() % limit;
      switch (random_() % 8) {
        case 0:
        case 1:
        case 2:
          Write(std::min<uint64_t>(at, content_.size()), 1 + random_() % 9000);
          break;
        case 3:
          Write(content_.size(), 1 + random_() % 9000);
          break;
        case 4:
          Truncate(at);
          break;
        case 5:
          Commit(Durability::kVisible);
          break;
        case 6:
          Commit(Durability::kSynced);
          break;
        case 7:
          if (!document_->IsDirty()) Apply();
          break;
      }
    }
    Commit(Durability::kSynced);
    Apply();
    Write(0, 100);
    Commit(Durability::kSynced);
  }

  World world_;
  DocumentId uid_;
  std::vector<DataKey> keys_;
  SealedHeader sealed_;
  std::shared_ptr<MemoryFile> file_;
  std::unique_ptr<Document> document_;
  Bytes content_;
  std::vector<Milestone> milestones_;
  std::mt19937_64 random_{4711};
};

TEST_F(CrashTest, ACreationIsAbsentOrWhole) {
  Create();
  Write(0, 1'200'000);
  Commit(Durability::kSynced);
  CheckEveryPrefix(20);
}

TEST_F(CrashTest, ACreationWithRoomReservedIsAbsentOrWhole) {
  Create();
  Write(0, 9'000);
  ASSERT_TRUE(document_->Reserve());
  EXPECT_EQ(file_->Size().value(), StoredLengthFromSize(9'000));
  Write(9'000, 5'000);
  ASSERT_TRUE(document_->Reserve());
  Truncate(3'000);
  ASSERT_TRUE(document_->Reserve());
  Commit(Durability::kSynced);
  CheckEveryPrefix(20);
  CheckWithoutSync(20);
}

TEST_F(CrashTest, AnAppendIsOldOrNew) {
  Create();
  Write(0, 10000);
  Commit(Durability::kSynced);
  for (const size_t length : {size_t{1}, size_t{5000}, size_t{600'000}}) {
    Write(content_.size(), length);
    Commit(Durability::kSynced);
  }
  CheckEveryPrefix(20);
  CheckWithoutSync(20);
}

TEST_F(CrashTest, GroupsWrittenAheadAreOldOrNew) {
  Create();
  Write(0, 100'000);
  Commit(Durability::kSynced);
  for (int i = 0; i < 6; ++i) Write(content_.size(), 1'000'000);
  Commit(Durability::kVisible);
  Write(50, 100);
  Commit(Durability::kSynced);
  Apply();
  CheckEveryPrefix(4);
  CheckWithoutSync(4);
}

TEST_F(CrashTest, AnOverwriteAndItsApplyAreOldOrNew) {
  Create();
  Write(0, 100'000);
  Commit(Durability::kSynced);
  Write(20'000, 5);
  Commit(Durability::kSynced);
  Apply();
  Write(40'000, 30'000);
  Commit(Durability::kVisible);
  Write(41'000, 30'000);
  Commit(Durability::kVisible);
  Apply();
  CheckEveryPrefix(20);
  CheckWithoutSync(30);
}

TEST_F(CrashTest, ATruncationIsOldOrNew) {
  Create();
  Write(0, 100'000);
  Commit(Durability::kSynced);
  Truncate(50'001);
  Commit(Durability::kSynced);
  Truncate(0);
  Commit(Durability::kSynced);
  Apply();
  Truncate(2'000'000);
  Commit(Durability::kSynced);
  Apply();
  CheckEveryPrefix(20);
  CheckWithoutSync(30);
}

class RandomCrashTest : public CrashTest, public testing::WithParamInterface<uint32_t> {};

TEST_P(RandomCrashTest, AnyWorkloadIsOldOrNew) {
  random_.seed(GetParam());
  Create();
  Write(0, 5000);
  Commit(Durability::kSynced);
  RandomWorkload(60, GetParam() % 2 == 0 ? 40'000 : 1'300'000);
  CheckEveryPrefix(3);
  CheckWithoutSync(5);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomCrashTest, testing::ValuesIn(Seeds(8, 800)));
// An older trailer came back when the cut behind an apply was lost and a record stood behind it.
INSTANTIATE_TEST_SUITE_P(OnceLost, RandomCrashTest,
                         testing::Values(1408251384u, 1408251412u, 1408251822u, 118u, 597u));

TEST_F(CrashTest, AnUnfinishedCreationSaysSo) {
  Create();
  Write(0, 1'200'000);
  EXPECT_GT(file_->bytes().size(), 0u);
  const auto opened = Document::Open(file_, Keys(), world_.Trust(), kNow);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(opened.error().message.find(kCreationUnfinished), std::string::npos);
  EXPECT_EQ(Must(StoredContentSize(*file_)), 0u);
  const auto empty = Document::Open(std::make_shared<MemoryFile>(), Keys(), world_.Trust(), kNow);
  EXPECT_EQ(empty.error().code, ErrorCode::kNotFound);
}

TEST_F(CrashTest, AFailedCommitCanBeRepeated) {
  Create();
  Write(0, 100'000);
  Commit(Durability::kSynced);
  for (int failing = 0; failing < 3; ++failing) {
    Write(50'000, 700'000);
    file_->writes_left = 0;
    EXPECT_FALSE(document_->Commit(world_.author(), Durability::kSynced));
    EXPECT_TRUE(document_->IsDirty());
    file_->writes_left = -1;
    EXPECT_EQ(Must(ReadAll(*document_)), content_);
    Commit(Durability::kSynced);
    EXPECT_EQ(Must(ReadAll(*document_)), content_);
    EXPECT_EQ(Must(Recover(file_->bytes())), content_);
  }
}

TEST_F(CrashTest, AFailedWriteAheadLosesNothing) {
  Create();
  Write(0, 100'000);
  file_->writes_left = 1;
  Bytes more = RandomContent(2'000'000);
  EXPECT_FALSE(document_->Write(524288, more));
  file_->writes_left = -1;
  content_.resize(524288 + more.size());
  std::copy(more.begin(), more.end(), content_.begin() + 524288);
  Must(document_->Write(524288, more));
  EXPECT_EQ(Must(ReadAll(*document_)), content_);
  Commit(Durability::kSynced);
  EXPECT_EQ(Must(Recover(file_->bytes())), content_);
}

}  // namespace
}  // namespace recrypt
