// What somebody who controls the storage can do to a document: it is noticed, or changes nothing.
#include <gtest/gtest.h>

#include "core/jcd/record.h"
#include "core/jcd/signatures.h"
#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

class HostileTest : public testing::Test {
 protected:
  // A committed document; `file_` and `document_` are of the latest.
  void Make(const Bytes& content) {
    file_ = std::make_shared<MemoryFile>();
    document_ = world_.Create(file_);
    Must(document_->Write(0, content));
    Must(document_->Commit(world_.author(), Durability::kSynced));
  }
  void Change(uint64_t at, const Bytes& data) {
    Must(document_->Write(at, data));
    Must(document_->Commit(world_.author(), Durability::kSynced));
  }

  Result<Bytes> Read(Bytes stored) {
    RECRYPT_ASSIGN(auto document, world_.Open(std::make_shared<MemoryFile>(std::move(stored))));
    return ReadAll(*document);
  }
  // A new document with the same data keys, under the same id.
  std::unique_ptr<Document> CreateWith(std::shared_ptr<StoredFile> file, const DocumentId& uid,
                                       const std::vector<DataKey>& keys) {
    const SealedHeader sealed = world_.Seal(World::MakeWrapper(uid, keys));
    return Document::Create(
        std::move(file), sealed.region,
        DocumentKeys{uid, sealed.header.digest, world_.expression(), World::Copy(keys)});
  }

  World world_;
  std::shared_ptr<MemoryFile> file_;
  std::unique_ptr<Document> document_;
};

TEST_F(HostileTest, EveryFlippedByteIsNoticed) {
  const Bytes content = RandomContent(5000);
  Make(content);
  Bytes stored = file_->bytes();
  for (size_t i = 0; i < stored.size(); ++i) {
    const uint8_t flip = static_cast<uint8_t>(1 << i % 8);
    stored[i] ^= flip;
    const auto read = Read(stored);
    const bool ignored = i >= kSlot0 && i < kHeaderRegion;
    EXPECT_EQ(read.has_value(), ignored) << i;
    if (read) {
      EXPECT_EQ(*read, content);
    }
    stored[i] ^= flip;
  }
}

TEST_F(HostileTest, EveryFlippedByteOfARecordLeavesTheOldOrTheNewState) {
  const Bytes old = RandomContent(5000);
  Make(old);
  const size_t base = file_->bytes().size();
  Bytes fresh = old;
  fresh[4500] ^= 1;
  Change(4500, Bytes{fresh[4500]});
  Bytes stored = file_->bytes();
  ASSERT_GT(stored.size(), base);
  EXPECT_EQ(Must(Read(stored)), fresh);
  size_t olds = 0;
  for (size_t i = base; i < stored.size(); ++i) {
    const uint8_t flip = static_cast<uint8_t>(1 << i % 8);
    stored[i] ^= flip;
    const auto read = Read(stored);
    ASSERT_TRUE(read) << i << " " << read.error().message;
    EXPECT_TRUE(*read == old || *read == fresh) << i;
    olds += *read == old ? 1 : 0;
    stored[i] ^= flip;
  }
  EXPECT_GT(olds, 2000u);  // the record's body is authenticated
}

TEST_F(HostileTest, EveryCutIsNoticed) {
  Make(RandomContent(5000));
  const Bytes& stored = file_->bytes();
  for (size_t length = 0; length < stored.size(); ++length) {
    EXPECT_FALSE(Read(Bytes(stored.begin(), stored.begin() + static_cast<ptrdiff_t>(length))))
        << length;
  }
}

TEST_F(HostileTest, WhatIsAppendedChangesNothing) {
  const Bytes content = RandomContent(5000);
  Make(content);
  for (size_t more = 1; more < 5000; more += 37) {
    Bytes stored = file_->bytes();
    Append(stored, RandomContent(more));
    EXPECT_EQ(Must(Read(stored)), content);
  }
  Bytes stored = file_->bytes();
  Append(stored, file_->bytes());
  EXPECT_EQ(Must(Read(stored)), content);
}

TEST_F(HostileTest, SwappedBlocksAreNoticed) {
  Make(RandomContent(20000));
  Bytes stored = file_->bytes();
  const auto block = [&](uint64_t i) {
    return stored.begin() + static_cast<ptrdiff_t>(BlockOffset(i));
  };
  std::swap_ranges(block(0), block(1), block(2));
  EXPECT_EQ(Read(stored).error().code, ErrorCode::kCorrupt);
  // Together with their entries.
  const auto entry = [&](uint64_t i) {
    return stored.begin() +
           static_cast<ptrdiff_t>(Layout(20000).NodeOffset(0, 0) + 4 + i * kEntrySize);
  };
  std::swap_ranges(entry(0), entry(1), entry(2));
  EXPECT_EQ(Read(stored).error().code, ErrorCode::kCorrupt);
}

