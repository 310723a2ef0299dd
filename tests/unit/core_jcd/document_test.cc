#include "core/jcd/document.h"

#include <thread>

#include "core/jcd/signatures.h"
#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

constexpr size_t kSizes[] = {0,      1,      4095,   4096,    4097,    8192,
                             524287, 524288, 524289, 1048576, 1100000, 5000000};

class DocumentTest : public testing::Test {
 protected:
  void Make(size_t size) {
    file_ = std::make_shared<MemoryFile>();
    document_ = world_.Create(file_);
    content_ = RandomContent(size);
    Must(document_->Write(0, content_));
    Must(document_->Commit(world_.author(), Durability::kSynced));
    file_->writes = file_->reads = file_->syncs = 0;
  }
  void Write(uint64_t at, size_t length) {
    const Bytes data = RandomContent(length);
    content_.resize(std::max<size_t>(content_.size(), at + length));
    std::copy(data.begin(), data.end(), content_.begin() + static_cast<ptrdiff_t>(at));
    Must(document_->Write(at, data));
  }
  void Commit() { Must(document_->Commit(world_.author(), Durability::kSynced)); }
  void ExpectContent() {
    EXPECT_EQ(Must(ReadAll(*document_)), content_);
    EXPECT_EQ(Must(ReadAll(*Must(world_.Open(file_)))), content_);
  }
  Wrapper OpenWrapper() {
    const Header header = Must(ParseHeader(Must(ReadHeaderRegions(*file_)).front()));
    return Must(OpenHeader(header, world_.Secrets(header)));
  }

  World world_;
  std::shared_ptr<MemoryFile> file_;
  std::unique_ptr<Document> document_;
  Bytes content_;
};

TEST_F(DocumentTest, KeepsWhatWasWrittenInOnePiece) {
  for (const size_t size : kSizes) {
    Make(size);
    EXPECT_EQ(file_->bytes().size(), StoredLengthFromSize(size));
    EXPECT_EQ(Must(StoredContentSize(*file_)), size);
    ExpectContent();
    EXPECT_EQ(Must(world_.Open(file_))->GetAuthorship().author, "alice@example.com");
    EXPECT_EQ(document_->Generation(), 1u);
    EXPECT_FALSE(document_->IsDirty());
  }
}

