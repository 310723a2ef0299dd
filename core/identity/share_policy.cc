#include <set>

#include "core/identity/profile.h"
#include "core/identity/signed_object.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr size_t kShareIdSize = 16;
constexpr size_t kMaxPaths = 16384;
constexpr size_t kMaxPath = 4096;

// Relative, without empty, "." or ".." components and without NUL; "" is the root.
bool IsPolicyPath(std::string_view path) {
  if (path.empty()) return true;
  if (path.size() > kMaxPath || path.find('\0') != path.npos) return false;
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    if (component.empty() || component == "." || component == "..") return false;
    if (slash == path.npos) return true;
    path.remove_prefix(slash + 1);
  }
}

Result<LabelExpression> ReadExpression(const Json& object) {
  RECRYPT_ASSIGN(const std::string text, GetString(object, "label"));
  RECRYPT_ASSIGN(LabelExpression label, LabelExpression::Parse(text));
  if (label.text() != text) {
    return Fail(ErrorCode::kInvalid, "a label expression is not in its canonical spelling");
  }
  return label;
}

Result<std::vector<SharePolicy::Path>> ReadPaths(const Json& payload) {
  RECRYPT_ASSIGN(const Json* list, signed_object::ReadList(payload, "paths", 0, kMaxPaths));
  std::vector<SharePolicy::Path> paths;
  std::set<std::string> seen;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(std::string path, GetString(element, "path"));
    if (!IsPolicyPath(path)) return Fail(ErrorCode::kInvalid, "a path is not a relative path");
    if (!seen.insert(path).second) return Fail(ErrorCode::kInvalid, "a path stands twice");
    RECRYPT_ASSIGN(LabelExpression label, ReadExpression(element));
    paths.push_back({std::move(path), std::move(label)});
  }
  return paths;
}

Result<SharePolicy> ReadPolicy(const Json& payload) {
  RECRYPT_ASSIGN(const ObjectVersion version, signed_object::ReadVersion(payload));
  RECRYPT_ASSIGN(Bytes share, GetBytes(payload, "share"));
  if (share.size() != kShareIdSize) {
    return Fail(ErrorCode::kInvalid, "the share's id has not 16 bytes");
  }
  RECRYPT_ASSIGN(const Json* owner_object, GetObject(payload, "owner"));
  RECRYPT_ASSIGN(Principal owner, signed_object::ReadPrincipal(*owner_object));
  RECRYPT_ASSIGN(std::vector<SharePolicy::Path> paths, ReadPaths(payload));
  return SharePolicy{version, std::move(share), std::move(owner), std::move(paths)};
}

Result<SharePolicy> ReadAndVerify(const Json& jws, const PublicKey& owner_master) {
  RECRYPT_ASSIGN(const Json payload, signed_object::Peek(jws, "policy"));
  RECRYPT_ASSIGN(SharePolicy policy, ReadPolicy(payload));
  const std::string udf = KeyUdf(owner_master);
  if (policy.owner.udf != udf) {
    return Fail(ErrorCode::kDenied,
                "its owner is " + policy.owner.udf + ", the key to verify it with is " + udf);
  }
  RECRYPT_TRY(signed_object::Verify(jws, owner_master));
  return policy;
}

}  // namespace

const LabelExpression* SharePolicy::Find(std::string_view path) const {
  const LabelExpression* best = nullptr;
  size_t best_size = 0;
  for (const Path& candidate : paths) {
    const std::string& prefix = candidate.path;
    const bool covers =
        prefix.empty() || path == prefix ||
        (path.size() > prefix.size() && path.starts_with(prefix) && path[prefix.size()] == '/');
    if (covers && (best == nullptr || prefix.size() > best_size)) {
      best = &candidate.label;
      best_size = prefix.size();
    }
  }
  return best;
}

Json SignSharePolicy(const SharePolicy& policy, const PrivateKey& owner_master) {
  Json paths = Json::array();
  for (const SharePolicy::Path& entry : policy.paths) {
    paths.push_back({{"path", entry.path}, {"label", entry.label.text()}});
  }
  Json payload = {{"share", Base64UrlEncode(policy.share)},
                  {"owner", signed_object::WritePrincipal(policy.owner)},
                  {"paths", std::move(paths)}};
  return signed_object::Sign(std::move(payload), "policy", policy.version, owner_master);
}

Result<SharePolicy> VerifySharePolicy(const Json& jws, const PublicKey& owner_master) {
  auto policy = ReadAndVerify(jws, owner_master);
  if (!policy) return Fail(policy.error(), "the share's policy");
  return policy;
}

Result<Principal> PeekSharePolicyOwner(const Json& jws) {
  auto payload = signed_object::Peek(jws, "policy");
  if (!payload) return Fail(payload.error(), "the share's policy");
  RECRYPT_ASSIGN(const Json* owner, GetObject(*payload, "owner"));
  return signed_object::ReadPrincipal(*owner);
}

}  // namespace recrypt
