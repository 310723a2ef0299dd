#include "client/brought_grants.h"

namespace recrypt {

void BroughtGrants::Bring(std::span<const Header* const> headers) {
  auto results = OpenMany(headers, GrantUse::kOpen);
  const std::lock_guard guard(mutex_);
  brought_.clear();
  for (size_t i = 0; i < headers.size(); ++i) {
    brought_.emplace(headers[i]->digest, std::move(results[i]));
  }
}

Result<OpenedKeys> BroughtGrants::Open(const Header& header, GrantUse use) {
  {
    const std::lock_guard guard(mutex_);
    const auto found = brought_.find(header.digest);
    if (found != brought_.end()) {
      Result<OpenedKeys> opened = std::move(found->second);
      brought_.erase(found);
      return opened;
    }
  }
  return PassingAccess::Open(header, use);
}

void BroughtGrants::Lock() {
  {
    const std::lock_guard guard(mutex_);
    brought_.clear();
  }
  PassingAccess::Lock();
}

}  // namespace recrypt
