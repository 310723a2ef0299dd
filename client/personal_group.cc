#include "client/personal_group.h"

#include <deque>

#include "client/grants.h"
#include "core/jose/jwe.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

// How long the same failure is not asked for again: for the documents of one directory.
constexpr int64_t kPauseMillis = 1'000;
// As many labels' keys as are worked with at a time, and more.
constexpr size_t kMaxHeld = 4096;

std::string NameOf(const Json& jwe) { return DumpJson(jwe); }

// The only recipient's, or empty.
std::string KidOf(const Json& jwe) {
  const auto parts = ParseJwe(jwe);
  if (!parts || parts->recipients.size() != 1) return {};
  const std::vector<std::string>& kids = parts->recipients.front().kids;
  return kids.size() == 1 ? kids.front() : std::string();
}

// To be granted like a document's: the one that the service's log has is the JWE itself, by its
// digest.
Result<Header> HeaderOf(const Json& jwe, const AccountName& account) {
  RECRYPT_ASSIGN(LabelExpression group, LabelExpression::Parse(account.text()));
  RECRYPT_ASSIGN(JweParts parts, ParseJwe(jwe));
  const JweRecipient& recipient = parts.recipients.front();
  if (parts.recipients.size() != 1 || recipient.kids.size() != 1 ||
      recipient.encrypted_key.size() != kWrappedCekSize) {
    return Fail(ErrorCode::kInvalid, "it is not sealed to one key");
  }
  const Sha256Digest digest = Sha256(AsBytes(NameOf(jwe)));
  RECRYPT_ASSIGN(const DocumentId uid, ToArray<16>(ByteSpan(digest).first(16)));
  return Header{uid, std::move(group), {}, std::move(parts), {}, digest};
}

}  // namespace

PersonalGroup::PersonalGroup(VerifiedProfiles& profiles, const Clock& clock,
                             std::shared_ptr<const Identity> identity, AskGrants ask)
    : profiles_(profiles), clock_(clock), identity_(std::move(identity)), ask_(std::move(ask)) {}

bool PersonalGroup::IsSealedToGroup(const Json& jwe) const {
  const std::string kid = KidOf(jwe);
  return identity_ && !kid.empty() && kid != KeyUdf(identity_->device_encrypt.public_key());
}

void PersonalGroup::Wipe() {
  const std::lock_guard guard(mutex_);
  held_.clear();
  writing_.clear();
}

std::optional<PersonalGroup::Held> PersonalGroup::Find(const std::string& name) {
  const std::lock_guard guard(mutex_);
  const auto found = held_.find(name);
  if (found == held_.end()) return std::nullopt;
  if (clock_.MonotonicMillis() < found->second.opening.renew_ms) return found->second;
  held_.erase(found);
  return std::nullopt;
}

Result<GrantWanted> PersonalGroup::WantedFor(const Header& header) {
  const LabelName group = header.expression.Labels().front();
  const JweRecipient& recipient = header.jwe.recipients.front();
  const std::string& kid = recipient.kids.front();
  RECRYPT_ASSIGN(auto profile, profiles_.Label(group, ProfileUse::kRead));
  if (!profile->HasKey(kid)) {
    RECRYPT_ASSIGN(profile, profiles_.Label(group, ProfileUse::kRead, Freshness::kFetch));
  }
  for (const LabelProfile::EpochKey& one : profile->Keys()) {
    if (KeyUdf(one.key) != kid) continue;
    const PublicKey* ephemeral = header.jwe.EphemeralOf(recipient, one.key.curve());
    if (ephemeral == nullptr) break;
    return GrantWanted{std::move(profile), kid, *ephemeral, &header};
  }
  return Fail(ErrorCode::kDenied,
              "it is sealed to " + kid.substr(0, 64) + ", which is no key of " + group.text());
}

void PersonalGroup::Prepare(const std::vector<const Json*>& sealed, GrantUse use) {
  std::vector<GrantWanted> wanted;
  std::deque<Header> headers;  // that `wanted` points at
  std::vector<std::string> names;
  std::map<std::string, Held> fresh;
  const int64_t now_ms = clock_.MonotonicMillis();
  for (const Json* jwe : sealed) {
    std::string name = NameOf(*jwe);
    if (!IsSealedToGroup(*jwe) || fresh.contains(name) || Find(name)) continue;
    Held& held = fresh[name];
    held.opening.renew_ms = now_ms + kPauseMillis;
    auto header = HeaderOf(*jwe, identity_->account);
    if (!header) {
      held.failure = std::move(header.error());
      continue;
    }
    auto one = WantedFor(headers.emplace_back(std::move(*header)));
    if (!one) {
      held.failure = std::move(one.error());
      continue;
    }
    wanted.push_back(std::move(*one));
    names.push_back(std::move(name));
  }
  if (fresh.empty()) return;
  std::vector<Result<Granted>> granted = ask_(wanted, use);
  for (size_t i = 0; i < wanted.size(); ++i) {
    Held& held = fresh[names[i]];
    if (!granted[i]) {
      held.failure = std::move(granted[i].error());
      continue;
    }
    const int64_t end_ms = granted[i]->lease_end_ms;
    held.opening = {std::make_shared<const Secret>(std::move(granted[i]->secret)), end_ms,
                    end_ms - (end_ms - now_ms) / 4};
  }
  const std::lock_guard guard(mutex_);
  std::erase_if(held_, [now_ms](const auto& one) { return now_ms >= one.second.opening.renew_ms; });
  if (held_.size() + fresh.size() > kMaxHeld) held_.clear();
  for (auto& [name, held] : fresh) held_.insert_or_assign(name, std::move(held));
}

Result<PersonalGroup::Opening> PersonalGroup::Agreed(const Json& jwe, GrantUse use) {
  const std::string name = NameOf(jwe);
  auto held = Find(name);
  if (!held) {
    Prepare({&jwe}, use);
    held = Find(name);
  }
  if (!held) return Fail(ErrorCode::kDenied, "it is not sealed to the personal group");
  if (held->failure) {
    return Fail(*held->failure, "by the personal group " + identity_->account.text());
  }
  return held->opening;
}

Result<PrivateKey> PersonalGroup::WritingKey(const PublicKey& sign) {
  const std::string udf = KeyUdf(sign);
  {
    const std::lock_guard guard(mutex_);
    const auto found = writing_.find(udf);
    const int64_t now_ms = clock_.MonotonicMillis();
    if (found != writing_.end() && now_ms < found->second.renew_ms) return found->second.key;
  }
  const AccountName& account = identity_->account;
  for (const Freshness freshness : {Freshness::kCached, Freshness::kFetch}) {
    RECRYPT_ASSIGN(const auto own, profiles_.Account(account, ProfileUse::kRead, freshness));
    for (const Profile::PersonalKey& one : own->personal) {
      if (one.sign != sign) continue;
      RECRYPT_ASSIGN(const Opening opening, Agreed(one.sealed));
      RECRYPT_ASSIGN(PrivateKey key,
                     OpenPersonalKey(one.sealed, {opening.secret.get(), 1}, account, sign));
      const std::lock_guard guard(mutex_);
      writing_.insert_or_assign(udf, Writing{key, opening.renew_ms});
      return key;
    }
  }
  return Fail(ErrorCode::kDenied, "the credential is for another device");
}

}  // namespace recrypt
