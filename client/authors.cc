#include "client/authors.h"

#include <iterator>
#include <utility>

namespace recrypt {
namespace {

constexpr int64_t kGoodForMillis = 600'000;
constexpr int64_t kNoneForMillis = 30'000;
constexpr int64_t kPauseMillis = 5'000;

}  // namespace

Authors::Authors(Services& services, TrustStore& trust, const Clock& clock,
                 std::shared_ptr<const Identity> identity, PersonalGroup& group,
                 std::shared_ptr<Introductions> introductions)
    : services_(services),
      trust_(trust),
      clock_(clock),
      identity_(std::move(identity)),
      group_(group),
      introductions_(std::move(introductions)) {}

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
  if (fields.epoch < label.epoch) {
    return Fail(ErrorCode::kDenied,
                "the credential is for an earlier key of " + label.label.text());
  }
  return fields;
}

// What a service says of this device's entries; none is an answer too. Once more for who is not
// known there yet, and is in a personal group that may be.
Result<std::vector<ServiceClient::OwnEntry>> Authors::EntriesAt(const Asked& asked,
                                                                const LabelName& label) {
  const int64_t asked_ms = asked.clock->MonotonicMillis();
  auto entries = asked.service->GetEntries(label);
  const auto none = [&] {
    return !entries && (entries.error().code == ErrorCode::kNotFound ||
                        entries.error().code == ErrorCode::kDenied);
  };
  if (none() && asked.introductions->Introduce(asked.domain, *asked.service, asked_ms)) {
    entries = asked.service->GetEntries(label);
  }
  if (!none()) return entries;
  return std::vector<ServiceClient::OwnEntry>();
}

// By this device's own key, or by the personal group's, which is kDenied for any other.
Result<std::shared_ptr<const Author>> Authors::AuthorBy(const Credential& fields,
                                                        Bytes credential) {
  if (fields.device == identity_->device_sign.public_key()) {
    return std::make_shared<const Author>(Author{identity_->device_sign, std::move(credential)});
  }
  RECRYPT_ASSIGN(PrivateKey key, group_.WritingKey(fields.device));
  return std::make_shared<const Author>(Author{std::move(key), std::move(credential)});
}

// The author by the best of these credentials.
Result<Authors::Known> Authors::BestOf(const LabelProfile& label,
                                       const std::vector<ServiceClient::OwnEntry>& entries) {
  const int64_t now_ms = clock_.MonotonicMillis();
  Known best{nullptr, 0, label.epoch, now_ms + kNoneForMillis};
  for (const ServiceClient::OwnEntry& entry : entries) {
    if (entry.credential.empty()) continue;
    const auto fields = CheckCredential(label, entry.credential);
    const auto expires = fields ? static_cast<int64_t>(fields->expires) : 0;
    if (!fields || std::pair(fields->epoch, expires) <= std::pair(best.epoch, best.expires)) {
      continue;
    }
    auto author = AuthorBy(*fields, entry.credential);
    if (!author && author.error().code == ErrorCode::kUnavailable) return Fail(author.error());
    if (!author) continue;
    best = {std::move(*author), expires, fields->epoch, now_ms + kGoodForMillis};
  }
  return best;
}

// Any service's word is good for a credential, since the label has signed it. That there is none
// is believed of so many that the rest could not grant either.
Result<Authors::Known> Authors::Ask(const LabelProfile& label) {
  if (!identity_) return Known{nullptr, 0, UINT32_MAX, INT64_MAX};
  struct Answers {
    std::mutex mutex;  // guards all below
    std::vector<ServiceClient::OwnEntry> entries;
    size_t count = 0;
    std::optional<Error> failure;
  };
  const auto answers = std::make_shared<Answers>();
  std::vector<Asked> asked;
  std::vector<std::string> domains;
  for (const auto& [domain, udf] : label.services) {
    asked.push_back({domain, services_.At(domain, udf), introductions_, &clock_});
    domains.push_back(domain);
  }
  const auto ask = [asked, answers, name = label.label](size_t service) {
    auto entries = EntriesAt(asked[service], name);
    const std::lock_guard guard(answers->mutex);
    if (entries) {
      ++answers->count;
      std::move(entries->begin(), entries->end(), std::back_inserter(answers->entries));
      return ServiceOrder::Helped::kYes;
    }
    answers->failure = std::move(entries.error());
    return answers->failure->code == ErrorCode::kUnavailable ? ServiceOrder::Helped::kAway
                                                             : ServiceOrder::Helped::kNo;
  };
  Result<Known> best = Known();
  bool none = false;
  services_.order().Ask(domains, 1, ask, [&] {
    std::vector<ServiceClient::OwnEntry> entries;
    {
      const std::lock_guard guard(answers->mutex);
      entries = answers->entries;
      none = answers->count > domains.size() - label.threshold;
    }
    best = BestOf(label, entries);
    return none || (best && best->author);
  });
  if (!best) return best;
  if (!best->author && !none) {
    const std::lock_guard guard(answers->mutex);
    return Fail(*answers->failure);
  }
  RECRYPT_TRY(
      trust_.KeepCredential(label.label, best->author ? best->author->credential : Bytes()));
  return best;
}

Result<Authors::Known> Authors::LastKnown(const LabelProfile& label, const Error& failure) {
  RECRYPT_ASSIGN(Bytes credential, trust_.KeptCredential(label.label));
  const auto fields = CheckCredential(label, credential);
  if (credential.empty() || !fields) return Fail(failure);
  auto author = AuthorBy(*fields, std::move(credential));
  if (!author) return Fail(failure);
  return Known{std::move(*author), static_cast<int64_t>(fields->expires), fields->epoch,
               clock_.MonotonicMillis() + kPauseMillis};
}

}  // namespace recrypt