TEST_F(DocumentTest, IsCreatedByOneWriteWhenItIsSmall) {
  file_ = std::make_shared<MemoryFile>();
  document_ = world_.Create(file_);
  Must(document_->Write(0, RandomContent(100'000)));
  EXPECT_EQ(file_->writes, 0);
  Must(document_->Commit(world_.author(), Durability::kVisible));
  EXPECT_EQ(file_->writes, 1);
  EXPECT_EQ(file_->syncs, 0);
}

TEST_F(DocumentTest, IsProvisionalUntilItIsDurable) {
  file_ = std::make_shared<MemoryFile>();
  document_ = world_.Create(file_);
  Must(document_->Write(0, RandomContent(10'000)));
  Must(document_->Commit(world_.author(), Durability::kVisible));
  EXPECT_TRUE(document_->IsProvisional());
  EXPECT_EQ(file_->bytes()[2294], '\t');
  EXPECT_TRUE(Must(world_.Open(file_))->IsProvisional());
  Must(document_->Write(0, RandomContent(10)));
  Must(document_->Commit(world_.author(), Durability::kSynced));
  EXPECT_EQ(file_->syncs, 1);
  EXPECT_FALSE(document_->IsProvisional());
  EXPECT_EQ(file_->bytes()[2294], ' ');
  EXPECT_FALSE(Must(world_.Open(file_))->IsProvisional());
}

TEST_F(DocumentTest, ApplyingMakesItDurable) {
  file_ = std::make_shared<MemoryFile>();
  document_ = world_.Create(file_);
  Must(document_->Write(0, RandomContent(10'000)));
  Must(document_->Commit(world_.author(), Durability::kVisible));
  Must(document_->Write(0, RandomContent(10)));
  Must(document_->Commit(world_.author(), Durability::kVisible));
  EXPECT_TRUE(document_->IsProvisional());
  Must(document_->Apply());
  EXPECT_FALSE(Must(world_.Open(file_))->IsProvisional());
}

TEST_F(DocumentTest, HoldsLittleWhileItIsWrittenFromStartToEnd) {
  file_ = std::make_shared<MemoryFile>();
  document_ = world_.Create(file_);
  for (int i = 0; i < 200; ++i) {
    Write(content_.size(), 100'000);
    EXPECT_LT(document_->DirtyBytes(), 1'000'000u);
  }
  Commit();
  EXPECT_EQ(file_->bytes().size(), StoredLengthFromSize(content_.size()));
  ExpectContent();
}

TEST_F(DocumentTest, TakesBackWhatItWroteAheadWhileItIsBeingCreated) {
  file_ = std::make_shared<MemoryFile>();
  document_ = world_.Create(file_);
  Write(0, 3'000'000);
  Write(600'000, 10'000);
  Write(100, 1'000'000);
  Must(document_->Truncate(700'000));
  content_.resize(700'000);
  Write(2'000'000, 500'000);
  Must(document_->PunchHole(524288, 524288));
  std::fill(content_.begin() + 524288, content_.begin() + 1048576, uint8_t{0});
  Commit();
  EXPECT_EQ(file_->bytes().size(), StoredLengthFromSize(content_.size()));
  ExpectContent();
}

TEST_F(DocumentTest, CommitsAnOverwriteWithOneWriteAndOneSync) {
  Make(100'000);
  Write(50'000, 10);
  Commit();
  EXPECT_EQ(file_->writes, 1);
  EXPECT_EQ(file_->syncs, 1);
  EXPECT_TRUE(document_->HasRecords());
  EXPECT_LT(document_->RecordBytes(), 12'000u);
  ExpectContent();
  Must(document_->Apply());
  EXPECT_FALSE(document_->HasRecords());
  EXPECT_EQ(file_->bytes().size(), StoredLengthFromSize(content_.size()));
  ExpectContent();
}

TEST_F(DocumentTest, CommitsASmallAppendWithOneWriteAndOneSync) {
  Make(100'000);
  for (int i = 0; i < 10; ++i) {
    Write(content_.size(), 9000);
    Commit();
  }
  EXPECT_EQ(file_->writes, 10);
  EXPECT_EQ(file_->syncs, 10);
  ExpectContent();
}

TEST_F(DocumentTest, WritesALargeAppendAheadAndSyncsItFirst) {
  Make(100'000);
  Write(content_.size(), 9'000'000);
  EXPECT_LT(document_->DirtyBytes(), kMaxDirtyBytes);
  EXPECT_GT(file_->writes, 0);
  // Everybody else still sees the committed document.
  EXPECT_EQ(Must(StoredContentSize(*file_)), 100'000u);
  EXPECT_EQ(Must(world_.Open(file_))->Size(), 100'000u);
  Commit();
  EXPECT_EQ(file_->syncs, 2);
  ExpectContent();
  Must(document_->Apply());
  ExpectContent();
}

TEST_F(DocumentTest, ForgetsChangesThatAreDiscarded) {
  Make(1'000'000);
  const Bytes before = content_;
  Write(10, 2'000'000);
  Write(content_.size(), 9'000'000);
  document_->Discard();
  content_ = before;
  EXPECT_FALSE(document_->IsDirty());
  ExpectContent();
  EXPECT_EQ(file_->bytes().size(), StoredLengthFromSize(content_.size()));
}

TEST_F(DocumentTest, SyncsEvenWithoutChanges) {
  Make(100);
  Commit();
  EXPECT_EQ(file_->syncs, 1);
  EXPECT_EQ(document_->Generation(), 1u);
  Must(document_->Commit(nullptr, Durability::kVisible));
  EXPECT_EQ(file_->syncs, 1);
}

TEST_F(DocumentTest, ReadsOneBlockWithOneReadOfTheFile) {
  Make(5'000'000);
  document_ = Must(world_.Open(file_));
  Bytes out(4096);
  Must(document_->Read(4096 * 300, out));
  file_->reads = 0;
  Must(document_->Read(4096 * 301, out));
  EXPECT_EQ(file_->reads, 1);
  EXPECT_TRUE(std::equal(out.begin(), out.end(), content_.begin() + 4096 * 301));
}

TEST_F(DocumentTest, RefusesToHoldMoreThanItsLimit) {
  Make(50'000'000);
  Status written;
  uint64_t at = 0;
  while (written) {
    written = document_->Write(at, RandomContent(1'000'000));
    at += 1'000'000;
    ASSERT_LT(at, 40'000'000u);
  }
  EXPECT_EQ(written.error().code, ErrorCode::kBusy);
  Commit();
  Must(document_->Write(0, RandomContent(100)));
}

TEST_F(DocumentTest, RefusesSizesThatNoDocumentHas) {
  Make(10);
  EXPECT_EQ(document_->Truncate(kMaxContentSize + 1).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(document_->Write(kMaxContentSize, Bytes(1)).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(document_->Write(~uint64_t{0}, Bytes(1)).error().code, ErrorCode::kInvalid);
  Bytes out(10);
  EXPECT_EQ(Must(document_->Read(~uint64_t{0}, out)), 0u);
  Must(document_->PunchHole(5, ~uint64_t{0}));
  content_.resize(5);
  content_.resize(10);
  Commit();
  ExpectContent();
}

TEST_F(DocumentTest, ApplyWaitsForACommit) {
  Make(10'000);
  Write(0, 10);
  Commit();
  Write(0, 10);
  EXPECT_EQ(document_->Apply().error().code, ErrorCode::kBusy);
  Commit();
  Must(document_->Apply());
  ExpectContent();
}

TEST_F(DocumentTest, CountsBlockWritesUnderTheNewestKey) {
  Make(10'000);
  EXPECT_EQ(document_->BlockWrites(), 3u);
  Write(0, 10);
  Commit();
  EXPECT_EQ(document_->BlockWrites(), 4u);
  EXPECT_EQ(Must(world_.Open(file_))->BlockWrites(), 4u);
}

TEST_F(DocumentTest, TellsWhoWroteAndWhoWrapped) {
  Make(10'000);
  const SealedHeader sealed = world_.Seal(OpenWrapper());
  Must(document_->ReplaceHeader(sealed, World::Copy(OpenWrapper().keys)));
  const Author bob = MakeAuthor(world_.label(), "bob@example.com");
  Must(document_->Commit(&bob, Durability::kSynced));
  const auto expect = [&](const std::string& author, const std::string& wrapper) {
    EXPECT_EQ(document_->GetAuthorship().author, author);
    document_ = Must(world_.Open(file_));
    EXPECT_EQ(document_->GetAuthorship().author, author);
    EXPECT_EQ(document_->GetAuthorship().wrapper, wrapper);
  };
  expect("alice@example.com", "bob@example.com");
  // Once more: the author's entry stays what it was.
  const Author carol = MakeAuthor(world_.label(), "carol@example.com", Curve::kP256);
  Must(document_->ReplaceHeader(world_.Seal(OpenWrapper()), World::Copy(OpenWrapper().keys)));
  Must(document_->Commit(&carol, Durability::kSynced));
  expect("alice@example.com", "carol@example.com");
  Write(0, 1);
  Must(document_->Commit(&bob, Durability::kSynced));
  expect("bob@example.com", "bob@example.com");
  Must(document_->Apply());
  ExpectContent();
}

TEST_F(DocumentTest, WhoMovesItToAnotherLabelVouchesForIt) {
  std::vector<Label> labels = World::OneLabel();
  labels.emplace_back("B#example.com");
  World other(std::move(labels), "B#example.com");
  Make(10'000);
  HeaderSpec spec = other.Spec();
  const Wrapper wrapper = OpenWrapper();
  Must(document_->ReplaceHeader(Must(SealHeader(spec, wrapper)), World::Copy(wrapper.keys)));
  const Author bob = MakeAuthor(other.label(1), "bob@example.com");
  Must(document_->Commit(&bob, Durability::kSynced));
  document_ = Must(other.Open(file_));
  EXPECT_EQ(document_->GetAuthorship().author, "bob@example.com");
  EXPECT_FALSE(world_.Open(file_));
}

TEST_F(DocumentTest, WritesUnderTheNewestKeyAndReadsUnderOlderOnes) {
  Make(1'500'000);
  Wrapper wrapper = OpenWrapper();
  wrapper.keys.push_back({2, Secret::Random(32)});
  Must(document_->ReplaceHeader(world_.Seal(wrapper), World::Copy(wrapper.keys)));
  EXPECT_EQ(document_->BlockWrites(), 0u);
  Write(600'000, 10);
  Commit();
  ExpectContent();
  // The whole group was encrypted again, as a group has one key.
  EXPECT_EQ(document_->BlockWrites(), 128u);
  document_ = Must(world_.Open(file_));
  Write(600'000, 10);
  Commit();
  EXPECT_EQ(document_->BlockWrites(), 129u);
  Must(document_->Apply());
  ExpectContent();
}

TEST_F(DocumentTest, RefusesAHeaderThatDoesNotGoWithIt) {
  Make(10);
  const std::vector<DataKey> keys = World::NewKeys();
  EXPECT_EQ(document_
                ->ReplaceHeader(world_.Seal(World::MakeWrapper(RandomArray<16>(), keys)),
                                World::Copy(keys))
                .error()
                .code,
            ErrorCode::kInvalid);
  Wrapper wrapper = OpenWrapper();
  wrapper.keys[0].number = 2;
  EXPECT_EQ(document_->ReplaceHeader(world_.Seal(wrapper), World::Copy(wrapper.keys)).error().code,
            ErrorCode::kInvalid);
}

TEST_F(DocumentTest, SaysThatItsHeaderWasReplaced) {
  Make(10'000);
  const Bytes old_region(file_->bytes().begin(), file_->bytes().begin() + kHeaderRegion);
  Must(document_->ReplaceHeader(world_.Seal(OpenWrapper()), World::Copy(OpenWrapper().keys)));
  Commit();
  EXPECT_EQ(Must(ReadHeaderRegions(*file_)).size(), 2u);
  EXPECT_EQ(world_.OpenWith(file_, old_region).error().code, ErrorCode::kStale);
  ExpectContent();
}

TEST_F(DocumentTest, KeepsItsHeaderWhenTheReplacementIsDiscarded) {
  Make(10'000);
  Wrapper wrapper = OpenWrapper();
  wrapper.keys.push_back({2, Secret::Random(32)});
  Must(document_->ReplaceHeader(world_.Seal(wrapper), World::Copy(wrapper.keys)));
  Write(0, 10);
  document_->Discard();
  const Bytes head = Bytes(10);
  content_ = Must(ReadAll(*document_));
  Write(5000, 10);
  Commit();
  ExpectContent();
}

TEST_F(DocumentTest, IsReadByManyThreadsWhileItIsWritten) {
  Make(3'000'000);
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      Bytes out(300'000);
      for (uint64_t at = 0; !stop; at = (at + 77'777) % 1'000'000) {
        const auto got = document_->Read(at, out);
        // The first half is never written.
        if (!got || *got != out.size() ||
            !std::equal(out.begin(), out.end(), content_.begin() + static_cast<ptrdiff_t>(at))) {
          ++wrong;
        }
      }
    });
  }
  for (int i = 0; i < 40; ++i) {
    Must(document_->Write(1'500'000 + static_cast<uint64_t>(i) * 3000, RandomContent(10'000)));
    Must(document_->Commit(world_.author(), Durability::kSynced));
    if (i % 5 == 0) Must(document_->Apply());
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(DocumentTest, SeeksDataAndHoles) {
  Make(10'000);
  Must(document_->Truncate(2'000'000));
  EXPECT_EQ(Must(document_->SeekData(0)), 0u);
  EXPECT_EQ(Must(document_->SeekHole(0)), 12288u);
  EXPECT_EQ(document_->SeekData(12288).error().code, ErrorCode::kNotFound);
  Must(document_->Write(1'000'000, Bytes(1)));
  EXPECT_EQ(Must(document_->SeekData(12288)), 1'000'000u / 4096 * 4096);
  EXPECT_EQ(Must(document_->SeekHole(1'000'000)), (1'000'000u / 4096 + 1) * 4096);
  EXPECT_EQ(document_->SeekHole(2'000'000).error().code, ErrorCode::kNotFound);
}

TEST_F(DocumentTest, RefusesACommitWithoutAuthorWhereTheLabelAsksForOne) {
  Make(10);
  document_ = Must(world_.Open(file_));
  Write(0, 1);
  EXPECT_EQ(document_->Commit(nullptr, Durability::kSynced).error().code, ErrorCode::kDenied);
}

}  // namespace
}  // namespace recrypt
