#include "fs/directory_labels.h"

#include <fcntl.h>

#include "fs/names.h"

namespace recrypt {
namespace {

constexpr int64_t kLookAgainMs = 1000;
constexpr off_t kMaxPolicySize = off_t{4} << 20;
constexpr char kPolicyName[] = "policy.jcp";

bool SameTime(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool IsAtOrBelow(std::string_view path, std::string_view directory) {
  if (directory.empty() || path == directory) return true;
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

}  // namespace

DirectoryLabels::DirectoryLabels(Store& store, const Clock& clock,
                                 std::optional<LabelExpression> fallback, PolicyVerifier verify)
    : store_(store), clock_(clock), fallback_(std::move(fallback)), verify_(std::move(verify)) {}

Status DirectoryLabels::Load() {
  std::lock_guard lock(mutex_);
  looked_at_ms_ = -1;
  return Refresh();
}

Result<LabelExpression> DirectoryLabels::ForDirectory(std::string_view path) {
  std::lock_guard lock(mutex_);
  RECRYPT_TRY(Refresh());
  if (policy_) {
    // Nobody may serve yesterday's labels for new files (DESIGN 3).
    if (policy_->version.expires <= clock_.NowSeconds()) {
      return Fail(ErrorCode::kForbidden,
                  "the policy of the share has expired: its owner renews it with `recryptfs label "
                  "assign`");
    }
    if (const LabelExpression* label = policy_->Find(path)) return *label;
  }
  if (fallback_) return *fallback_;
  return Fail(ErrorCode::kForbidden,
              "no label rules in the directory \"" + std::string(path) +
                  "\": assign one with `recryptfs label assign`, or mount with --label");
}

Result<bool> DirectoryLabels::RulesAtOrBelow(std::string_view path) {
  std::lock_guard lock(mutex_);
  RECRYPT_TRY(Refresh());
  if (!policy_) return false;
  for (const SharePolicy::Path& ruled : policy_->paths) {
    if (IsAtOrBelow(ruled.path, path)) return true;
  }
  return false;
}

Result<std::optional<struct stat>> DirectoryLabels::StatPolicy(UniqueFd& node) {
  auto dir = store_.OpenNode(store_.root(), std::string(kShareDirectory));
  if (!dir) {
    if (dir.error().code == ErrorCode::kNotFound) return std::optional<struct stat>();
    return Fail(std::move(dir.error()));
  }
  auto opened = store_.OpenNode(dir->get(), kPolicyName);
  if (!opened) {
    if (opened.error().code == ErrorCode::kNotFound) return std::optional<struct stat>();
    return Fail(std::move(opened.error()));
  }
  node = std::move(*opened);
  RECRYPT_ASSIGN(struct stat st, store_.Stat(node.get()));
  if (!S_ISREG(st.st_mode) || st.st_size > kMaxPolicySize) {
    return Fail(ErrorCode::kCorrupt, "the share's policy document is no regular file");
  }
  return std::optional<struct stat>(st);
}

Status DirectoryLabels::Refresh() {
  const int64_t now = clock_.MonotonicMillis();
  if (looked_at_ms_ < 0 || now - looked_at_ms_ >= kLookAgainMs) {
    looked_at_ms_ = now;
    Status reloaded = Reload();
    error_.reset();
    if (!reloaded) error_ = reloaded.error();
  }
  if (error_) return Fail(*error_, "the policy of the share");
  return {};
}

Status DirectoryLabels::Reload() {
  UniqueFd node;
  RECRYPT_ASSIGN(std::optional<struct stat> st, StatPolicy(node));
  if (!st) {
    // Whoever controls the storage must not be able to take the policy away either.
    if (policy_) return Fail(ErrorCode::kStale, "it was there before and is gone");
    return {};
  }
  if (version_ && version_->inode == st->st_ino && version_->size == st->st_size &&
      SameTime(version_->changed, st->st_ctim) && !error_) {
    return {};
  }
  RECRYPT_ASSIGN(UniqueFd fd, store_.OpenFile(node.get(), O_RDONLY));
  Bytes text(static_cast<size_t>(st->st_size));
  RECRYPT_ASSIGN(size_t size, store_.ReadAt(fd.get(), 0, text));
  text.resize(size);
  if (!verify_) return Fail(ErrorCode::kDenied, "nothing to verify it with");
  RECRYPT_ASSIGN(SharePolicy policy, verify_(text));
  policy_ = std::move(policy);
  version_ = Version{st->st_ino, st->st_size, st->st_ctim};
  return {};
}

}  // namespace recrypt
