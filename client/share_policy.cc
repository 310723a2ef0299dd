#include "client/share_policy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "client/durable_file.h"
#include "client/object_life.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr size_t kMaxPolicy = 16 << 20;

std::string FolderOf(const std::string& root) { return root + "/" + std::string(kShareFolder); }
std::string PolicyOf(const std::string& root) {
  return FolderOf(root) + "/" + std::string(kSharePolicyFile);
}

Result<std::string> RealPath(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return FailErrno(errno, "looking for " + path);
  std::string result(resolved);
  std::free(resolved);
  return result;
}

// `path` relative to `root`; nothing when it does not lie below. Both are absolute and resolved.
std::optional<std::string> Relative(const std::string& root, const std::string& path) {
  if (path == root) return "";
  const std::string prefix = root == "/" ? root : root + "/";
  if (!path.starts_with(prefix)) return std::nullopt;
  return path.substr(prefix.size());
}

// What was pinned for a share's root: its id, and the fingerprint of its owner.
std::string PinOf(const SharePolicy& policy) {
  return HexEncode(policy.share) + " of " + policy.owner.account.text() + " " + policy.owner.udf;
}

// The master key of the policy's owner: from the profile seen last, or fetched. A master key does
// not change under one fingerprint, so an old profile is as good as a new one here.
Result<PublicKey> OwnerMaster(Client& client, const Principal& owner) {
  if (client.has_keys() && client.keystore().identity().account == owner.account) {
    return client.keystore().identity().account_key;
  }
  RECRYPT_ASSIGN(const bool pinned,
                 client.trust().CheckPin(TrustSubject::kAccount, owner.account.text(), owner.udf));
  RECRYPT_ASSIGN(const auto seen,
                 client.trust().LastSeen(TrustSubject::kAccount, owner.account.text()));
  if (pinned && seen) {
    RECRYPT_ASSIGN(const Profile profile, VerifyProfile(seen->object));
    if (profile.Udf() == owner.udf) return profile.master;
  }
  RECRYPT_ASSIGN(const auto profile, client.profiles().Account(owner.account, ProfileUse::kRead));
  return profile->master;
}

Status CheckRootPin(Client& client, const std::string& root, const SharePolicy& policy) {
  return client.trust().Pin(
      {TrustSubject::kShare, root, PinOf(policy), "first use", client.clock().NowSeconds()},
      PinChange::kRefuse);
}

// A policy that was seen and is not there any more was taken away by the storage.
Status CheckMayBeMissing(Client& client, const std::string& root) {
  RECRYPT_ASSIGN(const auto pin, client.trust().FindPin(TrustSubject::kShare, root));
  if (!pin) return Fail(ErrorCode::kNotFound, "the share " + root + " has no policy");
  return Fail(ErrorCode::kStale,
              "the policy of the share " + root + " is gone; it was seen before: " + pin->udf);
}

struct LoadedPolicy {
  SharePolicy policy;
  Json jws;
};

Result<LoadedPolicy> Check(Client& client, const std::string& root, ByteSpan text) {
  auto jws = ParseJson(AsText(text));
  if (!jws) return Fail(ErrorCode::kCorrupt, PolicyOf(root) + " is damaged");
  RECRYPT_ASSIGN(const Principal owner, PeekSharePolicyOwner(*jws));
  RECRYPT_ASSIGN(const PublicKey master, OwnerMaster(client, owner));
  RECRYPT_ASSIGN(SharePolicy policy, VerifySharePolicy(*jws, master));
  RECRYPT_TRY(CheckRootPin(client, root, policy));
  RECRYPT_TRY(client.trust().Remember(TrustSubject::kShare, root, policy.version.version, *jws));
  return LoadedPolicy{std::move(policy), std::move(*jws)};
}

Result<LoadedPolicy> Load(Client& client, const std::string& root) {
  auto text = ReadSmallFile(PolicyOf(root), kMaxPolicy);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    RECRYPT_TRY(CheckMayBeMissing(client, root));
  }
  if (!text) return Fail(std::move(text.error()));
  return Check(client, root, *text);
}

SharePolicy NewPolicy(const Identity& owner) {
  return SharePolicy{{0, 0, 0}, ToBytes(RandomArray<16>()), {owner.account, owner.Udf()}, {}};
}

// What the owner goes on from when the file is gone: the policy of this root that was seen last, if
// it is the owner's own. Nobody else may put anything in its place.
Result<SharePolicy> Restored(Client& client, const std::string& root, const Error& failure) {
  RECRYPT_ASSIGN(const auto seen, client.trust().LastSeen(TrustSubject::kShare, root));
  if (!seen) return Fail(failure);
  auto policy = VerifySharePolicy(seen->object, client.keystore().identity().account_key);
  if (!policy) return Fail(failure);
  return policy;
}

// The policy to change: the one that is there, the one that was, or the share's first.
Result<SharePolicy> PolicyToChange(Client& client, const std::string& root) {
  auto loaded = Load(client, root);
  if (loaded) return std::move(loaded->policy);
  if (loaded.error().code == ErrorCode::kNotFound) return NewPolicy(client.keystore().identity());
  const bool gone = ::access(PolicyOf(root).c_str(), F_OK) != 0 && errno == ENOENT;
  if (gone) return Restored(client, root, loaded.error());
  return Fail(std::move(loaded.error()));
}

