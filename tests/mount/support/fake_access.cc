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
  PrivateKey key = PrivateKey::Generate(Curve::kX25519);
  std::string kid = KeyUdf(key.public_key());
  labels_.emplace(*parsed, FakeLabel{std::move(key), PrivateKey::Generate(Curve::kEd25519),
                                     std::move(kid), anyone_may_write});
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

Result<OpenedKeys> FakeAccess::Open(const Header& header, GrantUse use) {
  if (use == GrantUse::kOpen) ++opens;
  std::this_thread::sleep_for(std::chrono::milliseconds(answer_after_ms));
  if (deny) {
    return Fail(ErrorCode::kDenied, account_ + " has no entry for " + header.expression.text());
  }
  AgreedSecrets secrets;
  for (const auto& [name, label] : labels_.all()) {
    auto ephemeral = EphemeralFor(header, label.kid);
    if (!ephemeral) continue;
    RECRYPT_ASSIGN(Secret agreed, label.key.Agree(*ephemeral));
    std::vector<Secret> candidates;
    candidates.push_back(std::move(agreed));
    secrets.emplace(label.kid, std::move(candidates));
  }
  RECRYPT_ASSIGN(Wrapper wrapper, OpenHeader(header, secrets));
  RECRYPT_ASSIGN(TrustedLabels trust, Trust(header.expression));
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

Result<NewDocument> FakeAccess::Create(const LabelExpression& expression, std::string_view name) {
  HeaderSpec spec{expression, {}, {"example.com"}};
  for (const LabelName& label : expression.Labels()) {
    const FakeLabel* known = labels_.Find(label);
    if (known == nullptr) return Fail(ErrorCode::kUnavailable, "unknown label " + label.text());
    spec.label_keys.emplace(label, known->key.public_key());
  }
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
  std::shared_ptr<const Author>& author = authors_[first];
  if (author == nullptr) {
    Credential credential{device_.public_key(), true, 1,
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
