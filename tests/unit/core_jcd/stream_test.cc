#include "core/jcd/stream.h"

#include "core/jcd/trailer.h"
#include "core/json/jsonbcd.h"
#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

constexpr size_t kSizes[] = {0,      1,      4095,    4096,    4097,    524287,
                             524288, 524289, 1048576, 1052673, 2000000, 3 * 524288};

struct Sealed {
  Bytes stored;
  DocumentId uid;
};

Bytes EncryptStream(World& world, ByteSpan content, size_t step) {
  const DocumentId uid = RandomArray<16>();
  const std::vector<DataKey> keys = World::NewKeys();
  const SealedHeader sealed = world.Seal(World::MakeWrapper(uid, keys));
  Bytes stored;
  StreamEncryptor out(
      sealed.region, DocumentKeys{uid, sealed.header.digest, world.expression(), World::Copy(keys)},
      [&](ByteSpan bytes) {
        Append(stored, bytes);
        return Status{};
      });
  for (size_t at = 0; at < content.size(); at += step) {
    Must(out.Write(content.subspan(at, std::min(step, content.size() - at))));
  }
  Must(out.Finish(world.author()));
  return stored;
}

HeaderOpener OpenerFor(const World& world) {
  return [&world](const Header& header) -> Result<OpenedDocument> {
    RECRYPT_ASSIGN(Wrapper wrapper, OpenHeader(header, world.Secrets(header)));
    return OpenedDocument{std::move(wrapper), world.Trust()};
  };
}

Result<Bytes> DecryptStream(const World& world, ByteSpan stored, size_t step,
                            Bytes* released = nullptr) {
  Bytes content;
  Bytes& out = released != nullptr ? *released : content;
  StreamDecryptor in(OpenerFor(world), kNow, [&](ByteSpan bytes) {
    Append(out, bytes);
    return Status{};
  });
  for (size_t at = 0; at < stored.size(); at += step) {
    RECRYPT_TRY(in.Write(stored.subspan(at, std::min(step, stored.size() - at))));
  }
  RECRYPT_TRY(in.Finish());
  EXPECT_EQ(in.authorship().author, "alice@example.com");
  return out;
}

Bytes Document_(World& world, ByteSpan content) {
  auto file = std::make_shared<MemoryFile>();
  auto document = world.Create(file);
  Must(document->Write(0, content));
  Must(document->Commit(world.author(), Durability::kSynced));
  return file->bytes();
}

TEST(Stream, IsReadByAStream) {
  World world;
  for (const size_t size : kSizes) {
    const Bytes content = RandomContent(size);
    for (const size_t step : {size_t{1000}, size_t{1} << 20}) {
      const Bytes stored = EncryptStream(world, content, step);
      EXPECT_EQ(stored.size(), StoredLengthFromSize(size));
      EXPECT_EQ(Must(DecryptStream(world, stored, step + 13)), content) << size;
    }
  }
}

TEST(Stream, IsReadAtRandom) {
  World world;
  for (const size_t size : kSizes) {
    const Bytes content = RandomContent(size);
    auto file = std::make_shared<MemoryFile>(EncryptStream(world, content, 100000));
    auto document = Must(world.Open(file));
    EXPECT_EQ(Must(ReadAll(*document)), content) << size;
  }
}

TEST(Stream, ReadsWhatWasWrittenAtRandom) {
  World world;
  for (const size_t size : kSizes) {
    const Bytes content = RandomContent(size);
    EXPECT_EQ(Must(DecryptStream(world, Document_(world, content), 77777)), content) << size;
  }
}

