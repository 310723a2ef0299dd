#include "core/jcd/attributes.h"

#include <random>

#include "tests/unit/core_jcd/fixture.h"
#include "tests/unit/seeds.h"

namespace recrypt {
namespace {

DataKeys KeysOf(const DocumentId& uid, const std::vector<DataKey>& keys) {
  return Must(DataKeys::Make(uid, World::Copy(keys)));
}

class AttributesTest : public testing::Test {
 protected:
  Result<Attributes> Open(const Bytes& sealed) const { return OpenAttributes(sealed, keys_); }
  ErrorCode Refused(const Bytes& sealed) const {
    auto opened = Open(sealed);
    return opened ? ErrorCode::kExists : opened.error().code;
  }
  // What somebody with the keys may seal, whatever it is.
  Bytes SealPlain(const Bytes& plain, uint8_t version = 1) const {
    Bytes sealed = {version, 0, 0, 0, 0, 0, 0, 2};
    Bytes aad = ToBytes(AsBytes("jcd/1 attributes"));
    Append(aad, uid_);
    Append(aad, sealed);
    const auto nonce = RandomArray<12>();
    Append(sealed, nonce);
    Bytes ciphertext(plain.size());
    ByteArray<16> tag;
    Aead aead(keys_.Derive(2, KeyUse::kAttributes));
    aead.Seal(nonce, aad, plain, ciphertext.data(), tag.data());
    Append(sealed, ciphertext);
    Append(sealed, tag);
    return sealed;
  }
  static Bytes Entry(std::string_view name, std::string_view value) {
    Bytes entry = {static_cast<uint8_t>(name.size())};
    AppendU16(entry, static_cast<uint16_t>(value.size()));
    Append(entry, AsBytes(name));
    Append(entry, AsBytes(value));
    return entry;
  }
  static Bytes Join(const Bytes& a, const Bytes& b) {
    Bytes joined = a;
    Append(joined, b);
    return joined;
  }

