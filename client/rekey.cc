#include "client/rekey.h"

#include <algorithm>

#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr size_t kMaxKeys = 4;  // docs/FORMAT.md, 2.1
constexpr size_t kRewrittenAtOnce = size_t{512} << 10;

}  // namespace

bool IsUnder(const Header& header, const HeaderSpec& spec) {
  if (!(header.expression == spec.expression)) return false;
  if (spec.bound && header.bindings.empty()) return false;
  const auto& alternatives = header.expression.alternatives();
  for (size_t i = 0; i < alternatives.size(); ++i) {
    for (size_t j = 0; j < alternatives[i].size(); ++j) {
      const auto key = spec.label_keys.find(alternatives[i][j]);
      if (key == spec.label_keys.end()) return false;
      if (header.jwe.recipients[i].kids[j] != KeyUdf(key->second)) return false;
    }
  }
  return true;
}

DocumentKeys NewHeader::Keys() const {
  DocumentKeys copy{header.header.uid, header.header.digest, header.header.expression, {}};
  for (const DataKey& key : keys) copy.keys.push_back({key.number, key.key.Clone()});
  return copy;
}

Result<std::optional<NewHeader>> Rewrap(const HeaderSpec& spec, const DocumentKeys& keys,
                                        std::string_view name, KeepKeys keep, FreshKey fresh) {
  Wrapper wrapper{keys.uid, std::string(name), "", {}};
  for (const DataKey& key : keys.keys) {
    if (keep == KeepKeys::kNewest && key.number != keys.keys.back().number) continue;
    wrapper.keys.push_back({key.number, key.key.Clone()});
  }
  if (fresh == FreshKey::kAdd) {
    const uint32_t newest = wrapper.keys.back().number;
    if (newest == UINT32_MAX) return Fail(ErrorCode::kInvalid, "there is no data key after this");
    wrapper.keys.push_back({newest + 1, Secret::Random(kAeadKeySize)});
  }
  const bool least = keep == KeepKeys::kNewest;
  if (wrapper.keys.size() > kMaxKeys && !least) return std::optional<NewHeader>();
  auto sealed = SealHeader(spec, wrapper);
  if (!sealed && sealed.error().code == ErrorCode::kInvalid && !least) {
    return std::optional<NewHeader>();
  }
  if (!sealed) return Fail(std::move(sealed.error()));
  return std::optional(NewHeader{std::move(*sealed), std::move(wrapper.keys)});
}

Status RewriteContent(Document& document, const Author* author) {
  Bytes buffer(kRewrittenAtOnce);
  const auto settle = [&]() -> Status {
    if (!document.IsDirty()) return {};
    RECRYPT_TRY(document.Commit(author, Durability::kVisible));
    return document.Apply();
  };
  for (uint64_t offset = 0;;) {
    const auto data = document.SeekData(offset);
    if (!data && data.error().code == ErrorCode::kNotFound) return settle();
    if (!data) return Fail(data.error());
    RECRYPT_ASSIGN(const uint64_t end, document.SeekHole(*data));
    for (offset = *data; offset < end;) {
      const auto part =
          MutableByteSpan(buffer).first(std::min<uint64_t>(end - offset, kRewrittenAtOnce));
      RECRYPT_ASSIGN(const size_t got, document.Read(offset, part));
      if (got == 0) return Fail(ErrorCode::kCorrupt, "the document ends before its size");
      RECRYPT_TRY(document.Write(offset, ByteSpan(part).first(got)));
      offset += got;
      if (document.DirtyBytes() > kMaxDirtyBytes / 2) RECRYPT_TRY(settle());
    }
  }
}

}  // namespace recrypt
