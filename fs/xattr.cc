// FileSystem: extended attributes.
//
// `user.jcd.*` are the mount's own: computed, readable on every document, never listed (a program
// that copies attributes would try to set them). At the root, `user.jcd.pid` names the process that
// serves, and setting `user.jcd.lock` takes all keys and cached plaintext away. File capabilities
// (`security.capability`) are neither shown nor set: the storage does not give programs rights, and
// the kernel, which asks before every first write, is answered at once. All others are kept
// by the share as they are: those of documents are NOT sealed under the document's key yet, and the
// storage can read and change them.
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fs/file_system.h"

namespace recrypt {
namespace {

constexpr std::string_view kOwnPrefix = "user.jcd.";
constexpr std::string_view kCapability = "security.capability";

tl::unexpected<Error> NoSuchAttribute() {
  return Fail(Error{ErrorCode::kNotFound, "no such attribute", ENODATA});
}

Result<size_t> CopyOut(std::string_view text, void* value, size_t size) {
  if (size == 0) return text.size();
  if (text.size() > size) return Fail(Error{ErrorCode::kInvalid, "too small", ERANGE});
  std::memcpy(value, text.data(), text.size());
  return text.size();
}

}  // namespace

Result<std::string> FileSystem::VirtualXattr(Inode& inode, std::string_view name) {
  if (name == "why") {
    auto refusal = inode.refusal();
    if (!refusal) return NoSuchAttribute();
    return refusal->sentence;
  }
  if (name == "pid" && &inode == &root()) return std::to_string(getpid());
  if (!inode.is_document()) return NoSuchAttribute();
  std::shared_ptr<OpenDocument> document = DocumentOf(inode);
  if (name == "label") return Explain(inode, document->Label());
  if (name == "signer") {
    auto signer = Explain(inode, document->Signer());
    KeepForLater(document);
    if (signer && signer->empty()) return std::string("unknown author");
    return signer;
  }
  if (name == "lease") {
    const int64_t left = document->lease_end_ms() - clock_.MonotonicMillis();
    if (document->lease_end_ms() == INT64_MAX) return std::string("until closed");
    return std::to_string(std::max<int64_t>(0, left / 1000)) + " s";
  }
  return NoSuchAttribute();
}

Result<size_t> FileSystem::GetXattr(Inode& inode, const std::string& name, void* value,
                                    size_t size) {
  if (name == kCapability) return NoSuchAttribute();
  if (!name.starts_with(kOwnPrefix)) return store_.GetXattr(inode.node(), name, value, size);
  RECRYPT_ASSIGN(const std::string text,
                 VirtualXattr(inode, std::string_view(name).substr(kOwnPrefix.size())));
  return CopyOut(text, value, size);
}

Result<size_t> FileSystem::ListXattr(Inode& inode, char* list, size_t size) {
  RECRYPT_ASSIGN(size_t listed, store_.ListXattr(inode.node(), list, size));
  if (size == 0) return listed;  // room for all of them
  std::string shown;
  for (size_t at = 0; at < listed;) {
    const std::string_view name(list + at, strnlen(list + at, listed - at));
    at += name.size() + 1;
    if (name != kCapability) shown.append(name).push_back('\0');
  }
  std::memcpy(list, shown.data(), shown.size());
  return shown.size();
}

Status FileSystem::SetXattr(Inode& inode, const std::string& name, ByteSpan value, int flags) {
  if (name == "user.jcd.lock" && &inode == &root()) {
    Lock();
    return {};
  }
  if (name.starts_with(kOwnPrefix) || name == kCapability ||
      inode.kind() == InodeKind::kPlainFile) {
    return Fail(ErrorCode::kForbidden, "the attribute cannot be set");
  }
  return store_.SetXattr(inode.node(), name, value, flags);
}

Status FileSystem::RemoveXattr(Inode& inode, const std::string& name) {
  if (name == kCapability) return NoSuchAttribute();
  if (name.starts_with(kOwnPrefix) || inode.kind() == InodeKind::kPlainFile) {
    return Fail(ErrorCode::kForbidden, "the attribute cannot be removed");
  }
  return store_.RemoveXattr(inode.node(), name);
}

}  // namespace recrypt
