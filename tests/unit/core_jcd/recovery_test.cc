// What a file that nobody has vouched for may cost its reader before there are keys: reading of
// about its size, and little memory (docs/FORMAT.md, 6).
#include "core/jcd/recovery.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/unit/core_jcd/fixture.h"
#include "tests/unit/core_jcd/sparse_file.h"

namespace recrypt {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr size_t kBodyAt = 19;       // behind the framing
constexpr size_t kSealAtLeast = 28;  // nonce and tag
constexpr size_t kWriteHead = 12;

struct CountingFile : MemoryFile {
  using MemoryFile::MemoryFile;
  Result<uint64_t> Size() override { return MemoryFile::Size().value() + vanished; }
  Result<size_t> ReadAt(uint64_t offset, MutableByteSpan out) override {
    bytes_read += out.size();
    if (bytes_read > 64 * bytes().size()) return Fail(ErrorCode::kIo, "read without end");
    return MemoryFile::ReadAt(offset, out);
  }
  uint64_t bytes_read = 0;
  uint64_t vanished = 0;  // bytes that another has cut off since the size was asked for
};

// The head of a record that nobody sealed, of `body` bytes, and these writes.
Bytes ForgedRecord(uint64_t position, uint64_t previous, uint64_t body, uint32_t count = 0,
                   ByteSpan writes = {}) {
  Bytes record(kRecordHead);
  std::copy(kRecordStart.begin(), kRecordStart.end(), record.begin());
  StoreU64(&record[11], body);
  record[kBodyAt] = 1;
  StoreU64(&record[kBodyAt + 8], kEmptyLength);
  StoreU64(&record[kBodyAt + 16], position);
  StoreU64(&record[kBodyAt + 24], previous);
  StoreU64(&record[kBodyAt + 32], kEmptyLength);
  StoreU32(&record[kBodyAt + 48], count);
  Append(record, writes);
  return record;
}

class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() {
    const auto file = std::make_shared<MemoryFile>();
    auto document = world_.Create(file);
    Must(document->Write(0, RandomContent(5000)));
    Must(document->Commit(world_.author(), Durability::kSynced));
    document_ = file->bytes();
    region_ = Bytes(document_.begin(), document_.begin() + kHeaderRegion);
  }

  Result<std::unique_ptr<Document>> OpenWithRegion(std::shared_ptr<StoredFile> file) {
    return world_.OpenWith(std::move(file), region_);
  }

  World world_;
  Bytes document_;
  Bytes region_;
};

TEST_F(RecoveryTest, ReadsAFileFullOfTheTextOfRecordsAFewTimes) {
  Bytes bytes = document_;
  while (bytes.size() < 3 * kMiB) Append(bytes, AsBytes(kRecordStart));
  bytes.resize(NextUnmappedLength(bytes.size()));
  const auto file = std::make_shared<CountingFile>(std::move(bytes));
  EXPECT_EQ(Must(ReadHeaderRegions(*file)).size(), 1u);
  EXPECT_LT(file->bytes_read, 2 * file->bytes().size());
  file->bytes_read = 0;
  EXPECT_TRUE(OpenWithRegion(file));
  EXPECT_LT(file->bytes_read, 4 * file->bytes().size());
}

// Heads of which each is what a record would start with, and which follow the document.
TEST_F(RecoveryTest, ReadsBodiesThatDoNotVerifyAFewTimes) {
  constexpr uint64_t kBody = 4 * kMiB;
  Bytes bytes = document_;
  const Bytes followed(document_.end() - kTrailerSize, document_.end());
  const TrailerFields fields = Must(ParseTrailer(followed));
  std::vector<size_t> starts;
  while (bytes.size() < 2 * kMiB) {
    starts.push_back(bytes.size());
    Bytes record = ForgedRecord(bytes.size(), 0, kBody);
    StoreU32(&record[kBodyAt + 4], fields.key);
    StoreU64(&record[kBodyAt + 8], document_.size());
    StoreU64(&record[kBodyAt + 32], document_.size());
    StoreU64(&record[kBodyAt + 40], fields.size);
    std::copy(followed.begin(), followed.end(), record.end() - kTrailerSize);
    Append(bytes, record);
  }
  bytes.resize(NextUnmappedLength(bytes.size() + kBody), '}');
  const auto file = std::make_shared<CountingFile>(std::move(bytes));
  EXPECT_TRUE(OpenWithRegion(file));
  EXPECT_LT(file->bytes_read, 8 * file->bytes().size());
}

