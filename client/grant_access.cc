#include "client/grant_access.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>

#include "client/authors.h"
#include "client/document_opening.h"
#include "client/grants.h"
#include "client/headers_ahead.h"
#include "client/label_keys.h"
#include "client/lease_cache.h"
#include "client/offline_leases.h"

namespace recrypt {
namespace {

using Leased = std::shared_ptr<const LeasedDocument>;

std::string KeyOf(const DocumentId& uid, const Sha256Digest& digest) {
  std::string key(AsText(uid));
  key.append(AsText(digest));
  return key;
}

OpenedKeys ToOpened(const LeasedDocument& document, GrantUse use) {
  const bool first_use = use == GrantUse::kOpen && !document.used.exchange(true);
  return {document.keys.Clone(), document.name, document.trust, document.lease_end_ms, first_use};
}

// One request under way, which others for the same document wait for.
struct Flight {
  explicit Flight(GrantUse for_use) : use(for_use) {}

  const GrantUse use;
  std::mutex mutex;  // guards `result`
  std::condition_variable landed;
  std::optional<Result<Leased>> result;

  void Land(Result<Leased> with) {
    {
      const std::lock_guard guard(mutex);
      result = std::move(with);
    }
    landed.notify_all();
  }
  Result<Leased> Wait() {
    std::unique_lock lock(mutex);
    landed.wait(lock, [this] { return result.has_value(); });
    return *result;
  }
};

class GrantAccess : public Access {
 public:
  explicit GrantAccess(GrantAccessParts parts)
      : parts_(std::move(parts)),
        requester_(parts_.services, parts_.profiles, parts_.clock, parts_.identity,
                   parts_.receipts),
        authors_(parts_.services, parts_.trust, parts_.clock, parts_.identity, requester_.group(),
                 requester_.introductions()),
        cache_(parts_.clock),
        offline_(parts_.offline_folder, parts_.clock, parts_.identity),
        reports_(parts_.services, parts_.clock, parts_.opens_journal) {}

  Result<OpenedKeys> Open(const Header& header, GrantUse use) override {
    const Header* one = &header;
    return std::move(OpenMany({&one, 1}, use)[0]);
  }

  std::vector<Result<OpenedKeys>> OpenMany(std::span<const Header* const> headers,
                                           GrantUse use) override;
  int64_t CreatorsLease(const LabelExpression& expression) override;
  void KeepCreated(const Header& header, const DocumentKeys& keys) override;
  Result<NewDocument> Create(const LabelExpression& expression, std::string_view name) override;
  Result<HeaderRenewal> RenewHeader(const Header& header, RenewWhen when, KeepKeys keep) override;
  Result<std::shared_ptr<const Author>> AuthorFor(const LabelExpression& expression) override;
  Result<TrustedLabels> Trust(const LabelExpression& expression) override;

  AccessFigures Figures() override {
    AccessFigures figures;
    cache_.Show(figures);
    figures.opened_by_lease = opened_by_lease_;
    figures.granted = granted_;
    figures.refused = refused_;
    figures.wrong = requester_.Wrong();
    return figures;
  }
  void SetWarn(Warn warn) override { requester_.SetWarn(std::move(warn)); }
  void Lock() override {
    cache_.Wipe();
    offline_.Wipe();
    requester_.Wipe();
    authors_.Forget();
    headers_ahead_.Wipe();
    parts_.services.Drop();
  }
  void Stop() override {
    parts_.services.Stop();
    reports_.Stop();
    offline_.Stop();
  }

 private:
  struct Ticket {
    Leased cached;
    std::shared_ptr<Flight> flight;
    bool own = false;  // this call has to make the flight land
  };

  Ticket Board(const std::string& key, GrantUse use);
  void Report(const Header& header, const LeasedDocument& document);
  void Fly(std::span<const Header* const> headers, std::span<Ticket> tickets, GrantUse use);
  void AskFor(std::vector<std::unique_ptr<DocumentOpening>>& openings, GrantUse use);
  Result<Leased> Finish(const Header& header, DocumentOpening& opening, int64_t begun,
                        uint64_t generation);
  Result<Leased> OpenOffline(const Header& header, DocumentOpening& opening, uint64_t generation);
  Status LimitOffline(const LabelName& label, int64_t given, int64_t& lease_seconds);
  const std::vector<LabelName>* CreatorsAlternative(const LabelExpression& expression,
                                                    LeaseCache::LabelLease& lease);