TEST_F(HostileTest, ABlockOfAnOlderGenerationIsNoticed) {
  Make(RandomContent(20000));
  const Bytes older = file_->bytes();
  Change(4096, RandomContent(4096));
  Must(document_->Apply());
  ASSERT_EQ(file_->bytes().size(), older.size());
  const Layout layout(20000);
  const auto put_back = [&](Bytes& stored, uint64_t at, uint64_t length) {
    std::copy_n(older.begin() + static_cast<ptrdiff_t>(at), length,
                stored.begin() + static_cast<ptrdiff_t>(at));
  };
  Bytes stored = file_->bytes();
  put_back(stored, BlockOffset(1), 4096);
  EXPECT_FALSE(Read(stored));
  put_back(stored, layout.NodeOffset(0, 0), layout.NodeBytes(0, 0));
  EXPECT_FALSE(Read(stored));
  // With the old trailer too it is the whole older document.
  put_back(stored, layout.DataEnd(), kTrailerSize);
  EXPECT_EQ(stored, older);
}

TEST_F(HostileTest, ABlockOfAnotherDocumentIsNoticed) {
  Make(RandomContent(20000));
  const Bytes other = file_->bytes();
  Make(RandomContent(20000));
  const Layout layout(20000);
  for (const auto& [at, length] :
       std::vector<std::pair<uint64_t, uint64_t>>{{BlockOffset(1), 4096},
                                                  {layout.NodeOffset(0, 0), layout.NodeBytes(0, 0)},
                                                  {layout.DataEnd(), kTrailerSize},
                                                  {0, kSlot0},
                                                  {kHeaderRegion, other.size() - kHeaderRegion}}) {
    Bytes stored = file_->bytes();
    std::copy_n(other.begin() + static_cast<ptrdiff_t>(at), length,
                stored.begin() + static_cast<ptrdiff_t>(at));
    EXPECT_FALSE(Read(stored)) << at;
  }
}

TEST_F(HostileTest, TheSameKeysUnderAnotherIdOpenNothing) {
  const std::vector<DataKey> keys = World::NewKeys();
  auto one = std::make_shared<MemoryFile>();
  auto document = CreateWith(one, RandomArray<16>(), keys);
  Must(document->Write(0, RandomContent(5000)));
  Must(document->Commit(world_.author(), Durability::kSynced));
  auto two = std::make_shared<MemoryFile>();
  document = CreateWith(two, RandomArray<16>(), keys);
  Must(document->Write(0, RandomContent(5000)));
  Must(document->Commit(world_.author(), Durability::kSynced));
  Bytes mixed = one->bytes();
  std::copy(two->bytes().begin() + kHeaderRegion, two->bytes().end(),
            mixed.begin() + kHeaderRegion);
  EXPECT_FALSE(Read(mixed));
}

TEST_F(HostileTest, AnotherHeaderOfTheSameDocumentIsNoticed) {
  const std::vector<DataKey> keys = World::NewKeys();
  const DocumentId uid = RandomArray<16>();
  file_ = std::make_shared<MemoryFile>();
  document_ = CreateWith(file_, uid, keys);
  Must(document_->Commit(world_.author(), Durability::kSynced));
  Bytes stored = file_->bytes();
  const SealedHeader other = world_.Seal(World::MakeWrapper(uid, keys));
  std::copy_n(other.region.begin(), kSlot0, stored.begin());
  EXPECT_EQ(Read(stored).error().code, ErrorCode::kCorrupt);
}

TEST_F(HostileTest, AnOldRecordIsNotPlayedBack) {
  Make(RandomContent(20000));
  const size_t base = file_->bytes().size();
  Change(0, RandomContent(100));
  const Bytes with_record = file_->bytes();
  Must(document_->Apply());
  Change(8192, RandomContent(100));
  Must(document_->Apply());
  const Bytes content = Must(ReadAll(*document_));
  Bytes stored = file_->bytes();
  ASSERT_EQ(stored.size(), base);
  stored.insert(stored.end(), with_record.begin() + static_cast<ptrdiff_t>(base),
                with_record.end());
  EXPECT_EQ(Must(Read(stored)), content);
}