TEST_F(RecoveryTest, ReadsTheStartAloneOfWhatIsNoDocument) {
  for (const uint64_t size : {NextUnmappedLength(300 * kMiB), StoredLengthFromSize(300 * kMiB)}) {
    SparseFile file;
    Must(file.Truncate(size));
    Must(file.WriteAt(0, RandomContent(kHeaderRegion)));
    EXPECT_EQ(Must(ReadHeaderRegions(file)).size(), 1u);
    EXPECT_TRUE(StoredContentSize(file));
    EXPECT_LT(file.bytes_read, 10'000u);
  }
}

TEST_F(RecoveryTest, LooksForHeadersNearTheEndAlone) {
  SparseFile file;
  Must(file.WriteAt(0, region_));
  Must(file.Truncate(NextUnmappedLength(2048 * kMiB)));
  EXPECT_EQ(Must(ReadHeaderRegions(file)).size(), 1u);
  EXPECT_LT(file.bytes_read, 260 * kMiB);
}

TEST_F(RecoveryTest, RefusesRecordsThatReachOverTheNext) {
  constexpr uint64_t kBody = 16 * kMiB;
  constexpr uint64_t kRecords = 100;
  SparseFile file;
  Must(file.WriteAt(0, document_));
  uint64_t at = document_.size();
  uint64_t previous = 0;
  for (uint64_t i = 0; i < kRecords; ++i) {
    Must(file.WriteAt(at, ForgedRecord(at, previous, kBody, 0)));
    Must(file.WriteAt(at + kBodyAt + kBody, AsBytes("}")));
    previous = at;
    at += 1000;
  }
  const uint64_t end = previous + kBodyAt + kBody + 1;
  Must(file.WriteAt(end, PaddedFooter(end, {previous, kEmptyLength, 0})));
  const uint64_t size = Must(file.Size());
  EXPECT_TRUE(ReadHeaderRegions(file));
  EXPECT_LT(file.bytes_read, 3 * size);
}

// A body of nothing but writes of one byte each, to places far from the header.
TEST_F(RecoveryTest, LooksAtAnyNumberOfWritesInLittleMemory) {
  constexpr uint32_t kCount = 1'000'000;
  constexpr uint64_t kNewSize = 4 * kMiB;
  Bytes writes;
  writes.reserve((kWriteHead + 1) * kCount);
  for (uint32_t i = 0; i < kCount; ++i) {
    ByteArray<kWriteHead + 1> write{};
    StoreU64(&write[0], kHeaderRegion + 2 * uint64_t{i});
    StoreU32(&write[8], 1);
    Append(writes, write);
  }
  const uint64_t at = StoredLengthFromSize(kNewSize);
  const uint64_t body = kRecordHead - kBodyAt + writes.size() + kSealAtLeast;
  Bytes record = ForgedRecord(at, 0, body, kCount, writes);
  StoreU64(&record[kBodyAt + 32], at);
  StoreU64(&record[kBodyAt + 40], kNewSize);
  record.resize(kBodyAt + body);
  record.push_back('}');
  Append(record, PaddedFooter(at + record.size(), {at, at, kNewSize}));
  CountingFile file(document_);
  Must(file.WriteAt(at, record));
  const auto most_kib = [] {
    struct rusage usage {};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  // In a process of its own, whose memory was never more.
  EXPECT_EXIT(
      {
        const auto before = most_kib();
        const bool looked = ReadHeaderRegions(file).has_value();
        const auto more = (most_kib() - before) / 1024;
        std::fprintf(stderr, "%s, %ld MiB", looked ? "looked" : "failed", more);
        ::_exit(looked && more < 64 ? 0 : 1);  // a forked process knows of no other thread
      },
      testing::ExitedWithCode(0), "looked");
  EXPECT_LT(file.bytes_read, 3 * file.bytes().size());
}

TEST_F(RecoveryTest, TakesTheHeaderInTheFileWhenTheFileBecomesShorterMeanwhile) {
  for (const uint64_t vanished : {uint64_t{100}, 10 * kMiB}) {
    CountingFile file(document_);
    file.vanished = NextUnmappedLength(document_.size() + vanished) - document_.size();
    const auto regions = ReadHeaderRegions(file);
    ASSERT_TRUE(regions) << regions.error().message;
    EXPECT_EQ(*regions, std::vector<Bytes>{region_});
  }
}

// What unsynced commits leave behind a good one that replaced the header.
TEST_F(RecoveryTest, TakesTheHeaderOfAChainAsFarAsItIsWhole) {
  const auto file = std::make_shared<MemoryFile>(document_);
  const Header header = Must(ParseHeader(region_));
  auto document = Must(world_.Open(file));
  Wrapper wrapper = Must(OpenHeader(header, world_.Secrets(header)));
  wrapper.keys.push_back({2, Secret::Random(32)});
  Must(document->ReplaceHeader(world_.Seal(wrapper), World::Copy(wrapper.keys)));
  Must(document->Commit(world_.author(), Durability::kVisible));
  const uint64_t good = file->bytes().size();
  Must(document->Write(0, RandomContent(3000)));
  Must(document->Commit(world_.author(), Durability::kVisible));
  // The end of the last record never came to the disk, its footer did.
  std::fill(file->bytes().begin() + static_cast<ptrdiff_t>(good) + 1000, file->bytes().end() - 40,
            uint8_t{0});
  EXPECT_EQ(Must(ReadHeaderRegions(*file)).size(), 2u);
  EXPECT_TRUE(world_.Open(file));
}

}  // namespace
}  // namespace recrypt
