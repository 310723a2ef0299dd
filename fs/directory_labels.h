// DirectoryLabels: which label a new file gets (DESIGN 4).
//
//   RECRYPT_ASSIGN(LabelExpression label, labels.ForDirectory("projects/2026"));
//
// The nearest labelled ancestor in the share's policy document rules, else the mount's own label.
// The document is looked at again when it has changed, at most once a second, and is believed only
// as the verifier says. Thread safe.
#ifndef RECRYPT_FS_DIRECTORY_LABELS_H_
#define RECRYPT_FS_DIRECTORY_LABELS_H_

#include <functional>
#include <mutex>
#include <optional>

#include "core/base/clock.h"
#include "core/identity/profile.h"
#include "fs/store.h"

namespace recrypt {

// Checks signature, pin, version and expiry of `.recryptfs/policy.jcp`.
using PolicyVerifier = std::function<Result<SharePolicy>(ByteSpan document)>;

class DirectoryLabels {
 public:
  DirectoryLabels(Store& store, const Clock& clock, std::optional<LabelExpression> fallback,
                  PolicyVerifier verify);

  // Reads the policy now; fails when there is one and it does not verify.
  Status Load();
  // `path` is relative to the root of the share. kForbidden when no label rules there; the
  // policy's error when it cannot be believed.
  Result<LabelExpression> ForDirectory(std::string_view path);
  // True when the policy names `path` or something below it.
  Result<bool> RulesAtOrBelow(std::string_view path);

 private:
  // What a change of the policy document shows in.
  struct Version {
    ino_t inode = 0;
    off_t size = 0;
    struct timespec changed = {};
  };
  Result<std::optional<struct stat>> StatPolicy(UniqueFd& node);
  Status Refresh();  // requires mutex_
  Status Reload();   // requires mutex_

  Store& store_;
  const Clock& clock_;
  const std::optional<LabelExpression> fallback_;
  const PolicyVerifier verify_;

  std::mutex mutex_;  // guards what follows; held over calls of the store and of verify_
  int64_t looked_at_ms_ = -1;
  std::optional<Version> version_;  // of what policy_ was made from
  std::optional<SharePolicy> policy_;
  std::optional<Error> error_;  // the present document is not to be believed
};

}  // namespace recrypt

#endif  // RECRYPT_FS_DIRECTORY_LABELS_H_
