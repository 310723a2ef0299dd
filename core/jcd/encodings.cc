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

// The binary layout of a document that was parsed from another encoding, with nothing in the header
// region: the header is at hand already.
Result<Bytes> BinaryImage(const Json& list) {
  const auto data = list[1].is_string() ? Base64UrlDecode(list[1].get_ref<const std::string&>())
                                        : Fail(ErrorCode::kInvalid, "no data");
  if (!data) return NoDocument("its data are no byte string");
  if (!list[2].is_object() || list[2].size() != 1) return NoDocument("its trailer is no object");
  const auto trailer = GetBytes(list[2], "trailer");
  if (!trailer || trailer->size() + kTrailerStart.size() + 2 != kTrailerSize) {
    return NoDocument("its trailer is not one of 624 bytes");
  }
  Bytes image(kHeaderRegion);
  Append(image, *data);
  Append(image, AsBytes(kTrailerStart));
  Append(image, *trailer);
  Append(image, AsBytes("}]"));
  if (!ContentSizeOf(image.size())) return NoDocument("its data have a length that none has");
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
