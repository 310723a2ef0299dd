// Documents against a plain byte vector, under random operations.
#include <gtest/gtest.h>

#include <random>

#include "core/jcd/stream.h"
#include "tests/unit/core_jcd/fixture.h"
#include "tests/unit/seeds.h"

namespace recrypt {
namespace {

// Where the next operation is likely to find an edge: blocks, groups, the end.
class Picker {
 public:
  explicit Picker(uint32_t seed) : random_(seed) {}
  uint64_t Below(uint64_t limit) { return limit == 0 ? 0 : random_() % limit; }
  uint64_t Offset(uint64_t size, uint64_t limit) {
    static constexpr uint64_t kSteps[] = {1, 4096, 524288};
    uint64_t at = Below(3) == 0 ? size : Below(limit);
    const uint64_t step = kSteps[Below(3)];
    at = at / step * step + Below(3);
    return std::min(at - std::min<uint64_t>(at, Below(2)), limit);
  }
  uint64_t Length() {
    static constexpr uint64_t kLengths[] = {1, 100, 4096, 10000, 524288, 1100000};
    const uint64_t length = kLengths[Below(6)];
    return Below(2) == 0 ? length : 1 + Below(length);
  }

 private:
  std::mt19937_64 random_;
};

class Model {
 public:
  Model(uint32_t seed, uint64_t limit) : pick_(seed), limit_(limit) {
    file_ = std::make_shared<MemoryFile>();
    document_ = world_.Create(file_);
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      Step();
      if (i % 16 == 0) Check();
    }
    Must(document_->Commit(world_.author(), Durability::kSynced));
    Reopen();
    Check();
    Must(document_->Apply());
    EXPECT_EQ(file_->bytes().size(), StoredLengthFromSize(content_.size()));
    Reopen();
    Check();
    CheckStream();
  }

 private:
  // Without records a document is also a stream.
  void CheckStream() {
    Bytes content;
    StreamDecryptor in(
        [&](const Header& header) -> Result<OpenedDocument> {
          RECRYPT_ASSIGN(Wrapper wrapper, OpenHeader(header, world_.Secrets(header)));
          return OpenedDocument{std::move(wrapper), world_.Trust()};
        },
        kNow,
        [&](ByteSpan bytes) {
          Append(content, bytes);
          return Status{};
        });
    Must(in.Write(file_->bytes()));
    Must(in.Finish());
    ASSERT_EQ(content, content_);
  }

  void Step() {
    switch (pick_.Below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return Write();
      case 5:
      case 6:
        return Read();
      case 7:
        return Truncate();
      case 8:
        return Punch();
      case 9:
      case 10:
        return Must(Commit());
      case 11:
        if (pick_.Below(2) == 0) Must(Commit());
        if (document_->IsDirty()) return;
        Must(document_->Apply());
        return CheckStream();
      case 12:
        if (document_->IsDirty()) return;
        return Reopen();
      case 13:
        return Seek();
      case 14:
        if (document_->Generation() == 0 || pick_.Below(3) != 0) return;
        document_->Discard();
        content_ = committed_;
        return;
      case 15:
        if (pick_.Below(4) != 0) return;
        return Relabel();
    }
  }

  Status Commit() {
    committed_ = content_;
    return document_->Commit(world_.author(),
                             pick_.Below(2) == 0 ? Durability::kVisible : Durability::kSynced);
  }

  void Write() {
    const uint64_t at = pick_.Offset(content_.size(), limit_);
    const uint64_t length = std::min(pick_.Length(), limit_ - at);
    if (length == 0) return;
    const Bytes data = RandomContent(length);
    if (content_.size() < at + length) content_.resize(at + length);
    std::copy(data.begin(), data.end(), content_.begin() + static_cast<ptrdiff_t>(at));
    Must(document_->Write(at, data));
    if (document_->DirtyBytes() > kMaxDirtyBytes) Must(Commit());
  }

  void Read() {
    const uint64_t at = pick_.Offset(content_.size(), limit_);
    Bytes out(pick_.Length());
    const size_t got = Must(document_->Read(at, out));
    const size_t expected =
        at >= content_.size() ? 0 : std::min<uint64_t>(out.size(), content_.size() - at);
    ASSERT_EQ(got, expected);
    ASSERT_TRUE(std::equal(out.begin(), out.begin() + static_cast<ptrdiff_t>(got),
                           content_.begin() + static_cast<ptrdiff_t>(got == 0 ? 0 : at)));
  }

  void Truncate() {
    const uint64_t size = pick_.Below(5) == 0 ? 0 : pick_.Offset(content_.size(), limit_);
    content_.resize(size);
    Must(document_->Truncate(size));
  }

  void Punch() {
    const uint64_t at = pick_.Offset(content_.size(), limit_);
    const uint64_t length = pick_.Length();
    for (uint64_t i = at; i < std::min<uint64_t>(at + length, content_.size()); ++i)
      content_[i] = 0;
    Must(document_->PunchHole(at, length));
  }

  void Seek() {
    const uint64_t at = pick_.Offset(content_.size(), limit_);
    if (at >= content_.size()) {
      EXPECT_FALSE(document_->SeekData(at));
      return;
    }
    const auto data = document_->SeekData(at);
    const uint64_t zeros_until = data ? *data : content_.size();
    for (uint64_t i = at; i < zeros_until; ++i) ASSERT_EQ(content_[i], 0) << i;
    const uint64_t hole = Must(document_->SeekHole(at));
    for (uint64_t i = hole; i < std::min<uint64_t>(content_.size(), hole + 1); ++i) {
      ASSERT_EQ(content_[i], 0) << i;
    }
  }

  void Relabel() {
    const Bytes region = Must(ReadHeaderRegions(*file_)).front();
    if (document_->Generation() == 0) return;
    const Header header = Must(ParseHeader(region));
    Wrapper wrapper = Must(OpenHeader(header, world_.Secrets(header)));
    if (wrapper.keys.size() < 4)
      wrapper.keys.push_back({wrapper.keys.back().number + 1, Secret::Random(32)});
    const SealedHeader sealed = world_.Seal(wrapper);
    Must(document_->ReplaceHeader(sealed, World::Copy(wrapper.keys)));
    Must(Commit());
  }

  void Reopen() { document_ = Must(world_.Open(file_)); }

  void Check() {
    ASSERT_EQ(document_->Size(), content_.size());
    ASSERT_EQ(Must(ReadAll(*document_)), content_);
    if (!document_->IsDirty()) {
      ASSERT_EQ(Must(StoredContentSize(*file_)), content_.size());
    } else if (document_->Generation() > 0) {
      ASSERT_EQ(Must(StoredContentSize(*file_)), committed_.size());
    }
  }

  World world_;
  Picker pick_;
  const uint64_t limit_;
  std::shared_ptr<MemoryFile> file_;
  std::unique_ptr<Document> document_;
  Bytes content_;
  Bytes committed_;
};

class DocumentModel : public testing::TestWithParam<uint32_t> {};

TEST_P(DocumentModel, BehavesLikeAByteVectorWhenSmall) { Model(GetParam(), 60000).Run(600); }
TEST_P(DocumentModel, BehavesLikeAByteVectorOverSomeGroups) {
  Model(GetParam() + 1000, 3'000'000).Run(250);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DocumentModel, testing::ValuesIn(Seeds(12, 1000)));

}  // namespace
}  // namespace recrypt
