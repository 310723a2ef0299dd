#include "client/verified_profiles.h"

#include <algorithm>

namespace recrypt {
namespace {

constexpr int64_t kFreshMillis = 60'000;
constexpr int64_t kMinFreshMillis = 200;
// How long an unreachable service is not asked again: shortly when there is nothing to go on with,
// longer when the last value serves, since asking may take as long as the deadline.
constexpr int64_t kPauseMillis = 2'000;
constexpr int64_t kPauseWithValueMillis = 30'000;

int64_t FreshMillis(const Profile&) { return kFreshMillis; }

int64_t FreshMillis(const LabelProfile& label) {
  return std::clamp<int64_t>(int64_t{label.policy.lease_seconds} * 100, kMinFreshMillis,
                             kFreshMillis);
}

std::string Describe(const Profile& profile) { return "the profile of " + profile.account.text(); }
std::string Describe(const LabelProfile& label) { return "the profile of " + label.label.text(); }

template <typename T>
Status CheckNotExpired(const T& object, int64_t now) {
  if (object.version.expires > now) return {};
  return Fail(ErrorCode::kStale,
              Describe(object) + " expired at " + FormatTime(object.version.expires));
}

}  // namespace

// One signed object in memory. Fetching is done by one thread at a time.
template <typename T>
struct VerifiedProfiles::Slot {
  std::mutex fetching;  // taken before `mutex`
  std::mutex mutex;     // guards all below
  std::shared_ptr<const T> value;
  int64_t fresh_until_ms = 0;
  std::optional<Error> failure;  // of the last fetch, when there is no value
};

struct VerifiedProfiles::Cache {
  std::mutex mutex;  // guards the maps, not the slots
  std::map<AccountName, std::shared_ptr<Slot<Profile>>> accounts;
  std::map<LabelName, std::shared_ptr<Slot<LabelProfile>>> labels;