TEST_F(HostileTest, ARecordWithoutTheOneBeforeItIsNotUsed) {
  Make(RandomContent(20000));
  const Bytes first = Must(ReadAll(*document_));
  Change(0, RandomContent(100));
  const size_t second_at = file_->bytes().size();
  Change(8192, RandomContent(100));
  Bytes stored = file_->bytes();
  // The first record's place is overwritten by zeros.
  std::fill(stored.begin() + static_cast<ptrdiff_t>(StoredLengthFromSize(20000)),
            stored.begin() + static_cast<ptrdiff_t>(second_at), uint8_t{0});
  EXPECT_EQ(Must(Read(stored)), first);
}

TEST_F(HostileTest, LengthsAndCountsOfRecordsAreBounded) {
  const Bytes content = RandomContent(5000);
  Make(content);
  const size_t base = file_->bytes().size();
  Change(0, Bytes{1});
  const Bytes good = file_->bytes();
  for (size_t at = base + 11; at < base + 75; at += 4) {
    for (const uint8_t fill : {uint8_t{0}, uint8_t{0x7F}, uint8_t{0xFF}}) {
      Bytes stored = good;
      std::fill_n(stored.begin() + static_cast<ptrdiff_t>(at), 4, fill);
      const auto read = Read(stored);
      ASSERT_TRUE(read) << read.error().message;
    }
  }
  // The footer likewise.
  for (size_t at = good.size() - 24; at < good.size(); at += 8) {
    for (const uint8_t fill : {uint8_t{0}, uint8_t{0x7F}, uint8_t{0xFF}}) {
      Bytes stored = good;
      std::fill_n(stored.begin() + static_cast<ptrdiff_t>(at), 8, fill);
      EXPECT_TRUE(Read(stored));
      MemoryFile file(stored);
      EXPECT_TRUE(StoredContentSize(file));
    }
  }
}

// A writer who has the data keys but no credential.
TEST_F(HostileTest, AnUnsignedDocumentIsRefusedUnlessAnyoneMayWrite) {
  file_ = std::make_shared<MemoryFile>();
  document_ = world_.Create(file_);
  Must(document_->Write(0, RandomContent(100)));
  Must(document_->Commit(nullptr, Durability::kSynced));
  EXPECT_EQ(world_.Open(file_).error().code, ErrorCode::kDenied);
  world_.label().anyone = true;
  EXPECT_FALSE(Must(world_.Open(file_))->GetAuthorship().known());
}

TEST_F(HostileTest, ASignatureDoesNotHoldForOtherContent) {
  Make(RandomContent(5000));
  const Bytes stored = file_->bytes();
  // Somebody with the data keys seals the signed entries into a trailer of their own.
  const Header header = Must(ParseHeader(ByteSpan(stored).first(kHeaderRegion)));
  Wrapper wrapper = Must(OpenHeader(header, world_.Secrets(header)));
  const DataKeys keys = Must(DataKeys::Make(header.uid, World::Copy(wrapper.keys)));
  const TrailerFields fields = Must(ParseTrailer(ByteSpan(stored).last(kTrailerSize)));
  const SealedPart part = Must(UnsealTrailer(ByteSpan(stored).last(kTrailerSize), keys));
  const auto with = [&](const TrailerFields& forged, const SealedPart& sealed) {
    Bytes bytes = stored;
    const TrailerBytes trailer = SealTrailer(forged, sealed, keys);
    std::copy(trailer.begin(), trailer.end(), bytes.end() - kTrailerSize);
    return Read(bytes);
  };
  EXPECT_TRUE(with(fields, part));
  TrailerFields forged = fields;
  ++forged.generation;
  EXPECT_EQ(with(forged, part).error().code, ErrorCode::kDenied);
  forged = fields;
  forged.root[0] ^= 1;
  EXPECT_EQ(with(forged, part).error().code, ErrorCode::kDenied);
  forged = fields;
  forged.attributes[0] ^= 1;
  EXPECT_EQ(with(forged, part).error().code, ErrorCode::kDenied);
  forged = fields;
  forged.header[0] ^= 1;
  EXPECT_EQ(with(forged, part).error().code, ErrorCode::kCorrupt);
  const auto stripped = with(fields, SealedPart{});
  EXPECT_EQ(stripped.error().code, ErrorCode::kDenied);
  EXPECT_NE(stripped.error().message.find("sign"), std::string::npos) << stripped.error().message;
  for (size_t i = 0; i < 256; ++i) {
    SealedPart altered = part;
    altered[i] ^= 0x10;
    EXPECT_FALSE(with(fields, altered)) << i;
  }
}

