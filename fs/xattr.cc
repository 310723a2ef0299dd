// FileSystem: extended attributes.
//
// `user.jcd.*` are the mount's own: computed, readable on every document, never listed (a program
// that copies attributes would try to set them). Of a directory there is `user.jcd.label`, that of
// new files in it. At the root, `user.jcd.pid` names the process that
// serves, `user.jcd.status` says in JSON what it holds (recryptfs status), and setting
// `user.jcd.lock` takes all keys and cached plaintext away. File capabilities
// (`security.capability`) are neither shown nor set: the storage does not give programs rights, and
// the kernel, which asks before every first write, is answered at once. The other `user.*` of a
// document are its own: sealed under its key and named by its trailer (document_attributes.cc).
// Those of everything else, and the other kinds (ACLs, `security.*`, `trusted.*`), are the share's
// and kept by it as they are.
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "core/json/json.h"
#include "fs/file_system.h"
#include "fs/stored_attributes.h"

namespace recrypt {
namespace {

constexpr std::string_view kUserPrefix = "user.";
constexpr std::string_view kOwnPrefix = "user.jcd.";
// Removing it removes all of a document's attributes, those that cannot be read too.
constexpr std::string_view kAllAttributes = "user.jcd.attributes";
// An attribute has at most 64 KiB.
constexpr size_t kMaxLeasesShown = 100;
constexpr std::string_view kNeverStored = "user.jcd.none";
constexpr std::string_view kCapability = "security.capability";

tl::unexpected<Error> NoSuchAttribute() {
  return Fail(Error{ErrorCode::kNotFound, "no such attribute", ENODATA});
}

Result<size_t> CopyOut(std::string_view text, void* value, size_t size) {
  if (size == 0) return text.size();
  if (text.size() > size) return Fail(Error{ErrorCode::kInvalid, "too small", ERANGE});
  std::copy(text.begin(), text.end(), static_cast<char*>(value));
  return text.size();
}

// The name of a document's own attribute, as it is sealed; nullopt for the share's.
std::optional<std::string> SealedName(const Inode& inode, std::string_view name) {
  if (!inode.is_document() || !name.starts_with(kUserPrefix)) return std::nullopt;
  return std::string(name.substr(kUserPrefix.size()));
}

// Asking is no attempt to make one: nothing of it is remembered as a refusal.
Result<std::string> LabelOfNewFiles(DirectoryLabels& labels, const std::string& directory) {
  const auto label = labels.ForDirectory(directory);
  if (label) return label->text();
  if (label.error().code == ErrorCode::kForbidden) return NoSuchAttribute();  // none rules there
  return Fail(label.error());
}

}  // namespace

std::string FileSystem::StatusText() {
  const AccessFigures figures = access_.Figures();
  Json leases = Json::array();
  for (const auto& lease : figures.leases) {
    if (leases.size() == kMaxLeasesShown) break;
    const int64_t left_ms = lease.end_ms - clock_.MonotonicMillis();
    if (left_ms > 0) {
      leases.push_back({{"label", lease.label.text()}, {"seconds", (left_ms + 999) / 1000}});
    }
  }
  Json wrong = Json::array();
  for (const auto& service : figures.wrong) {
    wrong.push_back({{"domain", service.domain}, {"times", service.times}});
  }
  return DumpJson({{"leases", std::move(leases)},
                   {"keys", figures.documents},
                   {"known", inodes_.size()},
                   {"waiting", commits_.Waiting().size() + write_back_.Waiting()},
                   {"opened_by_lease", figures.opened_by_lease},
                   {"wrong_services", std::move(wrong)},
                   {"granted", figures.granted},
                   {"refused", figures.refused}});
}

Result<std::string> FileSystem::VirtualXattr(Inode& inode, std::string_view name) {
  if (name == "why") {
    auto refusal = inode.refusal();
    if (!refusal) return NoSuchAttribute();
    return refusal->sentence;
  }
  if (name == "pid" && &inode == &root()) return std::to_string(getpid());
  if (name == "status" && &inode == &root()) return StatusText();
  if (name == "label" && inode.kind() == InodeKind::kDirectory) {
    RECRYPT_ASSIGN(const std::string path, store_.PathOf(inode.node()));
    return LabelOfNewFiles(labels_, path);
  }
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

// File managers and servers ask for attributes of every file that they list: of documents that have
// none this neither asks for a grant nor keeps anything in memory.
Result<Attributes> FileSystem::SealedAttributesOf(Inode& inode) {
  std::shared_ptr<OpenDocument> document = inode.document();
  if (document == nullptr || !document->HasChanges()) {
    RECRYPT_ASSIGN(const bool none, StoredAttributes(store_, inode.node()).SeemToBeNone());
    if (none) return Attributes();
  }
  document = DocumentOf(inode);
  auto attributes = Explain(inode, document->GetAttributes());
  KeepForLater(document);
  return attributes;
}

Status FileSystem::ChangeSealedAttributes(Inode& inode, const OpenDocument::AttributesEdit& edit,
                                          OpenDocument::IfUnreadable if_unreadable) {
  std::shared_ptr<OpenDocument> document = DocumentOf(inode);
  Status changed = Explain(inode, document->ChangeAttributes(edit, if_unreadable));
  KeepForLater(document);
  return changed;
}

Result<size_t> FileSystem::GetXattr(Inode& inode, const std::string& name, void* value,
                                    size_t size) {
  if (name == kCapability) return NoSuchAttribute();
  if (name.starts_with(kOwnPrefix)) {
    RECRYPT_ASSIGN(const std::string text,
                   VirtualXattr(inode, std::string_view(name).substr(kOwnPrefix.size())));
    return CopyOut(text, value, size);
  }
  const auto sealed = SealedName(inode, name);
  if (!sealed) return store_.GetXattr(inode.node(), name, value, size);
  RECRYPT_ASSIGN(const Attributes attributes, SealedAttributesOf(inode));
  const auto found = attributes.find(*sealed);
  if (found != attributes.end()) return CopyOut(AsText(found->second), value, size);
  // The share may be one that keeps none at all.
  RECRYPT_TRY(store_.GetXattr(inode.node(), std::string(kNeverStored), nullptr, 0));
  return NoSuchAttribute();
}

Result<size_t> FileSystem::ListXattr(Inode& inode, char* list, size_t size) {
  RECRYPT_ASSIGN(const std::vector<std::string> stored, ListXattrNames(store_, inode.node()));
  std::string shown;
  for (const std::string& name : stored) {
    const bool is_shares = name != kCapability && !name.starts_with(kOwnPrefix);
    if (is_shares && !SealedName(inode, name)) shown.append(name).push_back('\0');
  }
  if (inode.is_document()) {
    RECRYPT_ASSIGN(const Attributes attributes, SealedAttributesOf(inode));
    for (const auto& [name, value] : attributes) {
      shown.append(kUserPrefix).append(name).push_back('\0');
    }
  }
  return CopyOut(shown, list, size);
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
  const auto sealed = SealedName(inode, name);
  if (!sealed) return store_.SetXattr(inode.node(), name, value, flags);
  if (sealed->empty()) return Fail(Error{ErrorCode::kInvalid, "it has no name", EINVAL});
  const Attributes alone = {{*sealed, ToBytes(value)}};
  if (SealedAttributesSize(alone) > kMaxSealedAttributes) {
    return Fail(Error{ErrorCode::kInvalid, "the attribute is too large", E2BIG});
  }
  const auto edit = [&](Attributes& attributes) -> Status {
    const bool exists = attributes.contains(*sealed);
    if (exists && (flags & XATTR_CREATE) != 0) {
      return Fail(Error{ErrorCode::kExists, "there is such an attribute", EEXIST});
    }
    if (!exists && (flags & XATTR_REPLACE) != 0) return NoSuchAttribute();
    attributes[*sealed] = ToBytes(value);
    return {};
  };
  return ChangeSealedAttributes(inode, edit, OpenDocument::IfUnreadable::kFail);
}

Status FileSystem::RemoveXattr(Inode& inode, const std::string& name) {
  if (name == kCapability) return NoSuchAttribute();
  if (inode.is_document() && name == kAllAttributes) {
    const auto edit = [](Attributes& attributes) -> Status {
      attributes.clear();
      return {};
    };
    return ChangeSealedAttributes(inode, edit, OpenDocument::IfUnreadable::kForget);
  }
  if (name.starts_with(kOwnPrefix) || inode.kind() == InodeKind::kPlainFile) {
    return Fail(ErrorCode::kForbidden, "the attribute cannot be removed");
  }
  const auto sealed = SealedName(inode, name);
  if (!sealed) return store_.RemoveXattr(inode.node(), name);
  const auto edit = [&](Attributes& attributes) -> Status {
    if (attributes.erase(*sealed) == 0) return NoSuchAttribute();
    return {};
  };
  return ChangeSealedAttributes(inode, edit, OpenDocument::IfUnreadable::kFail);
}

}  // namespace recrypt
