#include "cli/share_place.h"

#include "cli/mount_table.h"

namespace recrypt {

Result<ShareLocation> LocateOnShare(const std::string& directory, const std::string& root) {
  RECRYPT_ASSIGN(const std::string on_share, PathOnShare(directory));
  if (!root.empty()) return LocateInShare(root, on_share);
  auto found = FindShare(on_share);
  if (!found && found.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kNotFound, directory +
                                          " lies in no share that has labels yet: name the "
                                          "share's root with --share");
  }
  return found;
}

Result<std::optional<LabelExpression>> RulingLabel(Client& client, const std::string& directory) {
  const std::optional<LabelExpression> none;
  const auto at = FindShare(directory);
  if (!at && at.error().code == ErrorCode::kNotFound) return none;
  if (!at) return Fail(at.error());
  RECRYPT_ASSIGN(const SharePolicy policy, LoadSharePolicy(client, at->root));
  const LabelExpression* label = policy.Find(at->path);
  return label == nullptr ? none : std::optional(*label);
}

}  // namespace recrypt
