// Checking stored documents: each kind of damage is told by its name and place, with keys and
// without, and what is good is not called damaged.
#include "core/jcd/check.h"

#include <random>

#include "core/jcd/record.h"
#include "tests/unit/core_jcd/fixture.h"
#include "tests/unit/core_jcd/sparse_file.h"
#include "tests/unit/seeds.h"

namespace recrypt {
namespace {

enum class With { kKeys, kNoKeys };

class CheckTest : public testing::Test {
 protected:
  // A committed document of `size` random bytes.
  void Make(size_t size) {
    document_ = world_.Create(file_);
    content_ = RandomContent(size);
    Must(document_->Write(0, content_));
    Must(document_->Commit(world_.author(), Durability::kSynced));
  }
  void Overwrite(uint64_t at, size_t length) {
    const Bytes data = RandomContent(length);
    Must(document_->Write(at, data));
    std::copy(data.begin(), data.end(), content_.begin() + static_cast<ptrdiff_t>(at));
    Must(document_->Commit(world_.author(), Durability::kSynced));
  }
  Bytes& stored() { return file_->bytes(); }
  void Flip(uint64_t at) { stored()[at] ^= 0x10; }

  CheckReport Check(With with) { return CheckFile(*file_, with); }

  CheckReport CheckFile(StoredFile& file, With with) {
    const DocumentStart start = Must(ReadDocumentStart(file));
    start_ = start.encoding;
    CheckReport report;
    if (start.headers.empty()) {
      Must(CheckWithoutHeader(file, start, report));
      return report;
    }
    for (const Header& header : start.headers) {
      report = {};
      std::optional<DataKeys> keys;
      if (with == With::kKeys) {
        auto wrapper = OpenHeader(header, world_.Secrets(header));
        if (!wrapper) {
          report.Add(Part::kHeader, Harm::kDamage, wrapper.error().message);
          continue;
        }
        keys = Must(DataKeys::Make(header.uid, std::move(wrapper->keys)));
      }
      const TrustedLabels trust = world_.Trust();
      std::optional<CheckKeys> view;
      if (keys) view.emplace(CheckKeys{*keys, world_.expression(), trust, kNow});
      auto state = CheckState(file, header, view ? &*view : nullptr, report);
      if (!state && state.error().code == ErrorCode::kStale) continue;
      if (!state) ADD_FAILURE() << state.error().message;
      if (state && *state) {
        AddHeaderMend(start, header, report);
        Must(CheckContent(file, **state, header.uid, view ? &*view : nullptr, {}, report));
        return report;
      }
    }
    return report;
  }

  // The only finding, in the part that it should be in.
  void ExpectOne(Part part, std::optional<ContentRange> content, With with) {
    const CheckReport report = Check(with);
    EXPECT_TRUE(report.damaged());
    ASSERT_EQ(report.findings.size(), 1u) << PartName(part);
    const Finding& finding = report.findings[0];
    EXPECT_EQ(PartName(finding.part), PartName(part)) << finding.what;
    EXPECT_EQ(finding.content.has_value(), content.has_value());
    if (finding.content && content) {
      EXPECT_EQ(finding.content->first, content->first);
      EXPECT_EQ(finding.content->end, content->end);
      EXPECT_EQ(report.unreadable, content->end - content->first);
    }
  }
  void ExpectOneEitherWay(Part part, std::optional<ContentRange> content) {
    ExpectOne(part, content, With::kKeys);
    ExpectOne(part, content, With::kNoKeys);
  }
  void ExpectGood(With with) {
    const CheckReport report = Check(with);
    EXPECT_EQ(report.condition, Condition::kGood);
    EXPECT_TRUE(report.content_checked);
    EXPECT_EQ(report.size, content_.size());
    EXPECT_EQ(report.authenticated, with == With::kKeys);
    for (const Finding& finding : report.findings) {
      EXPECT_EQ(finding.harm, Harm::kNone) << finding.what;
    }
  }