  GrantAccessParts parts_;
  GrantRequester requester_;
  Authors authors_;
  LeaseCache cache_;
  OfflineLeases offline_;
  HeadersAhead headers_ahead_;
  std::mutex mutex_;  // guards flights_; taken before a flight's
  std::map<std::string, std::shared_ptr<Flight>> flights_;
  OpenReports reports_;
  std::atomic<uint64_t> opened_by_lease_{0}, granted_{0}, refused_{0};
};

GrantAccess::Ticket GrantAccess::Board(const std::string& key, GrantUse use) {
  if (Leased found = cache_.Find(key)) return {std::move(found), nullptr, false};
  const std::lock_guard guard(mutex_);
  // A flight may have landed between the two looks.
  if (Leased found = cache_.Find(key)) return {std::move(found), nullptr, false};
  std::shared_ptr<Flight>& flight = flights_[key];
  const bool own = flight == nullptr;
  if (own) flight = std::make_shared<Flight>(use);
  return {nullptr, flight, own};
}

std::vector<Result<OpenedKeys>> GrantAccess::OpenMany(std::span<const Header* const> headers,
                                                      GrantUse use) {
  std::vector<Ticket> tickets;
  for (const Header* header : headers) {
    tickets.push_back(Board(KeyOf(header->uid, header->digest), use));
  }
  Fly(headers, tickets, use);
  std::vector<Result<OpenedKeys>> results;
  for (size_t i = 0; i < tickets.size(); ++i) {
    const Ticket& ticket = tickets[i];
    const Result<Leased> leased = ticket.cached ? ticket.cached : ticket.flight->Wait();
    // What a prefetch is refused, an opening may be given.
    const bool only_prefetched = !ticket.cached && ticket.flight->use == GrantUse::kPrefetch;
    if (!leased && only_prefetched && use == GrantUse::kOpen) {
      results.push_back(Open(*headers[i], use));
      continue;
    }
    if (!leased) {
      results.emplace_back(Fail(leased.error()));
      continue;
    }
    if (use == GrantUse::kOpen && !ticket.own) ++opened_by_lease_;
    const bool unheard = ticket.cached || only_prefetched || (ticket.own && (*leased)->offline);
    if (use == GrantUse::kOpen && unheard) Report(*headers[i], **leased);
    results.emplace_back(ToOpened(**leased, use));
  }
  return results;
}

// The service knows of the grant alone, so far.
void GrantAccess::Report(const Header& header, const LeasedDocument& document) {
  const auto lease = document.offline ? OpenReports::Lease::kOffline : OpenReports::Lease::kOnline;
  for (const GrantedBy& grant : document.grants) {
    reports_.Note(grant, header.uid, header.digest, lease);
  }
}

// Asks for all openings in one go, and gives each its results.
void GrantAccess::AskFor(std::vector<std::unique_ptr<DocumentOpening>>& openings, GrantUse use) {
  std::vector<GrantWanted> wanted;
  for (const auto& opening : openings) {
    wanted.insert(wanted.end(), opening->wanted().begin(), opening->wanted().end());
  }
  if (wanted.empty()) return;
  std::vector<Result<Granted>> granted = requester_.Ask(wanted, use);
  size_t next = 0;
  for (const auto& opening : openings) {
    for (size_t i = 0; i < opening->wanted().size(); ++i) {
      opening->Take(i, std::move(granted[next++]));
    }
  }
}

void GrantAccess::Fly(std::span<const Header* const> headers, std::span<Ticket> tickets,
                      GrantUse use) {
  const uint64_t generation = cache_.Generation();
  const int64_t begun = parts_.clock.NowSeconds();
  std::vector<size_t> places;
  for (size_t i = 0; i < tickets.size(); ++i) {
    if (tickets[i].own) places.push_back(i);
  }
  std::vector<std::unique_ptr<DocumentOpening>> openings;
  for (size_t place : places) {
    openings.push_back(std::make_unique<DocumentOpening>(
        *headers[place], parts_.profiles,
        HeldKeys{parts_.recovered.get(), parts_.clock.MonotonicMillis()}));
  }
  AskFor(openings, use);
  for (size_t i = 0; i < places.size(); ++i) {
    const Header& header = *headers[places[i]];
    Result<Leased> leased = Finish(header, *openings[i], begun, generation);
    const std::string key = KeyOf(header.uid, header.digest);
    if (leased) cache_.Insert(key, *leased, generation);
    if (leased && !(*leased)->offline) ++granted_;
    // What a prefetch is refused, an opening asks for again.
    if (!leased && use == GrantUse::kOpen) ++refused_;
    for (const auto& [label, end_ms] : openings[i]->LabelLeases()) {
      cache_.ExtendLabelLease(label, {end_ms, begun}, generation);
    }
    {
      const std::lock_guard guard(mutex_);
      flights_.erase(key);
    }
    tickets[places[i]].flight->Land(std::move(leased));
  }
}

// What the grants gave, which is also kept for later, or what was kept of earlier ones.
Result<Leased> GrantAccess::Finish(const Header& header, DocumentOpening& opening, int64_t begun,
                                   uint64_t generation) {
  Result<Leased> leased = opening.Finish();
  // What was asked for before `recryptfs lock` leaves nothing behind it.
  const bool locked = cache_.Generation() != generation;
  if (leased && (*leased)->offline_seconds != 0 && !locked) {
    const LeasedDocument& document = **leased;
    offline_.Keep(
        header, {document.keys.Clone(), document.name, document.grants, document.labels, begun, 0},
        document.offline_seconds);
    // Who goes on reading goes on writing: the credential is known from then on.
    for (const LabelName& label : document.labels) {
      const auto profile = FindLabel(parts_.profiles, label, ProfileUse::kRead);
      if (profile) (void)authors_.For(**profile);
    }
  }
  if (leased) return leased;
  // Who is refused must not come back with what they had, though their service is away.
  if (leased.error().code == ErrorCode::kDenied) offline_.Forget(header);
  if (leased.error().code != ErrorCode::kUnavailable) return leased;
  Result<Leased> offline = OpenOffline(header, opening, generation);
  // Of the policy's no, people are told; else that the service is away.
  if (!offline && offline.error().code != ErrorCode::kForbidden) return leased;
  return offline;
}

// The policy that is known now counts: a later one may have made it shorter.
Status GrantAccess::LimitOffline(const LabelName& label, int64_t given, int64_t& lease_seconds) {
  RECRYPT_ASSIGN(const auto profile, FindLabel(parts_.profiles, label, ProfileUse::kRead));
  const int64_t now = parts_.clock.NowSeconds();
  const int64_t left = given + profile->policy.OfflineSeconds() - now;
  if (left <= 0) return Fail(ErrorCode::kNotFound, label.text() + ": no offline lease any more");
  const int64_t lease = profile->policy.LeaseAt(now);
  if (lease == 0) return Fail(ErrorCode::kForbidden, label.text() + ": outside of its hours");
  lease_seconds = std::min({lease_seconds, left, lease});
  return {};
}

Result<Leased> GrantAccess::OpenOffline(const Header& header, DocumentOpening& opening,
                                        uint64_t generation) {
  RECRYPT_ASSIGN(OfflineLease kept, offline_.Find(header));
  const int64_t now_ms = parts_.clock.MonotonicMillis();
  int64_t seconds = kept.until - parts_.clock.NowSeconds();
  for (const LabelName& label : kept.labels) {
    if (opening.WasRefused(label)) return Fail(ErrorCode::kNotFound, label.text() + ": refused");
    RECRYPT_TRY(LimitOffline(label, kept.given, seconds));
  }
  const int64_t end_ms = now_ms + seconds * 1000;
  for (const LabelName& label : kept.labels) {
    cache_.ExtendLabelLease(label, {end_ms, kept.given}, generation);
  }
  return std::make_shared<const LeasedDocument>(std::move(kept.keys), std::move(kept.name),
                                                opening.TakeTrust(), end_ms, std::move(kept.grants),
                                                std::move(kept.labels), 0, true);
}

// The alternative with the longest lease on all of its labels; nullptr when there is none.
const std::vector<LabelName>* GrantAccess::CreatorsAlternative(const LabelExpression& expression,
                                                               LeaseCache::LabelLease& lease) {
  const std::vector<LabelName>* best = nullptr;
  for (const std::vector<LabelName>& alternative : expression.alternatives()) {
    LeaseCache::LabelLease common{INT64_MAX, INT64_MAX};
    for (const LabelName& label : alternative) {
      const LeaseCache::LabelLease held = cache_.FindLabelLease(label);
      common = {std::min(common.end_ms, held.end_ms), std::min(common.given, held.given)};
    }
    if (common.end_ms <= lease.end_ms) continue;
    lease = common;
    best = &alternative;
  }
  return best;
}

int64_t GrantAccess::CreatorsLease(const LabelExpression& expression) {
  LeaseCache::LabelLease lease;
  (void)CreatorsAlternative(expression, lease);
  return lease.end_ms;
}

void GrantAccess::KeepCreated(const Header& header, const DocumentKeys& keys) {
  const uint64_t generation = cache_.Generation();
  LeaseCache::LabelLease lease;
  const std::vector<LabelName>* labels = CreatorsAlternative(header.expression, lease);
  auto trust = Trust(header.expression);
  if (labels == nullptr || !trust) return;
  auto document =
      std::make_shared<LeasedDocument>(keys.Clone(), "", std::move(*trust), lease.end_ms);
  document->used = true;
  cache_.Insert(KeyOf(header.uid, header.digest), std::move(document), generation);
  uint32_t seconds = UINT32_MAX;
  for (const LabelName& label : *labels) {
    const auto profile = FindLabel(parts_.profiles, label, ProfileUse::kRead);
    seconds = std::min(seconds, profile ? (*profile)->policy.OfflineSeconds() : 0);
  }
  offline_.Keep(header, {keys.Clone(), "", {}, *labels, lease.given, 0}, seconds);
}

Result<NewDocument> GrantAccess::Create(const LabelExpression& expression, std::string_view name) {
  RECRYPT_ASSIGN(const HeaderSpec spec, SpecFor(parts_.profiles, expression));
  RECRYPT_ASSIGN(HeaderAhead ahead, headers_ahead_.Take(spec));
  Wrapper wrapper{ahead.header.uid, std::string(name), "", {}};
  wrapper.keys.push_back({1, std::move(ahead.data_key)});
  RECRYPT_ASSIGN(SealedHeader sealed, SealHeader(std::move(ahead.header), wrapper));
  DocumentKeys keys{wrapper.uid, sealed.header.digest, sealed.header.expression,
                    std::move(wrapper.keys)};
  return NewDocument{std::move(sealed), std::move(keys)};
}

Result<HeaderRenewal> GrantAccess::RenewHeader(const Header& header, RenewWhen when,
                                               KeepKeys keep) {
  RECRYPT_ASSIGN(HeaderSpec spec, SpecFor(parts_.profiles, header.expression));
  bool rolled = !IsUnder(header, spec);
  if (rolled) {
    // Nothing goes back under an earlier key.
    RECRYPT_ASSIGN(const bool learned, LearnLaterKeys(parts_.profiles, header));
    if (learned) {
      RECRYPT_ASSIGN(spec, SpecFor(parts_.profiles, header.expression));
      rolled = !IsUnder(header, spec);
    }
  }
  if (!rolled && when == RenewWhen::kLabelsRolled) return HeaderRenewal{};
  RECRYPT_ASSIGN(const OpenedKeys opened, Open(header, GrantUse::kOpen));
  RECRYPT_ASSIGN(std::optional<NewHeader> made, Rewrap(spec, opened.keys, opened.name, keep));
  return HeaderRenewal{true, std::move(made)};
}

Result<std::shared_ptr<const Author>> GrantAccess::AuthorFor(const LabelExpression& expression) {
  bool anyone = true;
  std::optional<Error> failure;
  for (const LabelName& label : expression.Labels()) {
    RECRYPT_ASSIGN(const auto profile, FindLabel(parts_.profiles, label, ProfileUse::kRead));
    auto author = authors_.For(*profile);
    if (author && *author) return std::move(*author);
    if (!author) failure = std::move(author.error());
    anyone = anyone && profile->policy.writers == Writers::kAnyone;
  }
  if (anyone) return std::shared_ptr<const Author>();
  if (failure) return Fail(std::move(*failure));
  return Fail(ErrorCode::kDenied, "this device has no writer's credential for " +
                                      expression.text() + ": ask an administrator of the label");
}

Result<TrustedLabels> GrantAccess::Trust(const LabelExpression& expression) {
  TrustedLabels trust;
  for (const LabelName& label : expression.Labels()) {
    RECRYPT_ASSIGN(const auto profile, FindLabel(parts_.profiles, label, ProfileUse::kRead));
    trust.emplace(label, TrustOf(*profile));
  }
  return trust;
}

}  // namespace

std::unique_ptr<Access> MakeGrantAccess(GrantAccessParts parts) {
  return std::make_unique<GrantAccess>(std::move(parts));
}

}  // namespace recrypt