TEST_F(HostileTest, CredentialsThatDoNotHoldAreRefused) {
  const Label other("B#example.com");
  const auto code = [&](const Author& author) {
    file_ = std::make_shared<MemoryFile>();
    document_ = world_.Create(file_);
    Must(document_->Commit(&author, Durability::kSynced));
    const auto opened = world_.Open(file_);
    EXPECT_FALSE(opened);
    return opened ? ErrorCode::kIo : opened.error().code;
  };
  EXPECT_EQ(code(MakeAuthor(other)), ErrorCode::kDenied);
  EXPECT_EQ(code(MakeAuthor(world_.label(), "a@b.c", Curve::kEd25519, true, kNow - 1)),
            ErrorCode::kDenied);
  // A device that may not write, or with another's credential, cannot even sign.
  file_ = std::make_shared<MemoryFile>();
  document_ = world_.Create(file_);
  const Author reader = MakeAuthor(world_.label(), "a@b.c", Curve::kEd25519, false);
  EXPECT_EQ(document_->Commit(&reader, Durability::kSynced).error().code, ErrorCode::kInvalid);
  const Author mixed{PrivateKey::Generate(Curve::kEd25519), world_.author()->credential,
                     &kSignersClock};
  EXPECT_EQ(document_->Commit(&mixed, Durability::kSynced).error().code, ErrorCode::kInvalid);
  const Author p256 = MakeAuthor(world_.label(), "p@example.com", Curve::kP256);
  Must(document_->Commit(&p256, Durability::kSynced));
  EXPECT_EQ(Must(world_.Open(file_))->GetAuthorship().author, "p@example.com");
}

TEST_F(HostileTest, ADocumentOutlivesTheCredentialThatItWasSignedWith) {
  const Author author = MakeAuthor(world_.label(), "a@b.c", Curve::kEd25519, true, kNow);
  file_ = std::make_shared<MemoryFile>();
  document_ = world_.Create(file_);
  Must(document_->Commit(&author, Durability::kSynced));
  EXPECT_TRUE(world_.Open(file_, kNow + 10 * 365 * 86400));
}

TEST_F(HostileTest, ADocumentSignedInTheFutureIsRefused) {
  Make(RandomContent(10));
  EXPECT_TRUE(world_.Open(file_, kNow - 86400));
  const auto opened = world_.Open(file_, kNow - 86401);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kDenied);
}

TEST_F(HostileTest, ACredentialOfAnEarlierEpochDoesNotSignUnderANewKey) {
  Make(RandomContent(10));
  world_.set_epoch(1);
  EXPECT_TRUE(world_.Open(file_));
  world_.set_epoch(2);
  const auto opened = world_.Open(file_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kDenied);
}

TEST_F(HostileTest, NothingOfABadBlockIsHandedOut) {
  const Bytes content = RandomContent(40960);
  Make(content);
  file_->bytes()[BlockOffset(5) + 7] ^= 1;
  auto document = Must(world_.Open(file_));
  Bytes out(40960, 0xEE);
  EXPECT_EQ(document->Read(0, out).error().code, ErrorCode::kCorrupt);
  for (size_t i = 0; i < out.size(); ++i) {
    ASSERT_TRUE(out[i] == content[i] || out[i] == 0 || out[i] == 0xEE) << i;
  }
  EXPECT_TRUE(std::all_of(out.begin() + 5 * 4096, out.end(),
                          [](uint8_t byte) { return byte == 0 || byte == 0xEE; }));
  // Its neighbours are still there.
  EXPECT_EQ(Must(document->Read(4096 * 6, MutableByteSpan(out).first(4096))), 4096u);
}

TEST_F(HostileTest, SomebodyElsesCommitIsNotOverwritten) {
  Make(RandomContent(20000));
  auto other = Must(world_.Open(file_));
  Must(other->Write(0, RandomContent(10)));
  Must(other->Commit(world_.author(), Durability::kSynced));
  EXPECT_FALSE(Must(document_->IsCurrent()));
  Must(document_->Write(0, RandomContent(10)));
  EXPECT_EQ(document_->Commit(world_.author(), Durability::kSynced).error().code,
            ErrorCode::kStale);
  EXPECT_EQ(Must(ReadAll(*Must(world_.Open(file_)))), Must(ReadAll(*other)));
}

}  // namespace
}  // namespace recrypt
