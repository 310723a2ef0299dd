#include "client/file_attributes.h"

#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace recrypt {
namespace {

constexpr size_t kMaxList = 65536;   // the kernel's XATTR_LIST_MAX
constexpr size_t kMaxValue = 65536;  // and XATTR_SIZE_MAX
constexpr std::string_view kUserPrefix = "user.";
constexpr std::string_view kOwnPrefix = "user.jcd.";
constexpr std::string_view kAclPrefix = "system.posix_acl_";
// A program's rights are no property of what is stored (fs/xattr.cc).
constexpr std::string_view kCapability = "security.capability";

Status GiveOwnerAndMode(const struct stat& info, int to, OwnerKept& owner) {
  struct stat now {};
  if (::fstat(to, &now) != 0) return FailErrno(errno, "reading its owner");
  owner = OwnerKept::kYes;
  if (now.st_gid != info.st_gid && ::fchown(to, static_cast<uid_t>(-1), info.st_gid) != 0) {
    owner = OwnerKept::kNo;
  }
  if (now.st_uid != info.st_uid && ::fchown(to, info.st_uid, static_cast<gid_t>(-1)) != 0) {
    owner = OwnerKept::kNo;
  }
  // Nobody's program runs as somebody else.
  const mode_t special = owner == OwnerKept::kYes ? 07777 : 0777;
  if (::fchmod(to, info.st_mode & special) != 0) return FailErrno(errno, "setting its mode");
  return {};
}

// A new file may have got ACLs from its directory; the mode in `info` fits those of `from`.
Status CopyAcls(int from, int to, const std::vector<std::string>& names) {
  RECRYPT_ASSIGN(const auto present, XattrNames(to));
  for (const std::string& name : present) {
    if (name.starts_with(kAclPrefix) && ::fremovexattr(to, name.c_str()) != 0) {
      return FailErrno(errno, "removing an ACL that it got from its directory");
    }
  }
  for (const std::string& name : names) {
    if (!name.starts_with(kAclPrefix)) continue;
    RECRYPT_ASSIGN(const Bytes value, GetXattr(from, name));
    RECRYPT_TRY(SetXattr(to, name, value));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> XattrNames(int fd) {
  std::string list(kMaxList, '\0');
  const ssize_t size = ::flistxattr(fd, list.data(), list.size());
  if (size < 0 && errno != EOPNOTSUPP) return FailErrno(errno, "listing its extended attributes");
  std::vector<std::string> names;
  for (size_t at = 0; size > 0 && at < static_cast<size_t>(size);) {
    names.emplace_back(list, at, strnlen(&list[at], static_cast<size_t>(size) - at));
    at += names.back().size() + 1;
  }
  return names;
}

Result<Bytes> GetXattr(int fd, const std::string& name) {
  Bytes value(kMaxValue);
  const ssize_t size = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
  if (size < 0) return FailErrno(errno, "reading its attribute " + name);
  value.resize(static_cast<size_t>(size));
  return value;
}

Status SetXattr(int fd, const std::string& name, ByteSpan value) {
  if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) return {};
  // No room for attributes is no full disk.
  const int error = errno == ENOSPC ? E2BIG : errno;
  return FailErrno(error, "setting the attribute " + name);
}

Result<Attributes> UserAttributes(int fd) {
  RECRYPT_ASSIGN(const auto names, XattrNames(fd));
  Attributes attributes;
  for (const std::string& name : names) {
    if (!name.starts_with(kUserPrefix) || name.starts_with(kOwnPrefix)) continue;
    RECRYPT_ASSIGN(attributes[name.substr(kUserPrefix.size())], GetXattr(fd, name));
  }
  return attributes;
}

Status SetUserAttributes(int fd, const Attributes& attributes) {
  for (const auto& [name, value] : attributes) {
    RECRYPT_TRY(SetXattr(fd, std::string(kUserPrefix) + name, value));
  }
  return {};
}

Status CopyUserXattrs(int from, int to) {
  RECRYPT_ASSIGN(const auto names, XattrNames(from));
  for (const std::string& name : names) {
    if (!name.starts_with(kUserPrefix)) continue;
    RECRYPT_ASSIGN(const Bytes value, GetXattr(from, name));
    RECRYPT_TRY(SetXattr(to, name, value));
  }
  return {};
}

Result<Bytes> ReadSealedAttributes(int fd, const Sha256Digest& digest) {
  auto sealed = GetXattr(fd, SealedAttributesName(digest));
  if (sealed || sealed.error().os_error != ENODATA) return sealed;
  return Fail(ErrorCode::kCorrupt, "its sealed attributes are missing");
}

Result<OwnerKept> CopyMetadata(int from, const struct stat& info, int to) {
  OwnerKept owner{};
  RECRYPT_TRY(GiveOwnerAndMode(info, to, owner));
  RECRYPT_ASSIGN(const auto names, XattrNames(from));
  RECRYPT_TRY(CopyAcls(from, to, names));
  for (const std::string& name : names) {
    const bool others = !name.starts_with(kUserPrefix) && !name.starts_with(kAclPrefix);
    if (!others || name == kCapability) continue;
    const auto value = GetXattr(from, name);
    if (value) (void)SetXattr(to, name, *value);  // the system decides who may
  }
  const struct timespec times[2] = {info.st_atim, info.st_mtim};
  if (::futimens(to, times) != 0) return FailErrno(errno, "setting its times");
  return owner;
}

}  // namespace recrypt