TEST(Stream, ReadsAStreamThatWasThenChangedAtRandom) {
  World world;
  Bytes content = RandomContent(1'500'000);
  auto file = std::make_shared<MemoryFile>(EncryptStream(world, content, 100000));
  const auto check = [&] {
    auto document = Must(world.Open(file));
    EXPECT_EQ(Must(ReadAll(*document)), content);
    Must(document->Apply());
    EXPECT_EQ(Must(DecryptStream(world, file->bytes(), 77777)), content);
  };
  auto document = Must(world.Open(file));
  const Bytes more = RandomContent(5000);
  Must(document->Write(600'000, more));
  std::copy(more.begin(), more.end(), content.begin() + 600'000);
  Must(document->Commit(world.author(), Durability::kSynced));
  check();
  document = Must(world.Open(file));
  Must(document->Write(content.size(), more));
  Append(content, more);
  Must(document->Commit(world.author(), Durability::kSynced));
  check();
  document = Must(world.Open(file));
  Must(document->PunchHole(524288, 524288 + 4096));
  std::fill(content.begin() + 524288, content.begin() + 1048576 + 4096, uint8_t{0});
  Must(document->Commit(world.author(), Durability::kSynced));
  check();
  document = Must(world.Open(file));
  Must(document->Truncate(100));
  Must(document->Truncate(1'400'000));
  content.resize(100);
  content.resize(1'400'000);
  Must(document->Commit(world.author(), Durability::kSynced));
  check();
}

TEST(Stream, FailsWithoutItsEnd) {
  World world;
  const Bytes content = RandomContent(600000);
  const Bytes stored = EncryptStream(world, content, 100000);
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{2303}, size_t{2304}, size_t{400000},
                           stored.size() - 656, stored.size() - 1}) {
    Bytes released;
    EXPECT_FALSE(DecryptStream(world, ByteSpan(stored).first(cut), 5000, &released));
    EXPECT_TRUE(std::equal(released.begin(), released.end(), content.begin()));
  }
}

TEST(Stream, FailsWhenGroupsChangePlaces) {
  World world;
  const Bytes content = RandomContent(3 * 524288);
  Bytes stored = EncryptStream(world, content, 100000);
  const auto group = [&](uint64_t i) {
    return stored.begin() + static_cast<ptrdiff_t>(GroupStart(i));
  };
  std::swap_ranges(group(0), group(0) + 524288 + 5124, group(1));
  Bytes released;
  EXPECT_FALSE(DecryptStream(world, stored, 5000, &released));
  EXPECT_TRUE(released.empty());
}

TEST(Stream, FailsWhenAnythingIsFlipped) {
  World world;
  const Bytes content = RandomContent(5000);
  Bytes stored = EncryptStream(world, content, 100000);
  for (size_t i = 0; i < stored.size(); ++i) {
    stored[i] ^= 0x40;
    EXPECT_FALSE(DecryptStream(world, stored, stored.size())) << i;
    stored[i] ^= 0x40;
  }
}

TEST(Stream, RefusesWhatStandsBehindTheTrailer) {
  World world;
  Bytes stored = EncryptStream(world, RandomContent(100), 1000);
  stored.push_back(0);
  EXPECT_EQ(DecryptStream(world, stored, 100000).error().code, ErrorCode::kInvalid);
}

TEST(Stream, PassesTheErrorOfItsSinkOn) {
  World world;
  const Bytes stored = EncryptStream(world, RandomContent(100), 1000);
  StreamDecryptor in(OpenerFor(world), kNow,
                     [](ByteSpan) -> Status { return Fail(ErrorCode::kIo, "full"); });
  EXPECT_EQ(in.Write(stored).error().code, ErrorCode::kIo);
  EXPECT_EQ(in.Finish().error().code, ErrorCode::kIo);
}

// The same document as pure JSON.
Json AsJson(const Bytes& stored) {
  const std::string_view text = AsText(ByteSpan(stored).first(kSlot0));
  const std::string_view header = text.substr(1, text.find_last_not_of(' '));
  const ByteSpan data =
      ByteSpan(stored).subspan(kHeaderRegion, stored.size() - kHeaderRegion - kTrailerSize);
  const ByteSpan trailer = ByteSpan(stored).last(kTrailerSize).subspan(14, 640);
  return Json::array({Must(ParseJson(header)), Base64UrlEncode(data),
                      Json{{"trailer", Base64UrlEncode(trailer)}}});
}

TEST(WholeDocument, IsReadInAnyEncoding) {
  World world;
  for (const size_t size : kSizes) {
    const Bytes content = RandomContent(size);
    for (const Bytes& stored : {Document_(world, content), EncryptStream(world, content, 100000)}) {
      EXPECT_EQ(Must(ReadWholeDocument(stored, OpenerFor(world), kNow)), content);
      const Json list = AsJson(stored);
      EXPECT_EQ(Must(ReadWholeDocument(AsBytes(list.dump()), OpenerFor(world), kNow)), content);
      EXPECT_EQ(Must(ReadWholeDocument(AsBytes(list.dump(2)), OpenerFor(world), kNow)), content);
      EXPECT_EQ(Must(ReadWholeDocument(EncodeJsonB(list), OpenerFor(world), kNow)), content);
      // What a JSON-B reader makes of it: chunks joined, without the slots between them.
      const std::string joined = Must(ParseJsonBcd(stored)).dump();
      EXPECT_EQ(Must(ReadWholeDocument(AsBytes(joined), OpenerFor(world), kNow)), content);
    }
  }
}

TEST(WholeDocument, IsReadWithItsRecords) {
  World world;
  auto file = std::make_shared<MemoryFile>();
  auto document = world.Create(file);
  Bytes content = RandomContent(10000);
  Must(document->Write(0, content));
  Must(document->Commit(world.author(), Durability::kSynced));
  content[5000] ^= 1;
  Must(document->Write(5000, ByteSpan(content).subspan(5000, 1)));
  Must(document->Commit(world.author(), Durability::kSynced));
  EXPECT_TRUE(document->HasRecords());
  EXPECT_EQ(Must(ReadWholeDocument(file->bytes(), OpenerFor(world), kNow)), content);
}

TEST(WholeDocument, RefusesWhatIsNone) {
  World world;
  const Bytes stored = Document_(world, RandomContent(5000));
  Json list = AsJson(stored);
  for (const std::string& text :
       {std::string(""), std::string("[]"), std::string("{}"), std::string("[1,2,3]"),
        list.dump() + " ", "[" + list.dump() + "]"}) {
    const bool same = text == list.dump() + " ";
    EXPECT_EQ(ReadWholeDocument(AsBytes(text), OpenerFor(world), kNow).has_value(), same) << text;
  }
  Json damaged = list;
  std::string data = damaged[1];
  data[100] = data[100] == 'A' ? 'B' : 'A';
  damaged[1] = data;
  EXPECT_FALSE(ReadWholeDocument(AsBytes(damaged.dump()), OpenerFor(world), kNow));
  damaged = list;
  damaged[0]["services"][0] = "evil.example";
  EXPECT_FALSE(ReadWholeDocument(AsBytes(damaged.dump()), OpenerFor(world), kNow));
}

}  // namespace
}  // namespace recrypt
