// Documents that are read as a whole: files in memory, and the encodings other than the binary
// layout (docs/FORMAT.md, 7).
#include <algorithm>
#include <cstring>

#include "core/jcd/geometry.h"
#include "core/jcd/stream.h"
#include "core/jcd/trailer.h"
#include "core/json/jsonbcd.h"

namespace recrypt {
namespace {

class SpanFile : public StoredFile {
 public:
  explicit SpanFile(ByteSpan bytes) : bytes_(bytes) {}
  Result<uint64_t> Size() override { return bytes_.size(); }
  Result<size_t> ReadAt(uint64_t offset, MutableByteSpan out) override {
    if (offset >= bytes_.size()) return size_t{0};
    const size_t got = std::min<uint64_t>(out.size(), bytes_.size() - offset);
    std::memcpy(out.data(), bytes_.data() + offset, got);
    return got;
  }
  Status WriteAt(uint64_t, ByteSpan) override { return ReadOnly(); }
  Status Truncate(uint64_t) override { return ReadOnly(); }
  Status SyncData() override { return ReadOnly(); }

 private:
  static Status ReadOnly() { return Fail(ErrorCode::kInvalid, "read as a whole"); }
  const ByteSpan bytes_;
};

Result<Bytes> ReadContent(ByteSpan image, const Header& header, const HeaderOpener& opener,
                          int64_t now) {
  RECRYPT_ASSIGN(OpenedDocument opened, opener(header));
  DocumentKeys keys{header.uid, header.digest, header.expression, std::move(opened.wrapper.keys)};
  RECRYPT_ASSIGN(auto document, Document::Open(std::make_shared<SpanFile>(image), std::move(keys),
                                               opened.trust, now));
  // A hole has no bytes in the file, but a file of this length was given to be read as a whole.
  if (document->Size() > image.size()) {
    return Fail(ErrorCode::kCorrupt, "the document is larger than its file");
  }
  Bytes content(document->Size());
  RECRYPT_TRY(document->Read(0, content));
  return content;
}

bool IsBinaryLayout(ByteSpan stored) {
  return stored.size() >= kHeaderRegion && stored[0] == '[' &&
         (stored[kSlot0] == kBinaryTerminal64 || stored[kSlot0] == kBinaryChunk64);
}

tl::unexpected<Error> NoDocument(const std::string& why) {
  return Fail(ErrorCode::kCorrupt, "this is no document: " + why);
}

// The data as random access has them. A JSON-B reader joins the chunks of a stream, whose framing
// stood in the slots: they are put back, as zeros.
Result<Bytes> WithSlots(Bytes data, const TrailerFields& fields) {
  const Layout layout(fields.size);
  const uint64_t wanted = layout.DataEnd() - kHeaderRegion;
  const uint64_t slots = layout.groups() == 0 ? 0 : (layout.groups() - 1) * kSlotSize;
  if (data.size() == wanted) return data;
  if (data.size() + slots != wanted) return NoDocument("its data are not as long as its size says");
  Bytes spread;
  spread.reserve(wanted);
  size_t taken = 0;
  for (uint64_t group = 1; group < layout.groups(); ++group) {
    const uint64_t until = GroupStart(group) - kSlotSize - kHeaderRegion;
    const size_t piece = until - spread.size();
    Append(spread, ByteSpan(data).subspan(taken, piece));
    spread.resize(spread.size() + kSlotSize);
    taken += piece;
  }
  Append(spread, ByteSpan(data).subspan(taken));
  return spread;
}

// The binary layout of a document that was parsed from another encoding, with nothing in the header
// region: the header is at hand already.
Result<Bytes> BinaryImage(const Json& list) {
  auto data = list[1].is_string() ? Base64UrlDecode(list[1].get_ref<const std::string&>())
                                  : Fail(ErrorCode::kInvalid, "no data");
  if (!data) return NoDocument("its data are no byte string");
  if (!list[2].is_object() || list[2].size() != 1) return NoDocument("its trailer is no object");
  const auto trailer = GetBytes(list[2], "trailer");
  if (!trailer || trailer->size() + kTrailerStart.size() + 2 != kTrailerSize) {
    return NoDocument("its trailer is not one of 640 bytes");
  }
  Bytes tail = ToBytes(AsBytes(kTrailerStart));
  Append(tail, *trailer);
  Append(tail, AsBytes("}]"));
  RECRYPT_ASSIGN(const TrailerFields fields, ParseTrailer(tail));
  RECRYPT_ASSIGN(const Bytes spread, WithSlots(std::move(*data), fields));
  Bytes image(kHeaderRegion);
  Append(image, spread);
  Append(image, tail);
  return image;
}

Result<Bytes> ReadBinary(ByteSpan stored, const HeaderOpener& opener, int64_t now) {
  SpanFile file(stored);
  RECRYPT_ASSIGN(const std::vector<Bytes> regions, ReadHeaderRegions(file));
  Error last;
  for (const Bytes& region : regions) {
    const auto header = ParseHeader(region);
    auto content = header ? ReadContent(stored, *header, opener, now) : Fail(header.error());
    if (content) return content;
    last = content.error();
  }
  return Fail(last);
}

}  // namespace

Result<Bytes> ReadWholeDocument(ByteSpan stored, const HeaderOpener& opener, int64_t now) {
  const bool binary = IsBinaryLayout(stored);
  if (binary && ParseHeader(stored.first(kHeaderRegion))) return ReadBinary(stored, opener, now);
  const auto list = ParseJsonBcd(stored);
  if (!list && binary) return ReadBinary(stored, opener, now);
  if (!list) return NoDocument(list.error().message);
  if (!list->is_array() || list->size() != 3) return NoDocument("it is no list of three");
  RECRYPT_ASSIGN(const Header header, ParseHeaderObject((*list)[0]));
  RECRYPT_ASSIGN(const Bytes image, BinaryImage(*list));
  return ReadContent(image, header, opener, now);
}

}  // namespace recrypt
