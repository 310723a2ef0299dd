#include "fs/stored_attributes.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "core/jcd/attributes.h"
#include "core/jcd/document.h"
#include "fs/share_file.h"

namespace recrypt {
namespace {

constexpr size_t kMaxList = 65536;  // the kernel's XATTR_LIST_MAX

}  // namespace

Result<std::vector<std::string>> ListXattrNames(Store& store, int node) {
  std::string list(1024, '\0');
  auto size = store.ListXattr(node, list.data(), list.size());
  if (!size && size.error().os_error == ERANGE) {
    list.resize(kMaxList);
    size = store.ListXattr(node, list.data(), list.size());
  }
  if (!size) return Fail(std::move(size.error()));
  std::vector<std::string> names;
  for (size_t at = 0; at < *size; at += names.back().size() + 1) {
    names.emplace_back(list, at, strnlen(&list[at], *size - at));
  }
  return names;
}

// The names count as well: one whose last record a crash has torn is read without that record, and
// one that another mount is about to begin anew has none only until that is committed.
Result<bool> StoredAttributes::SeemToBeNone() {
  RECRYPT_ASSIGN(UniqueFd fd, store_.OpenFile(node_, O_RDONLY));
  ShareFile file(store_, std::move(fd), ShareFileMode::kReadOnly);
  RECRYPT_ASSIGN(const auto digest, StoredAttributesDigest(file));
  if (digest != Sha256Digest{}) return false;
  RECRYPT_ASSIGN(const auto names, NamesBut({}));
  return names.empty();
}

Result<Bytes> StoredAttributes::Read(const Sha256Digest& digest) {
  Bytes sealed(kMaxSealedAttributes);
  auto size = store_.GetXattr(node_, SealedAttributesName(digest), sealed.data(), sealed.size());
  if (!size && size.error().os_error == ENODATA) {
    return Fail(ErrorCode::kCorrupt, "the document's sealed attributes are missing");
  }
  if (!size) return Fail(std::move(size.error()));
  sealed.resize(*size);
  if (Sha256(sealed) != digest) {
    return Fail(ErrorCode::kCorrupt, "the document's sealed attributes were changed");
  }
  return sealed;
}

Status StoredAttributes::Write(ByteSpan sealed) {
  return store_.SetXattr(node_, SealedAttributesName(Sha256(sealed)), sealed, 0);
}

Status StoredAttributes::Remove(const Sha256Digest& digest) {
  return store_.RemoveXattr(node_, SealedAttributesName(digest));
}

Result<std::vector<std::string>> StoredAttributes::NamesBut(const Sha256Digest& digest) {
  RECRYPT_ASSIGN(std::vector<std::string> names, ListXattrNames(store_, node_));
  const std::string own = SealedAttributesName(digest);
  std::erase_if(names, [&](const std::string& name) {
    return !name.starts_with(kSealedAttributesPrefix) || name == own;
  });
  return names;
}

Status StoredAttributes::RemoveNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) RECRYPT_TRY(store_.RemoveXattr(node_, name));
  return {};
}

}  // namespace recrypt
