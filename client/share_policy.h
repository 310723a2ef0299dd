// The policy of a share, .recryptfs/policy.jcp: which label rules in which directory
// (docs/PROTOCOL.md, 4.5).
//
//   RECRYPT_ASSIGN(ShareLocation at, FindShare("/srv/share/Accounting"));
//   RECRYPT_ASSIGN(SharePolicy policy, LoadSharePolicy(client, at.root));
//   policy.Find(at.path);
//
// At first use the share's id and owner are pinned to its root's path. Thread safe.
#ifndef RECRYPT_CLIENT_SHARE_POLICY_H_
#define RECRYPT_CLIENT_SHARE_POLICY_H_

#include <string>

#include "client/client.h"

namespace recrypt {

inline constexpr std::string_view kShareFolder = ".recryptfs";
inline constexpr std::string_view kSharePolicyFile = "policy.jcp";

struct ShareLocation {
  std::string root;  // absolute, without symbolic links
  std::string path;  // relative to root, "" for the root itself
};

// The nearest ancestor of `path` (itself included) with a policy. kNotFound when there is none.
Result<ShareLocation> FindShare(const std::string& path);
// `path` relative to `root`; kInvalid when it does not lie below.
Result<ShareLocation> LocateInShare(const std::string& root, const std::string& path);

// Reads and verifies the policy: its owner pinned, the signature by the owner's master key, share
// and owner those pinned for this root, the version not older than one seen. kNotFound when there
// is none and never was; kDenied or kStale, naming both sides, when it is not the one expected or
// gone. The owner's profile is fetched only when it has not been seen before.
Result<SharePolicy> LoadSharePolicy(Client& client, const std::string& root);

// The same checks for the bytes of a policy that were read from the share at `root` already.
Result<SharePolicy> CheckSharePolicy(Client& client, const std::string& root, ByteSpan document);

// Assigns `label` to a directory of the share and replaces the policy, durably. Makes the share's
// first policy, owned by this account, when there is none; goes on from the last one that this
// account signed when that one is gone. kDenied when another account owns it.
Result<SharePolicy> AssignLabel(Client& client, const ShareLocation& directory,
                                const LabelExpression& label);
// Takes the assignment of a directory away; kNotFound when it has none.
Result<SharePolicy> UnassignLabel(Client& client, const ShareLocation& directory);
// The same for a directory that is renamed: every path at or below `from` moves to `to`.
Result<SharePolicy> RenameInPolicy(Client& client, const ShareLocation& from,
                                   const std::string& to);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_SHARE_POLICY_H_