  template <typename Map, typename Key>
  auto Find(Map& map, const Key& key) {
    const std::lock_guard guard(mutex);
    auto& slot = map[key];
    if (!slot) slot = std::make_shared<typename Map::mapped_type::element_type>();
    return slot;
  }
};

VerifiedProfiles::VerifiedProfiles(TrustStore& trust, Services& services, const Clock& clock,
                                   TrustPrompt* prompt)
    : trust_(trust),
      services_(services),
      clock_(clock),
      prompt_(prompt),
      cache_(std::make_unique<Cache>()) {}

VerifiedProfiles::~VerifiedProfiles() = default;

void VerifiedProfiles::Forget() {
  const std::lock_guard guard(cache_->mutex);
  cache_->accounts.clear();
  cache_->labels.clear();
}

template <typename T>
Result<std::shared_ptr<const T>> VerifiedProfiles::Judged(std::shared_ptr<const T> value,
                                                          ProfileUse use) const {
  if (use == ProfileUse::kWrite) RECRYPT_TRY(CheckNotExpired(*value, clock_.NowSeconds()));
  return value;
}

// What the last fetch brought, while it need not be repeated.
template <typename T>
std::optional<Result<std::shared_ptr<const T>>> VerifiedProfiles::Fresh(Slot<T>& slot,
                                                                        ProfileUse use) const {
  const std::lock_guard guard(slot.mutex);
  if (clock_.MonotonicMillis() >= slot.fresh_until_ms) return std::nullopt;
  if (slot.value) return Judged(slot.value, use);
  if (slot.failure) return Result<std::shared_ptr<const T>>(Fail(*slot.failure));
  return std::nullopt;
}

template <typename T, typename Fetch>
Result<std::shared_ptr<const T>> VerifiedProfiles::Get(std::shared_ptr<Slot<T>> slot,
                                                       ProfileUse use, Freshness freshness,
                                                       const std::string& name,
                                                       const Fetch& fetch) {
  const auto value = [&] {
    const std::lock_guard guard(slot->mutex);
    return slot->value;
  };
  if (freshness == Freshness::kCached) {
    if (auto answer = Fresh(*slot, use)) return std::move(*answer);
    if (value()) {
      refresher_.Refresh(name, [this, slot, use, fetch] {
        (void)FetchInto(*slot, use, Freshness::kCached, fetch);
      });
      if (auto last = value()) return Judged(std::move(last), use);
    }
  }
  return FetchInto(*slot, use, freshness, fetch);
}

template <typename T, typename Fetch>
Result<std::shared_ptr<const T>> VerifiedProfiles::FetchInto(Slot<T>& slot, ProfileUse use,
                                                             Freshness freshness,
                                                             const Fetch& fetch) {
  const std::lock_guard fetching(slot.fetching);
  if (freshness == Freshness::kCached) {
    if (auto answer = Fresh(slot, use)) return std::move(*answer);
  }
  auto fetched = fetch();
  const std::lock_guard guard(slot.mutex);
  const int64_t now_ms = clock_.MonotonicMillis();
  if (fetched) {
    slot.value = *fetched;
    slot.failure.reset();
    slot.fresh_until_ms = now_ms + FreshMillis(**fetched);
    return Judged(*fetched, use);
  }
  const bool away = fetched.error().code == ErrorCode::kUnavailable;
  if (away) slot.fresh_until_ms = now_ms + (slot.value ? kPauseWithValueMillis : kPauseMillis);
  if (away && slot.value && freshness == Freshness::kCached) return Judged(slot.value, use);
  slot.value = nullptr;
  slot.failure = away ? std::optional<Error>(fetched.error()) : std::nullopt;
  return fetched;
}

Result<std::shared_ptr<const Profile>> VerifiedProfiles::Account(const AccountName& account,
                                                                 ProfileUse use,
                                                                 Freshness freshness) {
  const auto slot = cache_->Find(cache_->accounts, account);
  return Get(slot, use, freshness, account.text(),
             [this, account] { return FetchAccount(account); });
}

Result<std::shared_ptr<const LabelProfile>> VerifiedProfiles::Label(const LabelName& label,
                                                                    ProfileUse use,
                                                                    Freshness freshness) {
  const auto slot = cache_->Find(cache_->labels, label);
  return Get(slot, use, freshness, label.text(), [this, label] { return FetchLabel(label); });
}

Status VerifiedProfiles::CheckAccountPin(const AccountName& account, const std::string& udf) {
  RECRYPT_ASSIGN(const bool pinned, trust_.CheckPin(TrustSubject::kAccount, account.text(), udf));
  if (pinned) return {};
  if (prompt_ == nullptr || !prompt_->Accept({TrustSubject::kAccount, account.text(), udf})) {
    return Fail(ErrorCode::kDenied, "account " + account.text() + " with the fingerprint " + udf +
                                        " is not trusted: compare it with its owner, then run "
                                        "recryptfs profile trust " +
                                        account.text() + " " + udf);
  }
  return trust_.Pin({TrustSubject::kAccount, account.text(), udf, "first use", clock_.NowSeconds()},
                    PinChange::kRefuse);
}

Result<std::shared_ptr<const Profile>> VerifiedProfiles::FetchAccount(const AccountName& account) {
  const std::string name = account.text();
  auto jws = services_.At(std::string(account.domain()))->GetStatic("Profile", name);
  const bool away = !jws && jws.error().code == ErrorCode::kUnavailable;
  if (away) {
    RECRYPT_ASSIGN(const auto seen, trust_.LastSeen(TrustSubject::kAccount, name));
    if (seen) jws = seen->object;
  }
  if (!jws) return Fail(jws.error(), "the profile of " + name);
  RECRYPT_ASSIGN(Profile profile, VerifyProfile(*jws));
  if (profile.account != account) {
    return Fail(ErrorCode::kDenied,
                "the service gave the profile of " + profile.account.text() + " for " + name);
  }
  RECRYPT_TRY(CheckAccountPin(profile.account, profile.Udf()));
  RECRYPT_TRY(trust_.Remember(TrustSubject::kAccount, name, profile.version.version, *jws));
  return std::make_shared<const Profile>(std::move(profile));
}

// Empty when the owner's profile does not list the label.
Result<std::string> VerifiedProfiles::MasterListedByOwner(const LabelProfile& profile,
                                                          Freshness freshness) {
  RECRYPT_ASSIGN(const std::shared_ptr<const Profile> owner,
                 Account(profile.owner.account, ProfileUse::kRead, freshness));
  if (owner->Udf() != profile.owner.udf) {
    return Fail(ErrorCode::kDenied, profile.label.text() + " names " + profile.owner.udf +
                                        " as its owner " + profile.owner.account.text() +
                                        ", whose fingerprint is " + owner->Udf());
  }
  for (const Profile::OwnedLabel& owned : owner->labels) {
    if (owned.label == profile.label) return owned.master_udf;
  }
  return std::string();
}

// A label that is named like an account which is known here is that account's, or nobody's: it
// would be encrypted to in the belief that the one person reads it.
Status VerifiedProfiles::CheckIsNoOthersName(const LabelProfile& profile) {
  const std::string& name = profile.label.text();
  if (!profile.label.is_personal()) return {};
  RECRYPT_ASSIGN(const auto account, trust_.FindPin(TrustSubject::kAccount, name));
  if (!account || account->udf == profile.owner.udf) return {};
  return Fail(ErrorCode::kDenied, "the label " + name + " is owned by " +
                                      profile.owner.account.text() + " " + profile.owner.udf +
                                      ", and not by the account of that name, whose fingerprint "
                                      "is " +
                                      account->udf);
}

Status VerifiedProfiles::CheckLabelChain(const LabelProfile& profile) {
  const std::string name = profile.label.text();
  const std::string udf = profile.Udf();
  RECRYPT_TRY(CheckIsNoOthersName(profile));
  RECRYPT_ASSIGN(const bool pinned, trust_.CheckPin(TrustSubject::kLabel, name, udf));
  if (pinned) return {};
  if (profile.owner.account.domain() != profile.label.domain()) {
    return Fail(ErrorCode::kDenied, name + " is owned by " + profile.owner.account.text() +
                                        ", an account of another domain: run recryptfs label "
                                        "trust " +
                                        name + " " + udf + " to accept that");
  }
  RECRYPT_TRY(CheckAccountPin(profile.owner.account, profile.owner.udf));
  RECRYPT_ASSIGN(std::string listed, MasterListedByOwner(profile, Freshness::kCached));
  if (listed != udf) {
    RECRYPT_ASSIGN(listed, MasterListedByOwner(profile, Freshness::kFetch));
  }
  if (listed.empty()) {
    return Fail(ErrorCode::kDenied, name + " with the fingerprint " + udf +
                                        " is not in the profile of its owner " +
                                        profile.owner.account.text());
  }
  if (listed != udf) {
    return Fail(ErrorCode::kDenied, "the fingerprint of " + name + " is " + udf +
                                        ", but its owner " + profile.owner.account.text() +
                                        " says " + listed);
  }
  return trust_.Pin({TrustSubject::kLabel, name, udf, "owner " + profile.owner.account.text(),
                     clock_.NowSeconds()},
                    PinChange::kRefuse);
}

// The label's profile as the service of its domain gives it; while that is away, as it was last.
Result<Json> VerifiedProfiles::AskHome(const LabelName& label, const std::optional<Json>& seen) {
  auto jws = services_.At(std::string(label.domain()))->GetStatic("KeySet", label.text());
  const bool away = !jws && jws.error().code == ErrorCode::kUnavailable;
  if (away && seen) return *seen;
  return jws;
}

// As many services of a label over several are asked as grant, and the newest is taken, what was
// seen before included: fewer than that can neither keep a newer one back nor be missed.
Result<Json> VerifiedProfiles::AskServices(const LabelProfile& before, const Json& seen) {
  struct Answers {
    std::mutex mutex;  // guards `of`
    std::vector<Result<Json>> of;
  };
  const auto answers = std::make_shared<Answers>();
  std::vector<std::shared_ptr<ServiceClient>> clients;
  std::vector<std::string> domains;
  for (const auto& [domain, udf] : before.services) {
    clients.push_back(services_.At(domain, udf));
    domains.push_back(domain);
  }
  const auto ask = [clients, answers, name = before.label.text()](size_t service) {
    auto jws = clients[service]->GetStatic("KeySet", name);
    const bool away = !jws && jws.error().code == ErrorCode::kUnavailable;
    const std::lock_guard guard(answers->mutex);
    answers->of.push_back(std::move(jws));
    return away ? ServiceOrder::Helped::kAway : ServiceOrder::Helped::kYes;
  };
  const auto count = [&answers](const auto& is) {
    const std::lock_guard guard(answers->mutex);
    return static_cast<size_t>(std::count_if(answers->of.begin(), answers->of.end(), is));
  };
  const auto answered = [](const Result<Json>& one) {
    return one || one.error().code == ErrorCode::kNotFound;
  };
  services_.order().Ask(domains, before.threshold, ask,
                        [&] { return count(answered) >= before.threshold; });
  const auto has_none = [](const Result<Json>& one) {
    return !one && one.error().code == ErrorCode::kNotFound;
  };
  if (count(has_none) >= before.threshold) {
    return Fail(ErrorCode::kNotFound, "there is no such label at its services any more");
  }
  const std::lock_guard guard(answers->mutex);
  Json newest = seen;
  uint64_t version = before.version.version;
  for (const Result<Json>& jws : answers->of) {
    if (!jws) continue;
    const auto profile = VerifyLabelProfile(*jws);
    const bool same = profile && profile->label == before.label && profile->Udf() == before.Udf();
    if (!same || profile->version.version <= version) continue;
    newest = *jws;
    version = profile->version.version;
  }
  return newest;
}

Result<std::shared_ptr<const LabelProfile>> VerifiedProfiles::FetchLabel(const LabelName& label) {
  const std::string name = label.text();
  RECRYPT_ASSIGN(const auto seen, trust_.LastSeen(TrustSubject::kLabel, name));
  Result<LabelProfile> before = Fail(ErrorCode::kNotFound, "it was not seen");
  if (seen) before = VerifyLabelProfile(seen->object);
  const bool several = before && before->services.size() > 1;
  auto jws = several ? AskServices(*before, seen->object)
                     : AskHome(label, seen ? std::optional(seen->object) : std::nullopt);
  if (!jws) return Fail(jws.error(), "the profile of " + name);
  RECRYPT_ASSIGN(LabelProfile profile, VerifyLabelProfile(*jws));
  if (profile.label != label) {
    return Fail(ErrorCode::kDenied,
                "the service gave the profile of " + profile.label.text() + " for " + name);
  }
  RECRYPT_TRY(CheckLabelChain(profile));
  RECRYPT_TRY(trust_.Remember(TrustSubject::kLabel, name, profile.version.version, *jws));
  return std::make_shared<const LabelProfile>(std::move(profile));
}

Status VerifiedProfiles::Learn(const Json& label_profile_jws) {
  RECRYPT_ASSIGN(LabelProfile profile, VerifyLabelProfile(label_profile_jws));
  const std::string name = profile.label.text();
  RECRYPT_TRY(trust_.Pin({TrustSubject::kLabel, name, profile.Udf(), "own", clock_.NowSeconds()},
                         PinChange::kRefuse));
  RECRYPT_TRY(
      trust_.Remember(TrustSubject::kLabel, name, profile.version.version, label_profile_jws));
  const auto slot = cache_->Find(cache_->labels, profile.label);
  const std::lock_guard guard(slot->mutex);
  slot->value = std::make_shared<const LabelProfile>(std::move(profile));
  slot->failure.reset();
  slot->fresh_until_ms = clock_.MonotonicMillis() + FreshMillis(*slot->value);
  return {};
}

}  // namespace recrypt
