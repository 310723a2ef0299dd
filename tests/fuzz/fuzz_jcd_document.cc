// A document with records, edited by the input: what can still be read is one of the states that
// were committed. The first byte chooses the document; then come edits: u16 offset, from the end
// when its top bit is set, u8 length, bytes. An input that starts with '[' is a stored file of its
// own.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "core/jcd/check.h"
#include "core/jcd/document.h"
#include "core/jcd/geometry.h"
#include "core/jcd/record.h"
#include "core/jcd/signatures.h"
#include "core/jcd/stream.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

class BytesFile : public StoredFile {
 public:
  explicit BytesFile(Bytes bytes = {}) : bytes(std::move(bytes)) {}
  Result<uint64_t> Size() override { return bytes.size(); }
  Result<size_t> ReadAt(uint64_t offset, MutableByteSpan out) override {
    if (offset >= bytes.size()) return size_t{0};
    const size_t got = std::min<uint64_t>(out.size(), bytes.size() - offset);
    std::memcpy(out.data(), bytes.data() + offset, got);
    return got;
  }
  Status WriteAt(uint64_t offset, ByteSpan data) override {
    Check(offset < (uint64_t{64} << 20));
    if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<ptrdiff_t>(offset));
    return {};
  }
  Status Truncate(uint64_t size) override {
    bytes.resize(size);
    return {};
  }
  Status SyncData() override { return {}; }

  Bytes bytes;
};

struct Fixture {
  Fixture() {
    LabelTrust anyone{PrivateKey::Generate(Curve::kEd25519).public_key(), true};
    trust.emplace(*LabelName::Parse("A#example.com"), std::move(anyone));
    // Without records, with one, with two, with one that cuts.
    Make({5000}, 0);
    Make({5000, 5000}, 1);
    Make({5000, 9000, 9000}, 2);
    Make({9000, 100}, 1);
  }

  DocumentKeys Keys() const {
    DocumentKeys keys;
    keys.uid.fill(7);
    keys.header_digest.fill(9);
    keys.expression = *LabelExpression::Parse("A#example.com");
    keys.keys.push_back({1, Secret::CopyOf(Bytes(32, 5))});
    return keys;
  }

  void Make(const std::vector<size_t>& sizes, uint8_t seed) {
    auto file = std::make_shared<BytesFile>();
    // As much of a header as the search for headers in records looks at.
    constexpr std::string_view kStart = "[{\"jcd\":1";
    Bytes region(kHeaderRegion, ' ');
    std::copy(kStart.begin(), kStart.end(), region.begin());
    auto document = Document::Create(file, std::move(region), Keys());
    for (const size_t size : sizes) {
      Bytes content(size, ++seed);
      Check(document->Truncate(size).has_value());
      Check(document->Write(0, content).has_value());
      Check(document->Commit(nullptr, Durability::kSynced).has_value());
      states.push_back(std::move(content));
    }
    files.push_back(file->bytes);
  }

  TrustedLabels trust;
  std::vector<Bytes> files;
  std::vector<Bytes> states;
};

void Edit(Bytes& bytes, ByteSpan edits) {
  while (edits.size() > 3) {
    const uint16_t place = LoadU16(edits.data());
    const size_t length = std::min<size_t>(edits[2], edits.size() - 3);
    size_t at = place & 0x7FFF;
    if ((place & 0x8000) != 0) at = bytes.size() - std::min(at, bytes.size());
    bytes.resize(std::max(bytes.size(), at + length));
    std::copy_n(edits.begin() + 3, length, bytes.begin() + static_cast<ptrdiff_t>(at));
    edits = edits.subspan(3 + length);
  }
}

// What a check says of the file, which any bytes have to lead to.
CheckReport CheckFile(const Fixture& fixture, StoredFile& file, bool with_keys) {
  CheckReport report;
  (void)ReadDocumentStart(file);
  DocumentKeys keys = fixture.Keys();
  Header header;
  header.uid = keys.uid;
  header.digest = keys.header_digest;
  const DataKeys data_keys = *DataKeys::Make(keys.uid, std::move(keys.keys));
  const CheckKeys view{data_keys, keys.expression, fixture.trust, 0};
  const auto state = CheckState(file, header, with_keys ? &view : nullptr, report);
  if (state && *state) {
    Check(CheckContent(file, **state, header.uid, with_keys ? &view : nullptr, {}, report)
              .has_value());
  }
  return report;
}

// Reads, writes on, reads again.
void Use(const Fixture& fixture, Bytes bytes) {
  auto file = std::make_shared<BytesFile>(std::move(bytes));
  (void)StoredContentSize(*file);
  (void)ReadHeaderRegions(*file);
  (void)CheckFile(fixture, *file, false);
  const CheckReport report = CheckFile(fixture, *file, true);
  auto document = Document::Open(file, fixture.Keys(), fixture.trust, 0);
  if (!document || (*document)->Size() > 1'000'000) return;
  Bytes content((*document)->Size());
  const bool readable = (*document)->Read(0, content).has_value();
  Check(readable == (report.unreadable == 0));
  if (!readable) return;
  Check(std::find(fixture.states.begin(), fixture.states.end(), content) != fixture.states.end());
  const Bytes more(100, 0xAA);
  if (!(*document)->Write(content.size() / 2, more)) return;
  if (!(*document)->Commit(nullptr, Durability::kSynced)) return;
  Check((*document)->Apply().has_value());
  auto again = Document::Open(file, fixture.Keys(), fixture.trust, 0);
  Check(again.has_value());
  const uint64_t at = content.size() / 2;
  content.resize(std::max(content.size(), at + more.size()));
  std::copy(more.begin(), more.end(), content.begin() + static_cast<ptrdiff_t>(at));
  Bytes read((*again)->Size());
  Check((*again)->Read(0, read).has_value() && read == content);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Fixture fixture;
  const ByteSpan input(data, size);
  if (input.empty()) return 0;
  if (input[0] != '[') {
    Bytes bytes = fixture.files[input[0] % fixture.files.size()];
    Edit(bytes, input.subspan(1));
    Use(fixture, std::move(bytes));
    return 0;
  }
  Use(fixture, ToBytes(input));
  const HeaderOpener nobody = [](const Header&) -> Result<OpenedDocument> {
    return Fail(ErrorCode::kDenied, "no grant");
  };
  Check(!ReadWholeDocument(input, nobody, 0));
  StreamDecryptor stream(nobody, 0, [](ByteSpan) { return Status{}; });
  (void)stream.Write(input);
  Check(!stream.Finish());
  SealedPart part{};
  std::copy_n(input.begin(), std::min(input.size(), part.size()), part.begin());
  if (const auto entries = ParseEntries(part)) Check(*ComposeEntries(*entries) == part);
  return 0;
}
