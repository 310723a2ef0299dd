#include "tests/mount/support/fake_access.h"

#include <sys/mman.h>

#include <chrono>
#include <new>
#include <thread>

#include "core/identity/credential.h"
#include "core/udf/udf.h"

namespace recrypt {

void FakeLabels::Add(const std::string& name, bool anyone_may_write) {
  auto parsed = LabelName::Parse(name);
  if (!parsed) std::abort();
  FakeLabel label{{}, PrivateKey::Generate(Curve::kEd25519), anyone_may_write};
  for (uint32_t epoch = 1; epoch <= kEpochs; ++epoch) {
    PrivateKey key = PrivateKey::Generate(Curve::kX25519);
    std::string kid = KeyUdf(key.public_key());
    label.keys.push_back({std::move(key), std::move(kid)});
  }
  labels_.emplace(*parsed, std::move(label));
}

const FakeLabel* FakeLabels::Find(const LabelName& name) const {
  auto found = labels_.find(name);
  return found == labels_.end() ? nullptr : &found->second;
}

FakeAccess::FakeAccess(const FakeLabels& labels, std::string account)
    : switches_(new (mmap(nullptr, sizeof(Switches), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Switches),
      labels_(labels),
      account_(std::move(account)),
      device_(PrivateKey::Generate(Curve::kEd25519)) {}

FakeAccess::~FakeAccess() { munmap(switches_, sizeof(Switches)); }

uint32_t FakeAccess::EpochIn(const Header& header, const FakeLabel& label) {
  for (uint32_t epoch = 1; epoch <= label.keys.size(); ++epoch) {
    if (EphemeralFor(header, label.keys[epoch - 1].kid)) return epoch;
  }
  return 0;
}

Result<OpenedKeys> FakeAccess::Open(const Header& header, GrantUse use) {
  if (use == GrantUse::kOpen) ++opens;
  std::this_thread::sleep_for(std::chrono::milliseconds(answer_after_ms));
  if (deny) {
    return Fail(ErrorCode::kDenied, account_ + " has no entry for " + header.expression.text());
  }
  AgreedSecrets secrets;
  for (const auto& [name, label] : labels_.all()) {
    const uint32_t in = EpochIn(header, label);
    if (in == 0) continue;
    if (in > epoch) epoch = in;  // so it learns of later keys
    const auto& [key, kid] = label.keys[in - 1];
    RECRYPT_ASSIGN(const PublicKey ephemeral, EphemeralFor(header, kid));
    RECRYPT_ASSIGN(Secret agreed, key.Agree(ephemeral));
    std::vector<Secret> candidates;
    candidates.push_back(std::move(agreed));
    secrets.emplace(kid, std::move(candidates));
  }
  RECRYPT_ASSIGN(Wrapper wrapper, OpenHeader(header, secrets));
  RECRYPT_ASSIGN(TrustedLabels trust, Trust(header.expression));
  for (auto& [name, label] : trust) label.epoch = EpochIn(header, *labels_.Find(name));
  OpenedKeys opened{
      DocumentKeys{header.uid, header.digest, header.expression, std::move(wrapper.keys)},
      wrapper.name, std::move(trust), clock_.MonotonicMillis() + lease_ms};
  opened.first_use = use == GrantUse::kOpen && IsFirstUse(header.uid);
  return opened;
}

bool FakeAccess::IsFirstUse(const DocumentId& uid) {
  std::lock_guard lock(used_mutex_);
  const int64_t now = clock_.MonotonicMillis();
  int64_t& until = used_[uid];
  if (now < until) return false;
  until = now + lease_ms;
  return true;
}

std::vector<Result<OpenedKeys>> FakeAccess::OpenMany(std::span<const Header* const> headers,
                                                     GrantUse use) {
  std::vector<Result<OpenedKeys>> all;
  if (use == GrantUse::kPrefetch) {  // nothing is kept here, so nothing is worked out
    prefetched += static_cast<int>(headers.size());
    return all;
  }
  for (const Header* header : headers) all.push_back(Open(*header, use));
  return all;
}

int64_t FakeAccess::CreatorsLease(const LabelExpression&) {
  return deny ? 0 : clock_.MonotonicMillis() + lease_ms;
}

void FakeAccess::KeepCreated(const Header& header, const DocumentKeys&) {
  if (!deny) (void)IsFirstUse(header.uid);
}

Result<HeaderSpec> FakeAccess::SpecOf(const LabelExpression& expression) const {
  HeaderSpec spec{expression, {}, {"example.com"}};
  for (const LabelName& label : expression.Labels()) {
    const FakeLabel* known = labels_.Find(label);
    if (known == nullptr) return Fail(ErrorCode::kUnavailable, "unknown label " + label.text());
    spec.label_keys.emplace(label, known->keys[epoch - 1].key.public_key());
  }
  return spec;
}

Result<HeaderRenewal> FakeAccess::RenewHeader(const Header& header, RenewWhen when, KeepKeys keep) {
  if (cannot_renew != 0) return Fail(static_cast<ErrorCode>(cannot_renew.load()), "as it was told");
  RECRYPT_ASSIGN(const HeaderSpec spec, SpecOf(header.expression));
  bool due = when == RenewWhen::kNow;
  for (const LabelName& label : header.expression.Labels()) {
    due = due || EpochIn(header, *labels_.Find(label)) < epoch;
  }
  if (!due) return HeaderRenewal{};
  RECRYPT_ASSIGN(const OpenedKeys opened, Open(header, GrantUse::kPrefetch));
  RECRYPT_ASSIGN(std::optional<NewHeader> made, Rewrap(spec, opened.keys, opened.name, keep));
  return HeaderRenewal{true, std::move(made)};
}

Result<NewDocument> FakeAccess::Create(const LabelExpression& expression, std::string_view name) {
  RECRYPT_ASSIGN(const HeaderSpec spec, SpecOf(expression));
  Wrapper wrapper{RandomArray<16>(), std::string(name), "", {}};
  const Secret key = Secret::Random(32);
  wrapper.keys.push_back({1, key.Clone()});
  RECRYPT_ASSIGN(SealedHeader sealed, SealHeader(spec, wrapper));
  DocumentKeys keys{wrapper.uid, sealed.header.digest, expression, {}};
  keys.keys.push_back({1, key.Clone()});
  return NewDocument{std::move(sealed), std::move(keys)};
}

Result<std::shared_ptr<const Author>> FakeAccess::AuthorFor(const LabelExpression& expression) {
  bool anyone = true;
  for (const LabelName& label : expression.Labels()) {
    const FakeLabel* known = labels_.Find(label);
    if (known == nullptr) return Fail(ErrorCode::kUnavailable, "unknown label " + label.text());
    anyone = anyone && known->anyone;
  }
  if (!may_write) {
    if (anyone) return std::shared_ptr<const Author>();
    return Fail(ErrorCode::kDenied, account_ + " may not write under " + expression.text());
  }
  const LabelName first = expression.Labels().front();
  std::lock_guard lock(authors_mutex_);
  const uint32_t now = epoch;
  std::shared_ptr<const Author>& author = authors_[{first, now}];
  if (author == nullptr) {
    Credential credential{device_.public_key(), true, now,
                          static_cast<uint64_t>(clock_.NowSeconds() + 86'400), account_};
    RECRYPT_ASSIGN(Bytes issued, IssueCredential(labels_.Find(first)->master, credential));
    author.reset(new Author{device_, std::move(issued)});
  }
  return author;
}

Result<TrustedLabels> FakeAccess::Trust(const LabelExpression& expression) {
  TrustedLabels trust;
  for (const LabelName& label : expression.Labels()) {
    const FakeLabel* known = labels_.Find(label);
    if (known == nullptr) return Fail(ErrorCode::kDenied, "unknown label " + label.text());
    trust.emplace(label, LabelTrust{known->master.public_key(), known->anyone});
  }
  return trust;
}

}  // namespace recrypt
