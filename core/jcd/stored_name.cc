#include "core/jcd/stored_name.h"

#include <algorithm>

#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

constexpr std::string_view kHashedPrefix = "jcd.name.";
constexpr std::string_view kSidecarSuffix = ".name";
constexpr size_t kHexDigits = 64;

bool IsHexDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string Hashed(std::string_view name) {
  return std::string(kHashedPrefix).append(HexEncode(Sha256(AsBytes(name))));
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

std::string_view WithoutSuffix(std::string_view stored) {
  return stored.substr(0, stored.size() - kDocumentSuffix.size());
}

}  // namespace

std::string StoredDocumentName(std::string_view name) {
  const bool fits = name.size() + kDocumentSuffix.size() <= kMaxName && !IsHashedStem(name);
  return (fits ? std::string(name) : Hashed(name)).append(kDocumentSuffix);
}

std::string StoredName(std::string_view name, StoredKind what) {
  if (what == StoredKind::kDocument || LooksStored(name)) return StoredDocumentName(name);
  return std::string(name);
}

bool LooksStored(std::string_view name) {
  return name.ends_with(kDocumentSuffix) || IsSidecarName(name);
}

std::optional<std::string_view> NameFromStored(std::string_view stored, StoredKind what) {
  if (stored.size() <= kDocumentSuffix.size() || !stored.ends_with(kDocumentSuffix)) {
    return std::nullopt;
  }
  const std::string_view name = WithoutSuffix(stored);
  if (what == StoredKind::kOther && !LooksStored(name) && !IsHashedStem(name)) return std::nullopt;
  return name;
}

bool IsHashedName(std::string_view stored) {
  return stored.ends_with(kDocumentSuffix) && IsHashedStem(WithoutSuffix(stored));
}

bool IsHashedStem(std::string_view name) {
  return name.size() == kHashedPrefix.size() + kHexDigits && name.starts_with(kHashedPrefix) &&
         std::all_of(name.begin() + kHashedPrefix.size(), name.end(), IsHexDigit);
}

bool IsSidecarName(std::string_view stored) {
  return stored.ends_with(kSidecarSuffix) &&
         IsHashedStem(stored.substr(0, stored.size() - kSidecarSuffix.size()));
}

std::string SidecarName(std::string_view hashed) {
  return std::string(WithoutSuffix(hashed)).append(kSidecarSuffix);
}

std::string HashedNameOf(std::string_view sidecar) {
  return std::string(sidecar.substr(0, sidecar.size() - kSidecarSuffix.size()))
      .append(kDocumentSuffix);
}

bool IsNameOfHashed(std::string_view name, std::string_view hashed) {
  return IsName(name) && IsHashedName(hashed) && StoredDocumentName(name) == hashed;
}

}  // namespace recrypt