Status MakeShareFolder(const std::string& root) {
  const std::string folder = FolderOf(root);
  const bool made = ::mkdir(folder.c_str(), 0755) == 0;
  if (!made && errno != EEXIST) return FailErrno(errno, "making " + folder);
  // Others who use the share have to read the policy, whatever the umask says.
  if (made && ::chmod(folder.c_str(), 0755) != 0) return FailErrno(errno, "making " + folder);
  return {};
}

// Changes the policy and writes its next version.
template <typename Change>
Result<SharePolicy> Update(Client& client, const std::string& root, const Change& change) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(const PrivateKey* master, identity.Master());
  RECRYPT_TRY(MakeShareFolder(root));
  RECRYPT_ASSIGN(const FileLock lock, FileLock::Take(FolderOf(root) + "/policy.lock"));
  RECRYPT_ASSIGN(SharePolicy policy, PolicyToChange(client, root));
  if (policy.owner.udf != identity.Udf()) {
    return Fail(ErrorCode::kDenied, "the share " + root + " is owned by " +
                                        policy.owner.account.text() + " " + policy.owner.udf +
                                        ", this account is " + identity.account.text() + " " +
                                        identity.Udf());
  }
  RECRYPT_TRY(change(policy));
  policy.version =
      VersionFrom(policy.version.version + 1, client.clock().NowSeconds(), kPolicyLifeSeconds);
  const Json jws = SignSharePolicy(policy, *master);
  // Bounds are the reader's: nothing is written that others would refuse.
  RECRYPT_TRY(VerifySharePolicy(jws, identity.account_key));
  RECRYPT_TRY(ReplaceFile(PolicyOf(root), AsBytes(DumpJson(jws) + "\n"), FileMode::kShared));
  RECRYPT_TRY(CheckRootPin(client, root, policy));
  RECRYPT_TRY(client.trust().Remember(TrustSubject::kShare, root, policy.version.version, jws));
  return policy;
}

bool IsAtOrBelow(const std::string& path, const std::string& ancestor) {
  return path == ancestor || ancestor.empty() || path.starts_with(ancestor + "/");
}

}  // namespace

Result<ShareLocation> FindShare(const std::string& path) {
  RECRYPT_ASSIGN(const std::string real, RealPath(path));
  for (std::string root = real;; root = ParentOf(root)) {
    if (::access(PolicyOf(root == "/" ? "" : root).c_str(), F_OK) == 0) {
      return ShareLocation{root, *Relative(root, real)};
    }
    if (root == "/") break;
  }
  return Fail(ErrorCode::kNotFound, path + " lies in no share: no directory above it has a " +
                                        std::string(kShareFolder) + "/" +
                                        std::string(kSharePolicyFile));
}

Result<ShareLocation> LocateInShare(const std::string& root, const std::string& path) {
  RECRYPT_ASSIGN(const std::string real_root, RealPath(root));
  RECRYPT_ASSIGN(const std::string real, RealPath(path));
  auto relative = Relative(real_root, real);
  if (!relative) {
    return Fail(ErrorCode::kInvalid, path + " does not lie in the share " + root);
  }
  return ShareLocation{real_root, std::move(*relative)};
}

Result<SharePolicy> LoadSharePolicy(Client& client, const std::string& root) {
  RECRYPT_ASSIGN(const std::string real_root, RealPath(root));
  RECRYPT_ASSIGN(LoadedPolicy loaded, Load(client, real_root));
  return std::move(loaded.policy);
}

Result<SharePolicy> CheckSharePolicy(Client& client, const std::string& root, ByteSpan document) {
  RECRYPT_ASSIGN(const std::string real_root, RealPath(root));
  RECRYPT_ASSIGN(LoadedPolicy checked, Check(client, real_root, document));
  return std::move(checked.policy);
}

Result<SharePolicy> AssignLabel(Client& client, const ShareLocation& directory,
                                const LabelExpression& label) {
  return Update(client, directory.root, [&](SharePolicy& policy) -> Status {
    const auto found =
        std::find_if(policy.paths.begin(), policy.paths.end(),
                     [&](const SharePolicy::Path& entry) { return entry.path == directory.path; });
    if (found == policy.paths.end()) {
      policy.paths.push_back({directory.path, label});
    } else {
      found->label = label;
    }
    return {};
  });
}

Result<SharePolicy> UnassignLabel(Client& client, const ShareLocation& directory) {
  return Update(client, directory.root, [&](SharePolicy& policy) -> Status {
    const size_t erased = std::erase_if(
        policy.paths, [&](const SharePolicy::Path& entry) { return entry.path == directory.path; });
    if (erased > 0) return {};
    return Fail(ErrorCode::kNotFound, "no label is assigned to /" + directory.path +
                                          " of the share: 'recryptfs label assign' does so");
  });
}

Result<SharePolicy> RenameInPolicy(Client& client, const ShareLocation& from,
                                   const std::string& to) {
  return Update(client, from.root, [&](SharePolicy& policy) -> Status {
    for (SharePolicy::Path& entry : policy.paths) {
      if (IsAtOrBelow(entry.path, from.path)) entry.path = to + entry.path.substr(from.path.size());
    }
    return {};
  });
}

}  // namespace recrypt