  const DocumentId uid_ = RandomArray<16>();
  const std::vector<DataKey> data_keys_ = World::NewKeys({1, 2});
  const DataKeys keys_ = KeysOf(uid_, data_keys_);
  const Attributes some_ = {
      {"comment", ToBytes(AsBytes("for the board"))}, {"DOSATTRIB", Bytes{0, 1, 0}}, {"empty", {}}};
};

TEST_F(AttributesTest, ComeBackAsTheyWereSealed) {
  const Bytes sealed = Must(SealAttributes(some_, keys_));
  EXPECT_EQ(sealed.size(), SealedAttributesSize(some_));
  EXPECT_EQ(Must(Open(sealed)), some_);
  EXPECT_NE(Must(SealAttributes(some_, keys_)), sealed);
}

TEST_F(AttributesTest, AnySetComesBack) {
  for (const uint32_t seed : Seeds(50, 1000)) {
    std::mt19937 random(seed);
    Attributes attributes;
    const size_t count = 1 + random() % 40;
    while (attributes.size() < count) {
      std::string name(1 + random() % kMaxAttributeName, 'x');
      for (char& c : name) c = static_cast<char>(1 + random() % 255);
      Bytes value(random() % 8 == 0 ? 0 : random() % 1300);
      RandomBytes(value);
      attributes[name] = std::move(value);
    }
    ASSERT_EQ(Must(Open(Must(SealAttributes(attributes, keys_)))), attributes) << "seed " << seed;
  }
}

TEST_F(AttributesTest, StandInTheLayoutThatIsDocumented) {
  const Bytes plain = Join(Entry("a", "1"), Entry("b", ""));
  const Attributes attributes = {{"a", Bytes{'1'}}, {"b", {}}};
  EXPECT_EQ(Must(Open(SealPlain(plain))), attributes);
  EXPECT_EQ(SealPlain(plain).size(), SealedAttributesSize(attributes));
}

TEST_F(AttributesTest, AreSealedUnderTheNewestKeyAndOpenedUnderAnyOfThem) {
  const DataKeys first = Must(DataKeys::Make(uid_, [&] {
    std::vector<DataKey> keys;
    keys.push_back({1, data_keys_[0].key.Clone()});
    return keys;
  }()));
  const Bytes earlier = Must(SealAttributes(some_, first));
  EXPECT_EQ(Must(Open(earlier)), some_);
  const Bytes now = Must(SealAttributes(some_, keys_));
  EXPECT_EQ(LoadU32(&now[4]), 2u);
  EXPECT_EQ(OpenAttributes(now, first).error().code, ErrorCode::kCorrupt);
}

TEST_F(AttributesTest, HaveBounds) {
  const size_t room = kMaxSealedAttributes - SealedAttributesSize({{"n", {}}});
  EXPECT_EQ(Must(Open(Must(SealAttributes({{"n", Bytes(room)}}, keys_)))).at("n").size(), room);
  EXPECT_EQ(SealAttributes({{"n", Bytes(room + 1)}}, keys_).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(SealAttributes({{"n", Bytes(70'000)}}, keys_).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(SealAttributes({}, keys_).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(SealAttributes({{std::string(250, 'n'), {}}}, keys_));
  for (const std::string& name : {std::string(), std::string(251, 'n'), std::string("a\0b", 3)}) {
    EXPECT_EQ(SealAttributes({{name, {}}}, keys_).error().code, ErrorCode::kInvalid);
  }
}

TEST_F(AttributesTest, EveryFlippedByteAndEveryCutIsNoticed) {
  Bytes sealed = Must(SealAttributes(some_, keys_));
  for (size_t i = 0; i < sealed.size(); ++i) {
    sealed[i] ^= static_cast<uint8_t>(1 << i % 8);
    EXPECT_EQ(Refused(sealed), ErrorCode::kCorrupt) << i;
    sealed[i] ^= static_cast<uint8_t>(1 << i % 8);
    EXPECT_EQ(Refused(Bytes(sealed.begin(), sealed.begin() + static_cast<ptrdiff_t>(i))),
              ErrorCode::kCorrupt);
  }
  EXPECT_EQ(Must(Open(sealed)), some_);
  EXPECT_EQ(Refused(Join(sealed, {0})), ErrorCode::kCorrupt);
  EXPECT_EQ(Refused(Bytes(kMaxSealedAttributes + 1)), ErrorCode::kCorrupt);
}

TEST_F(AttributesTest, OfAnotherDocumentAreRefused) {
  EXPECT_EQ(Refused(Must(SealAttributes(some_, KeysOf(RandomArray<16>(), data_keys_)))),
            ErrorCode::kCorrupt);
  EXPECT_EQ(Refused(Must(SealAttributes(some_, KeysOf(uid_, World::NewKeys({1, 2}))))),
            ErrorCode::kCorrupt);
}

TEST_F(AttributesTest, InAnotherFormAreRefusedAlsoWhenTheyAuthenticate) {
  const Bytes a = Entry("a", "1"), b = Entry("b", "2");
  EXPECT_TRUE(Open(SealPlain(Join(a, b))));
  EXPECT_EQ(Refused(SealPlain(Join(b, a))), ErrorCode::kCorrupt);
  EXPECT_EQ(Refused(SealPlain(Join(a, a))), ErrorCode::kCorrupt);
  EXPECT_EQ(Refused(SealPlain({})), ErrorCode::kCorrupt);
  EXPECT_EQ(Refused(SealPlain(Entry("", "1"))), ErrorCode::kCorrupt);
  EXPECT_EQ(Refused(SealPlain(Entry(std::string(251, 'n'), "1"))), ErrorCode::kCorrupt);
  EXPECT_EQ(Refused(SealPlain(Entry(std::string_view("a\0b", 3), "1"))), ErrorCode::kCorrupt);
  EXPECT_EQ(Refused(SealPlain(a, 2)), ErrorCode::kCorrupt);
  for (size_t cut = 1; cut < a.size(); ++cut) {
    const Bytes rest(a.begin(), a.end() - static_cast<ptrdiff_t>(cut));
    EXPECT_EQ(Refused(SealPlain(Join(a, rest))), ErrorCode::kCorrupt);
  }
}

// Plaintexts that are random, or nearly what they should be: refused, or taken and made again.
TEST_F(AttributesTest, WhateverIsTakenIsInTheOneFormThatItHas) {
  int taken = 0;
  for (const uint32_t seed : Seeds(300, 20'000)) {
    std::mt19937 random(seed);
    Bytes plain = Join(Entry("ab", "value"), Join(Entry("b", ""), Entry("c", "other")));
    for (size_t edits = random() % 3; edits > 0; --edits) {
      plain[random() % plain.size()] = static_cast<uint8_t>(random());
    }
    auto opened = Open(SealPlain(plain));
    if (!opened) continue;
    ++taken;
    Bytes again;
    for (const auto& [name, value] : *opened) again = Join(again, Entry(name, AsText(value)));
    ASSERT_EQ(again, plain) << "seed " << seed;
  }
  EXPECT_GT(taken, 50);
}

// -- As a document has them.

class DocumentAttributesTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = std::make_shared<MemoryFile>();
    document_ = world_.Create(file_);
    Must(document_->Write(0, content_));
  }
  void Commit() { Must(document_->Commit(world_.author(), Durability::kSynced)); }
  Bytes Set(const Attributes& attributes) {
    Bytes sealed = Must(document_->SealAttributes(attributes));
    document_->SetAttributes(Sha256(sealed));
    return sealed;
  }
  std::optional<Sha256Digest> Stored() { return Must(StoredAttributesDigest(*file_)); }

  World world_;
  std::shared_ptr<MemoryFile> file_;
  std::unique_ptr<Document> document_;
  const Bytes content_ = RandomContent(10'000);
  const Attributes some_ = {{"comment", ToBytes(AsBytes("for the board"))}};
};

TEST_F(DocumentAttributesTest, AreNamedByTheTrailerFromTheNextCommitOn) {
  EXPECT_EQ(Stored(), Sha256Digest{});  // nothing is stored yet
  Commit();
  EXPECT_EQ(Stored(), Sha256Digest{});
  const Bytes sealed = Set(some_);
  EXPECT_TRUE(document_->IsDirty());
  EXPECT_EQ(document_->AttributesDigest(), Sha256(sealed));
  EXPECT_EQ(Must(world_.Open(file_))->AttributesDigest(), Sha256Digest{});
  Commit();
  EXPECT_EQ(document_->Generation(), 2u);
  EXPECT_EQ(Stored(), Sha256(sealed));
  EXPECT_EQ(Must(Must(world_.Open(file_))->OpenAttributes(sealed)), some_);
  Must(document_->Apply());
  EXPECT_EQ(Stored(), Sha256(sealed));
  EXPECT_EQ(Must(Must(world_.Open(file_))->OpenAttributes(sealed)), some_);
  EXPECT_EQ(Must(ReadAll(*Must(world_.Open(file_)))), content_);
}

TEST_F(DocumentAttributesTest, StayWhenTheContentChangesAndGoWhenTheyAreTaken) {
  const Bytes sealed = Set(some_);
  Commit();
  document_ = Must(world_.Open(file_));
  Must(document_->Write(100, Bytes(20'000, 7)));
  Commit();
  EXPECT_EQ(Stored(), Sha256(sealed));
  document_ = Must(world_.Open(file_));
  EXPECT_EQ(Must(document_->OpenAttributes(sealed)), some_);
  document_->SetAttributes({});
  Commit();
  EXPECT_EQ(Stored(), Sha256Digest{});
  EXPECT_EQ(Must(world_.Open(file_))->AttributesDigest(), Sha256Digest{});
}

TEST_F(DocumentAttributesTest, OtherOnesThanTheTrailerNamesAreRefused) {
  Commit();
  const Bytes older = Set(some_);
  Commit();
  const Bytes newer = Set({{"comment", {}}});
  EXPECT_EQ(document_->OpenAttributes(older).error().code, ErrorCode::kCorrupt);
  Commit();
  EXPECT_EQ(document_->OpenAttributes(older).error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(document_->OpenAttributes(newer));
}

TEST_F(DocumentAttributesTest, ThatAreDiscardedLeaveTheCommittedOnes) {
  const Bytes sealed = Set(some_);
  Commit();
  Set({{"other", {}}});
  document_->Discard();
  EXPECT_FALSE(document_->IsDirty());
  EXPECT_EQ(Must(document_->OpenAttributes(sealed)), some_);
}

TEST_F(DocumentAttributesTest, AreSignedByWhoeverChangedThem) {
  Commit();
  Set(some_);
  const Author bob = MakeAuthor(world_.label(), "bob@example.com");
  Must(document_->Commit(&bob, Durability::kSynced));
  EXPECT_EQ(Must(world_.Open(file_))->GetAuthorship().author, "bob@example.com");
}

TEST_F(DocumentAttributesTest, GoUnderANewDataKeyWithTheHeaderThatBringsIt) {
  const Bytes sealed = Set(some_);
  Commit();
  const Header header = Must(ParseHeader(Must(ReadHeaderRegions(*file_)).front()));
  Wrapper wrapper = Must(OpenHeader(header, world_.Secrets(header)));
  wrapper.keys.push_back({2, Secret::Random(32)});
  Must(document_->ReplaceHeader(world_.Seal(wrapper), World::Copy(wrapper.keys)));
  EXPECT_EQ(Must(document_->OpenAttributes(sealed)), some_);
  const Bytes again = Set(some_);
  EXPECT_EQ(LoadU32(&again[4]), 2u);
  Commit();
  EXPECT_EQ(Must(Must(world_.Open(file_))->OpenAttributes(again)), some_);
}

// A file that another mount truncates between two looks at it.
class ShrinkingFile : public MemoryFile {
 public:
  explicit ShrinkingFile(const Bytes& bytes) : MemoryFile(bytes) {}
  Result<uint64_t> Size() override {
    const auto size = MemoryFile::Size();
    bytes().resize(100);
    return size;
  }
};

TEST_F(DocumentAttributesTest, AreNotToldOfWhenTheFileShrinks) {
  Commit();
  const Bytes without_record = file_->bytes();
  Set(some_);
  Commit();
  for (const Bytes& stored : {without_record, file_->bytes()}) {
    ShrinkingFile file(stored);
    EXPECT_EQ(Must(StoredAttributesDigest(file)), std::nullopt);
  }
}

TEST_F(DocumentAttributesTest, AreNotToldOfWhereTheNewestTrailerIsNotFound) {
  Set(some_);
  Commit();
  file_->bytes().resize(file_->bytes().size() - 1);
  EXPECT_EQ(Stored(), std::nullopt);
  file_->bytes().assign(5000, 0);
  EXPECT_EQ(Stored(), std::nullopt);
}

}  // namespace
}  // namespace recrypt
