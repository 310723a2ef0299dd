#include "client/authors.h"

#include <utility>

namespace recrypt {
namespace {

constexpr int64_t kGoodForMillis = 600'000;
constexpr int64_t kNoneForMillis = 30'000;
constexpr int64_t kPauseMillis = 5'000;

}  // namespace

Authors::Authors(Services& services, TrustStore& trust, const Clock& clock,
                 std::shared_ptr<const Identity> identity)
    : services_(services), trust_(trust), clock_(clock), identity_(std::move(identity)) {}

void Authors::Forget() {
  const std::lock_guard guard(mutex_);
  known_.clear();
}

Result<std::shared_ptr<const Author>> Authors::For(const LabelProfile& label) {
  std::optional<Known> known = Find(label);
  if (known && known->author && clock_.MonotonicMillis() >= known->ask_again_ms) {
    refresher_.Refresh(label.label.text(), [this, label] { (void)AskAndKeep(label); });
    known = Find(label);
    if (known && known->author) return known->author;
  }
  if (known && clock_.MonotonicMillis() < known->ask_again_ms) return known->author;
  return AskAndKeep(label);
}

// What is kept, unless it is a credential that has expired, or is of an earlier epoch than the
// label's key: nothing is signed with that under the key.
std::optional<Authors::Known> Authors::Find(const LabelProfile& label) {
  const std::lock_guard guard(mutex_);
  const auto found = known_.find(label.label);
  if (found == known_.end()) return std::nullopt;
  const Known& known = found->second;
  if (known.author && known.expires <= clock_.NowSeconds()) return std::nullopt;
  if (known.epoch < label.epoch) return std::nullopt;
  return known;
}

Result<std::shared_ptr<const Author>> Authors::AskAndKeep(const LabelProfile& label) {
  auto known = Ask(label);
  if (!known && known.error().code == ErrorCode::kUnavailable) {
    known = LastKnown(label, known.error());
  }
  const std::lock_guard guard(mutex_);
  if (!known) {
    known_.erase(label.label);
    return Fail(std::move(known.error()));
  }
  known_[label.label] = *known;
  return known->author;
}

Result<Credential> Authors::CheckCredential(const LabelProfile& label, ByteSpan credential) const {
  RECRYPT_ASSIGN(Credential fields,
                 VerifyCredential(credential, label.master, clock_.NowSeconds()));
  if (fields.device != identity_->device_sign.public_key()) {
    return Fail(ErrorCode::kDenied, "the credential is for another device");
  }
  if (fields.epoch < label.epoch) {
    return Fail(ErrorCode::kDenied,
                "the credential is for an earlier key of " + label.label.text());
  }
  return fields;
}

Result<Authors::Known> Authors::Ask(const LabelProfile& label) {
  if (!identity_) return Known{nullptr, 0, UINT32_MAX, INT64_MAX};
  const LabelProfile::Service& service = label.services.front();
  auto entries = services_.At(service.domain, service.udf)->GetEntries(label.label);
  const int64_t now_ms = clock_.MonotonicMillis();
  if (!entries) {
    const ErrorCode code = entries.error().code;
    const bool none = code == ErrorCode::kNotFound || code == ErrorCode::kDenied;
    if (!none) return Fail(std::move(entries.error()));
    entries = std::vector<ServiceClient::OwnEntry>();
  }
  Known best{nullptr, 0, label.epoch, now_ms + kNoneForMillis};
  Bytes best_credential;
  for (const ServiceClient::OwnEntry& entry : *entries) {
    if (entry.credential.empty()) continue;
    const auto fields = CheckCredential(label, entry.credential);
    const auto expires = fields ? static_cast<int64_t>(fields->expires) : 0;
    if (!fields || std::pair(fields->epoch, expires) <= std::pair(best.epoch, best.expires)) {
      continue;
    }
    best = {nullptr, expires, fields->epoch, now_ms + kGoodForMillis};
    best_credential = entry.credential;
  }
  RECRYPT_TRY(trust_.KeepCredential(label.label, best_credential));
  if (!best_credential.empty()) {
    best.author =
        std::make_shared<const Author>(Author{identity_->device_sign, std::move(best_credential)});
  }
  return best;
}

Result<Authors::Known> Authors::LastKnown(const LabelProfile& label, const Error& failure) {
  RECRYPT_ASSIGN(Bytes credential, trust_.KeptCredential(label.label));
  const auto fields = CheckCredential(label, credential);
  if (credential.empty() || !fields) return Fail(failure);
  return Known{
      std::make_shared<const Author>(Author{identity_->device_sign, std::move(credential)}),
      static_cast<int64_t>(fields->expires), fields->epoch,
      clock_.MonotonicMillis() + kPauseMillis};
}

}  // namespace recrypt
