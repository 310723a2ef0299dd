#include "core/jcd/attributes.h"

namespace recrypt {
namespace {

constexpr size_t kCleared = 8;  // version and data key: authenticated, not sealed
constexpr size_t kSealedAt = kCleared + kAeadNonceSize;
constexpr size_t kFrame = kSealedAt + kAeadTagSize;
constexpr size_t kEntryHead = 3;
constexpr size_t kDigestBytesInName = 16;

Bytes AssociatedData(const DocumentId& uid, ByteSpan cleared) {
  Bytes aad = ToBytes(AsBytes("jcd/1 attributes"));
  Append(aad, uid);
  Append(aad, cleared);
  return aad;
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxAttributeName &&
         name.find('\0') == std::string_view::npos;
}

tl::unexpected<Error> Corrupt(const char* what) {
  return Fail(ErrorCode::kCorrupt, std::string("the document's sealed attributes ") + what);
}

Result<Attributes> ParsePlain(ByteSpan plain) {
  Attributes attributes;
  for (ByteSpan rest = plain; !rest.empty();) {
    if (rest.size() < kEntryHead) return Corrupt("end in the middle of an entry");
    const size_t name_size = rest[0];
    const size_t value_size = LoadU16(&rest[1]);
    rest = rest.subspan(kEntryHead);
    if (rest.size() < name_size + value_size) return Corrupt("end in the middle of an entry");
    std::string name(AsText(rest.first(name_size)));
    if (!IsName(name)) return Corrupt("have a name that is none");
    if (!attributes.empty() && name <= attributes.rbegin()->first) return Corrupt("are not sorted");
    attributes.emplace_hint(attributes.end(), std::move(name),
                            ToBytes(rest.subspan(name_size, value_size)));
    rest = rest.subspan(name_size + value_size);
  }
  if (attributes.empty()) return Corrupt("are none");
  return attributes;
}

}  // namespace

std::string SealedAttributesName(const Sha256Digest& digest) {
  return std::string(kSealedAttributesPrefix) +
         HexEncode(ByteSpan(digest).first(kDigestBytesInName));
}

size_t SealedAttributesSize(const Attributes& attributes) {
  size_t size = kFrame;
  for (const auto& [name, value] : attributes) size += kEntryHead + name.size() + value.size();
  return size;
}

Result<Bytes> SealAttributes(const Attributes& attributes, const DataKeys& keys) {
  if (attributes.empty()) return Fail(ErrorCode::kInvalid, "there are no attributes to seal");
  if (SealedAttributesSize(attributes) > kMaxSealedAttributes) {
    return Fail(ErrorCode::kInvalid, "the attributes are too large");
  }
  Bytes plain;
  plain.reserve(SealedAttributesSize(attributes) - kFrame);
  for (const auto& [name, value] : attributes) {
    if (!IsName(name)) return Fail(ErrorCode::kInvalid, "this is no name of an attribute");
    plain.push_back(static_cast<uint8_t>(name.size()));
    AppendU16(plain, static_cast<uint16_t>(value.size()));
    Append(plain, AsBytes(name));
    Append(plain, value);
  }
  Bytes sealed(kFrame + plain.size());
  sealed[0] = 1;
  StoreU32(&sealed[4], keys.newest());
  RandomBytes({&sealed[kCleared], kAeadNonceSize});
  const ByteSpan all = sealed;
  Aead aead(keys.Derive(keys.newest(), KeyUse::kAttributes));
  aead.Seal(all.subspan(kCleared, kAeadNonceSize), AssociatedData(keys.uid(), all.first(kCleared)),
            plain, &sealed[kSealedAt], &sealed[kSealedAt + plain.size()]);
  Wipe(plain);
  return sealed;
}

Result<Attributes> OpenAttributes(ByteSpan sealed, const DataKeys& keys) {
  if (sealed.size() < kFrame || sealed.size() > kMaxSealedAttributes) {
    return Corrupt("have a length out of range");
  }
  if (sealed[0] != 1 || sealed[1] != 0 || sealed[2] != 0 || sealed[3] != 0) {
    return Corrupt("are of an unknown version");
  }
  const uint32_t key = LoadU32(&sealed[4]);
  if (!keys.Has(key)) return Corrupt("are under an unknown data key");
  Bytes plain(sealed.size() - kFrame);
  Aead aead(keys.Derive(key, KeyUse::kAttributes));
  uint8_t nothing = 0;
  if (!aead.Open(sealed.subspan(kCleared, kAeadNonceSize),
                 AssociatedData(keys.uid(), sealed.first(kCleared)),
                 sealed.subspan(kSealedAt, plain.size()), sealed.last(kAeadTagSize),
                 plain.empty() ? &nothing : plain.data())) {
    return Corrupt("do not authenticate");
  }
  auto attributes = ParsePlain(plain);
  Wipe(plain);
  return attributes;
}

}  // namespace recrypt
