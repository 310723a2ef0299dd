#include "daemon/mount/watched_access.h"

namespace recrypt {

Result<OpenedKeys> WatchedAccess::Open(const Header& header, GrantUse use) {
  Result<OpenedKeys> opened = PassingAccess::Open(header, use);
  Note(header, opened, use);
  return opened;
}

std::vector<Result<OpenedKeys>> WatchedAccess::OpenMany(std::span<const Header* const> headers,
                                                        GrantUse use) {
  std::vector<Result<OpenedKeys>> opened = PassingAccess::OpenMany(headers, use);
  for (size_t i = 0; i < opened.size(); ++i) Note(*headers[i], opened[i], use);
  return opened;
}

void WatchedAccess::Note(const Header& header, const Result<OpenedKeys>& opened, GrantUse use) {
  if (opened) {
    {
      const std::lock_guard lock(mutex_);
      documents_.Note(header.uid);
      labels_.Note(header.expression.text());
    }
    if (use == GrantUse::kOpen) events_.opened(header);
    return;
  }
  // A prefetch is refused for reasons of its own, and nobody waits for it.
  if (use != GrantUse::kOpen) return;
  const ErrorCode why = opened.error().code;
  if (why == ErrorCode::kPending) return events_.held(header);
  if (why != ErrorCode::kDenied && why != ErrorCode::kForbidden) return;
  events_.opened(header);
  const std::string labels = header.expression.text();
  if (HasEnded(header, labels, why)) events_.ended(labels, why);
}

bool WatchedAccess::HasEnded(const Header& header, const std::string& labels, ErrorCode why) {
  // What others of them are still read by lasts: the end is told when that is over.
  if (CreatorsLease(header.expression) != 0) return false;
  const std::lock_guard lock(mutex_);
  if (!labels_.Has(labels)) return false;
  // A policy may forbid single documents.
  if (why == ErrorCode::kForbidden && !documents_.Has(header.uid)) return false;
  labels_.Forget(labels);
  documents_.Forget(header.uid);
  return true;
}

}  // namespace recrypt