  World world_;
  std::shared_ptr<MemoryFile> file_ = std::make_shared<MemoryFile>();
  std::unique_ptr<Document> document_;
  Bytes content_;
  Encoding start_ = Encoding::kEmpty;
};

TEST_F(CheckTest, GoodDocumentsOfAnySizeAreGood) {
  for (const size_t size : {0u, 1u, 4096u, 100'000u, 524'288u, 3'000'000u}) {
    file_ = std::make_shared<MemoryFile>();
    Make(size);
    ExpectGood(With::kKeys);
    ExpectGood(With::kNoKeys);
    EXPECT_EQ(Check(With::kKeys).authorship.author, "alice@example.com");
    EXPECT_TRUE(Check(With::kKeys).findings.empty());
  }
}

TEST_F(CheckTest, RecordsThatWaitAreFine) {
  Make(2'000'000);
  Overwrite(600'000, 5000);
  Overwrite(100, 9000);
  ExpectGood(With::kKeys);
  ExpectGood(With::kNoKeys);
  EXPECT_TRUE(Check(With::kKeys).records_wait);
  Must(document_->Apply());
  EXPECT_FALSE(Check(With::kKeys).records_wait);
  ExpectGood(With::kNoKeys);
}

TEST_F(CheckTest, ABlockIsToldByItsNumber) {
  Make(2'000'000);
  Flip(BlockOffset(200) + 77);
  ExpectOneEitherWay(Part::kBlock, ContentRange{200 * 4096, 201 * 4096});
}

TEST_F(CheckTest, BlocksSideBySideAreOneFinding) {
  Make(2'000'000);
  for (const uint64_t block : {10u, 11u, 12u}) Flip(BlockOffset(block));
  ExpectOneEitherWay(Part::kBlock, ContentRange{10 * 4096, 13 * 4096});
}

TEST_F(CheckTest, TheLastBlockEndsWithTheContent) {
  Make(10'000);
  Flip(BlockOffset(2) + 5);
  ExpectOneEitherWay(Part::kBlock, ContentRange{2 * 4096, 10'000});
}

TEST_F(CheckTest, BlocksThatWereSwappedAreTold) {
  Make(2'000'000);
  const auto at = [&](uint64_t block) {
    return stored().begin() + static_cast<ptrdiff_t>(BlockOffset(block));
  };
  std::swap_ranges(at(3), at(3) + 4096, at(300));
  const CheckReport report = Check(With::kNoKeys);
  ASSERT_EQ(report.findings.size(), 2u);
  EXPECT_EQ(report.findings[0].content->first, 3u * 4096);
  EXPECT_EQ(report.findings[1].content->first, 300u * 4096);
  EXPECT_EQ(report.unreadable, 2u * 4096);
}

TEST_F(CheckTest, ATableTakesItsGroupAlong) {
  Make(2'000'000);
  Flip(Layout(2'000'000).NodeOffset(0, 1) + 100);
  ExpectOneEitherWay(Part::kTable, ContentRange{524'288, 2 * 524'288});
}

TEST_F(CheckTest, AnIndexBlockIsMendedFromItsTables) {
  Make(2'000'000);
  const uint64_t at = Layout(2'000'000).NodeOffset(1, 0);
  const Bytes before = stored();
  Flip(at + 40);
  ExpectOneEitherWay(Part::kIndex, ContentRange{0, 2'000'000});
  const CheckReport report = Check(With::kKeys);
  ASSERT_EQ(report.mends.size(), 1u);
  Must(file_->WriteAt(report.mends[0].offset, report.mends[0].bytes));
  EXPECT_EQ(stored(), before);
}

TEST_F(CheckTest, AnIndexBlockWhoseTableIsDamagedTooIsNotMended) {
  Make(2'000'000);
  Flip(Layout(2'000'000).NodeOffset(1, 0) + 40);
  Flip(Layout(2'000'000).NodeOffset(0, 2) + 40);
  EXPECT_TRUE(Check(With::kKeys).mends.empty());
}

TEST_F(CheckTest, TheHeaderIsTold) {
  Make(10'000);
  Flip(60);
  const CheckReport report = Check(With::kKeys);
  ASSERT_TRUE(report.damaged());
  EXPECT_EQ(report.findings[0].part, Part::kHeader);
  EXPECT_EQ(report.unreadable, 10'000u);
}

TEST_F(CheckTest, WhatStandsAroundTheHeaderIsMended) {
  Make(10'000);
  const Bytes before = stored();
  for (const uint64_t at : {uint64_t{0}, kSlot0 - 1}) {
    stored() = before;
    Flip(at);
    EXPECT_FALSE(world_.Open(file_));
    const DocumentStart start = Must(ReadDocumentStart(*file_));
    ASSERT_TRUE(start.mend) << at;
    Must(file_->WriteAt(start.mend->offset, start.mend->bytes));
    EXPECT_EQ(stored(), before);
  }
}

TEST_F(CheckTest, TheFramingOfTheDataIsToldAndMended) {
  Make(10'000);
  const Bytes before = stored();
  Flip(kSlot0 + 8);
  ExpectOneEitherWay(Part::kSlots, std::nullopt);
  const CheckReport report = Check(With::kKeys);
  Must(file_->WriteAt(report.mends.at(0).offset, report.mends.at(0).bytes));
  EXPECT_EQ(stored(), before);
}

TEST_F(CheckTest, TheTrailerIsTold) {
  Make(10'000);
  const Bytes before = stored();
  // Framing, size, root, header digest, and its text.
  for (const uint64_t at : {0u, 14u + 16 + 7, 14u + 32, 14u + 96}) {
    stored() = before;
    Flip(stored().size() - kTrailerSize + at);
    EXPECT_TRUE(Check(With::kNoKeys).damaged()) << at;
    EXPECT_EQ(Check(With::kKeys).unreadable, 10'000u) << at;
  }
  // What only its key can tell.
  stored() = before;
  Flip(stored().size() - 300);
  ExpectOne(Part::kTrailer, ContentRange{0, 10'000}, With::kKeys);
}

TEST_F(CheckTest, AnotherDocumentsTrailerIsTold) {
  Make(10'000);
  auto other_file = std::make_shared<MemoryFile>();
  auto other = world_.Create(other_file);
  Must(other->Write(0, RandomContent(10'000)));
  Must(other->Commit(world_.author(), Durability::kSynced));
  ASSERT_EQ(other_file->bytes().size(), stored().size());
  std::copy(other_file->bytes().end() - kTrailerSize, other_file->bytes().end(),
            stored().end() - kTrailerSize);
  EXPECT_TRUE(Check(With::kNoKeys).damaged());
  EXPECT_TRUE(Check(With::kKeys).damaged());
}

TEST_F(CheckTest, ADocumentThatWasCutIsTold) {
  Make(100'000);
  const Bytes before = stored();
  for (const size_t cut : {1u, 656u, 5000u, 50'000u}) {
    stored() = before;
    stored().resize(stored().size() - cut);
    EXPECT_TRUE(Check(With::kNoKeys).damaged()) << cut;
    EXPECT_TRUE(Check(With::kKeys).damaged()) << cut;
  }
}

TEST_F(CheckTest, WhatStandsBehindTheEndIsLeftOver) {
  Make(100'000);
  const uint64_t length = stored().size();
  for (const size_t more : {1u, 100u, 5000u}) {
    stored().resize(length);
    Append(stored(), RandomContent(more));
    for (const With with : {With::kKeys, With::kNoKeys}) {
      ExpectGood(with);
      const CheckReport report = Check(with);
      EXPECT_EQ(report.cut_to, length);
      ASSERT_EQ(report.findings.size(), 1u);
      EXPECT_EQ(report.findings[0].part, Part::kEnd);
    }
  }
}

TEST_F(CheckTest, ATornRecordIsLeftOver) {
  Make(100'000);
  const uint64_t length = stored().size();
  Overwrite(5000, 20'000);
  stored().resize(length + 9000);
  const CheckReport report = Check(With::kKeys);
  EXPECT_EQ(report.condition, Condition::kGood);
  EXPECT_EQ(report.cut_to, length);
}

TEST_F(CheckTest, AWholeRecordThatDoesNotVerifyIsDamage) {
  Make(100'000);
  const uint64_t length = stored().size();
  Overwrite(5000, 20'000);
  Flip(length + 5000);
  const CheckReport report = Check(With::kKeys);
  EXPECT_TRUE(report.damaged());
  EXPECT_FALSE(report.cut_to);
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].part, Part::kRecord);
  // Without keys it is seen by what it holds.
  EXPECT_TRUE(Check(With::kNoKeys).damaged());
}

TEST_F(CheckTest, ADamagedFooterIsHarmless) {
  Make(100'000);
  Overwrite(5000, 20'000);
  Flip(stored().size() - 20);
  for (const With with : {With::kKeys, With::kNoKeys}) {
    ExpectGood(with);
    EXPECT_EQ(Check(with).findings.back().part, Part::kFooter);
  }
}

TEST_F(CheckTest, NothingCommittedIsNoDamage) {
  EXPECT_EQ(Check(With::kNoKeys).condition, Condition::kEmpty);
  stored().resize(50'000);
  EXPECT_EQ(Check(With::kNoKeys).condition, Condition::kUnfinished);
  file_ = std::make_shared<MemoryFile>();
  // The room was taken, and the header and some blocks came.
  Make(40'000);
  const uint64_t length = stored().size();
  std::fill(stored().begin() + 9000, stored().end(), uint8_t{0});
  EXPECT_EQ(stored().size(), length);
  EXPECT_EQ(Check(With::kNoKeys).condition, Condition::kUnfinished);
  EXPECT_EQ(Check(With::kKeys).condition, Condition::kUnfinished);
}

TEST_F(CheckTest, GroupsAheadOfAFirstCommitAreUnfinished) {
  document_ = world_.Create(file_);
  Must(document_->Write(0, RandomContent(3'000'000)));
  ASSERT_GT(stored().size(), 2'000'000u);
  EXPECT_EQ(Check(With::kKeys).condition, Condition::kUnfinished);
  stored()[0] = '[';
  const SealedHeader header = world_.Seal(World::MakeWrapper(RandomArray<16>(), World::NewKeys()));
  std::copy_n(header.region.begin(), kSlot0, stored().begin());
  EXPECT_EQ(Check(With::kKeys).condition, Condition::kUnfinished);
}

TEST_F(CheckTest, AHeaderOverwrittenWithZerosIsDamage) {
  Make(40'000);
  std::fill_n(stored().begin(), kHeaderRegion, uint8_t{0});
  const CheckReport report = Check(With::kNoKeys);
  EXPECT_TRUE(report.damaged());
  EXPECT_EQ(report.unreadable, 40'000u);
}

TEST_F(CheckTest, OtherFilesAreNoDocuments) {
  for (const std::string& text :
       {std::string("hello"), std::string(10'000, 'x'), std::string("{")}) {
    stored() = ToBytes(AsBytes(text));
    EXPECT_EQ(Check(With::kNoKeys).condition, Condition::kNoDocument) << text.substr(0, 10);
  }
}

TEST_F(CheckTest, ASignatureThatDoesNotHoldIsTold) {
  Make(1000);
  world_.label().master = PrivateKey::Generate(Curve::kEd25519);
  ExpectOne(Part::kSignature, std::nullopt, With::kKeys);
  EXPECT_FALSE(Check(With::kKeys).authenticated);
}

TEST_F(CheckTest, AHeaderThatARecordReplacesIsFollowed) {
  document_ = world_.Create(file_);
  content_ = RandomContent(10'000);
  Must(document_->Write(0, content_));
  Must(document_->Commit(world_.author(), Durability::kSynced));
  const Header header = Must(ParseHeader(stored()));
  Wrapper wrapper = Must(OpenHeader(header, world_.Secrets(header)));
  wrapper.keys.push_back({2, Secret::Random(32)});
  const SealedHeader sealed = world_.Seal(World::MakeWrapper(wrapper.uid, wrapper.keys));
  Must(document_->ReplaceHeader(sealed, World::Copy(wrapper.keys)));
  Must(document_->Commit(world_.author(), Durability::kSynced));
  ExpectGood(With::kKeys);
  ExpectGood(With::kNoKeys);
}

TEST_F(CheckTest, OneTebibyteOfHolesCostsNothing) {
  SparseFile file;
  auto shared = std::shared_ptr<SparseFile>(&file, [](SparseFile*) {});
  auto document = world_.Create(shared);
  Must(document->Write(0, RandomContent(5000)));
  Must(document->Write(uint64_t{1} << 39, RandomContent(5000)));
  Must(document->Truncate(uint64_t{1} << 40));
  Must(document->Commit(world_.author(), Durability::kSynced));
  file.bytes_read = 0;
  for (const With with : {With::kKeys, With::kNoKeys}) {
    const CheckReport report = CheckFile(file, with);
    EXPECT_EQ(report.condition, Condition::kGood);
    EXPECT_EQ(report.size, uint64_t{1} << 40);
    EXPECT_TRUE(report.findings.empty());
  }
  EXPECT_LT(file.bytes_read, 1u << 20);
}

// What a check says is what a reader finds, for every byte of a small document that changes.
TEST_F(CheckTest, ForEveryByteTheCheckSaysWhatAReaderFinds) {
  Make(5000);
  const Bytes before = stored();
  size_t unnoticed = 0;
  for (size_t at = 0; at < before.size(); ++at) {
    stored() = before;
    Flip(at);
    const CheckReport report = Check(With::kKeys);
    auto opened = world_.Open(file_);
    const auto read = opened ? ReadAll(**opened) : Fail(opened.error());
    const bool readable = read && *read == content_;
    ASSERT_TRUE(readable || report.damaged()) << at;
    if (readable) {
      ASSERT_EQ(report.unreadable, 0u) << at;
    }
    if (Check(With::kNoKeys).condition == Condition::kGood) ++unnoticed;
  }
  // Without keys: what the trailer seals and counts.
  EXPECT_LT(unnoticed, kTrailerSize);
}

// Whatever the bytes, a check ends, and never calls unreadable bytes good.
TEST_F(CheckTest, AnyMutationIsCheckedToTheSameEndAsAReadersOwn) {
  Make(700'000);
  Overwrite(300'000, 50'000);
  const Bytes before = stored();
  for (const uint32_t seed : Seeds(150, 3000)) {
    std::mt19937_64 random(seed);
    stored() = before;
    for (int edits = 0; edits < 3; ++edits) {
      const size_t at = random() % stored().size();
      switch (random() % 4) {
        case 0:
          stored()[at] ^= static_cast<uint8_t>(1 + random() % 255);
          break;
        case 1:
          stored().resize(std::max<size_t>(at, 1));
          break;
        case 2:
          Append(stored(), RandomContent(random() % 10'000));
          break;
        default:
          std::copy_n(before.begin() + static_cast<ptrdiff_t>(random() % (before.size() - 4096)),
                      std::min<size_t>(4096, stored().size() - at),
                      stored().begin() + static_cast<ptrdiff_t>(at));
      }
    }
    const CheckReport report = Check(With::kKeys);
    (void)Check(With::kNoKeys);
    auto opened = world_.Open(file_);
    const auto read = opened ? ReadAll(**opened) : Fail(opened.error());
    if (!read) {
      ASSERT_TRUE(report.damaged() || report.condition == Condition::kUnfinished ||
                  report.condition == Condition::kNoDocument)
          << seed;
    } else {
      ASSERT_EQ(report.unreadable, 0u) << seed;
    }
  }
}

}  // namespace
}  // namespace recrypt
