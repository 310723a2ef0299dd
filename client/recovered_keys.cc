#include "client/recovered_keys.h"

#include <algorithm>

#include "client/durable_file.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr size_t kMaxFile = 16 << 20;

Result<std::vector<EscrowedLabel>> LoadLabels(const std::string& path, const PrivateKey& device) {
  const auto text = ReadSmallFile(path, kMaxFile);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::vector<EscrowedLabel>();
  if (!text) return Fail(text.error());
  const auto jwe = ParseJson(AsText(*text));
  if (!jwe) return Fail(ErrorCode::kCorrupt, "the recovered keys in " + path + " are damaged");
  auto labels = OpenEscrowedLabels(*jwe, device);
  if (!labels) return Fail(labels.error(), "the recovered keys in " + path);
  return labels;
}

}  // namespace

Result<RecoveredKeys> RecoveredKeys::Load(const std::string& path, const PrivateKey& device) {
  RECRYPT_ASSIGN(auto labels, LoadLabels(path, device));
  RecoveredKeys loaded;
  for (EscrowedLabel& label : labels) {
    const auto profile = std::make_shared<const LabelProfile>(std::move(label.profile));
    for (LabelSecrets::EpochKey& key : label.keys) {
      const std::string kid = KeyUdf(key.key.public_key());
      loaded.keys_.insert_or_assign(kid, Found{profile, std::move(key.key)});
    }
  }
  return loaded;
}

Status RecoveredKeys::Add(const std::string& path, const PrivateKey& device,
                          std::vector<EscrowedLabel> labels) {
  RECRYPT_ASSIGN(auto before, LoadLabels(path, device));
  for (EscrowedLabel& old : before) {
    const bool replaced = std::any_of(labels.begin(), labels.end(), [&](const auto& label) {
      return label.profile.label == old.profile.label;
    });
    if (!replaced) labels.push_back(std::move(old));
  }
  RECRYPT_ASSIGN(const Json jwe, SealEscrowedLabels(labels, device.public_key()));
  return ReplaceFile(path, AsBytes(DumpJson(jwe) + "\n"), FileMode::kPrivate);
}

const RecoveredKeys::Found* RecoveredKeys::Find(std::string_view kid) const {
  const auto found = keys_.find(kid);
  return found == keys_.end() ? nullptr : &found->second;
}

}  // namespace recrypt
