#include "client/grants.h"

#include <algorithm>
#include <future>

#include "core/jcd/bound_header.h"
#include "core/protocol/session.h"

namespace recrypt {
namespace {

// One that gave a wrong result is asked again when others do not suffice, or later.
constexpr int64_t kAvoidWrongMillis = 600'000;

std::vector<std::string> DomainsOf(const LabelProfile& label) {
  std::vector<std::string> domains;
  for (const LabelProfile::Service& service : label.services) domains.push_back(service.domain);
  return domains;
}

// Labels with the same one are asked for together.
std::string PlaceOf(const LabelProfile& label) {
  std::string place = std::to_string(label.threshold);
  for (const auto& [domain, udf] : label.services) place += " " + domain + " " + udf;
  return place;
}

std::optional<GrantBinding> BindingOf(const GrantWanted& wanted) {
  const auto proof = ProofOf(*wanted.header, wanted.ephemeral);
  if (!proof) return std::nullopt;
  return GrantBinding{proof->text, proof->binding.signer, proof->binding.signature};
}

// From the reason that leaves most hope.
int Hopelessness(ErrorCode code) {
  return code == ErrorCode::kPending     ? 0
         : code == ErrorCode::kQuota     ? 1
         : code == ErrorCode::kForbidden ? 2
                                         : 3;
}

// A device of a personal group is unknown until the service has the account's profile.
bool IsUnknown(const Result<GetResponse>& answer) {
  return answer && std::ranges::any_of(answer->grants, [](const GrantResult& one) {
           return one.status.reason == "no-entry" || one.status.reason == "revoked";
         });
}

}  // namespace

struct GrantRequester::Batch {
  std::vector<LabelProfile::Service> services;
  size_t threshold = 1;
  std::vector<const GrantWanted*> wanted;
  std::vector<size_t> places;  // in the caller's list
};

struct GrantRequester::Asking {
  // What the threads that ask leave here; they may outlive the rest.
  struct Answers {
    std::mutex mutex;  // guards all below
    struct Answer {
      int64_t sent_ms = 0;
      std::optional<Result<GetResponse>> answer;
    };
    std::vector<Answer> of;  // by service
  };

  Asking(const Batch& asked, std::vector<Half> halves) : batch(asked), kept(std::move(halves)) {
    for (size_t i = 0; i < batch.wanted.size(); ++i) {
      const GrantWanted& one = *batch.wanted[i];
      results.emplace_back(*one.label, *one.header, one.kid, one.ephemeral);
      if (kept[i]) results.back().UseHalf(kept[i]);
    }
    failures.resize(batch.wanted.size());
    answers->of.resize(batch.services.size());
  }

  const Batch& batch;
  const std::vector<Half> kept;  // from earlier answers, in the batch's order
  std::vector<PartialResults> results;
  std::vector<std::map<size_t, Error>> failures;  // by service
  const std::shared_ptr<Answers> answers = std::make_shared<Answers>();

  Error WhyNot(size_t place) const;
};

GrantRequester::GrantRequester(Services& services, VerifiedProfiles& profiles, const Clock& clock,
                               std::shared_ptr<const Identity> identity, Receipts& receipts)
    : services_(services),
      clock_(clock),
      identity_(std::move(identity)),
      receipts_(receipts),
      device_udf_(identity_ ? identity_->DeviceUdf() : std::string()),
      introductions_(std::make_shared<Introductions>(services, clock, identity_)),
      group_(profiles, clock, identity_,
             [this](const std::vector<GrantWanted>& wanted, GrantUse use) {
               return Ask(wanted, use);
             }) {}

void GrantRequester::Wipe() {
  group_.Wipe();
  const std::lock_guard guard(mutex_);
  halves_.clear();
}

GrantRequester::Half GrantRequester::KeptHalf(const std::string& kid) {
  const std::lock_guard guard(mutex_);
  const auto found = halves_.find(kid);
  if (found == halves_.end()) return nullptr;
  if (clock_.MonotonicMillis() < found->second->renew_ms) return found->second;
  halves_.erase(found);
  return nullptr;
}

std::vector<AccessFigures::WrongService> GrantRequester::Wrong() const {
  const std::lock_guard guard(mutex_);
  std::vector<AccessFigures::WrongService> wrong;
  for (const auto& [domain, times] : wrong_) wrong.push_back({domain, times});
  return wrong;
}

std::vector<Result<Granted>> GrantRequester::Ask(const std::vector<GrantWanted>& wanted,
                                                 GrantUse use) {
  std::vector<Batch> batches;
  std::map<std::string, size_t> open;  // to the batch that has room
  for (size_t i = 0; i < wanted.size(); ++i) {
    const LabelProfile& label = *wanted[i].label;
    if (use == GrantUse::kPrefetch && !label.policy.MayPrefetch()) continue;
    const std::string key = PlaceOf(label);
    const auto found = open.find(key);
    if (found == open.end() || batches[found->second].wanted.size() == kMaxGrantsInRequest) {
      open[key] = batches.size();
      batches.push_back({label.services, label.threshold, {}, {}});
    }
    Batch& batch = batches[open[key]];
    batch.wanted.push_back(&wanted[i]);
    batch.places.push_back(i);
  }

  std::vector<std::future<std::vector<Result<Granted>>>> others;
  for (size_t i = 1; i < batches.size(); ++i) {
    others.push_back(std::async(std::launch::async,
                                [this, &batch = batches[i], use] { return AskBatch(batch, use); }));
  }
  std::vector<Result<Granted>> results;
  results.reserve(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    // What is asked for gets an answer below.
    results.emplace_back(
        Fail(ErrorCode::kForbidden,
             wanted[i].label->label.text() + ": its policy lets nothing be prefetched"));
  }
  for (size_t i = 0; i < batches.size(); ++i) {
    auto part = i == 0 ? AskBatch(batches[0], use) : others[i - 1].get();
    for (size_t j = 0; j < part.size(); ++j) results[batches[i].places[j]] = std::move(part[j]);
  }
  return results;
}

// Once more for documents whose kept member half may be one of an entry renewed since.
std::vector<Result<Granted>> GrantRequester::AskBatch(const Batch& batch, GrantUse use) {
  const auto ask = [&](const Batch& these, std::vector<Half> kept) {
    Asking asking(these, std::move(kept));
    AskServices(asking, use);
    return asking;
  };
  std::vector<Half> kept;
  for (const GrantWanted* wanted : batch.wanted) kept.push_back(KeptHalf(wanted->kid));
  Asking first = ask(batch, std::move(kept));
  Batch again{batch.services, batch.threshold, {}, {}};
  for (size_t i = 0; i < batch.wanted.size(); ++i) {
    const bool stale = first.kept[i] && first.results[i].IsQuorum() && !first.results[i].found();
    if (!stale) continue;
    again.wanted.push_back(batch.wanted[i]);
    again.places.push_back(i);
  }
  std::vector<Result<Granted>> granted;
  for (size_t i = 0; i < batch.wanted.size(); ++i) granted.push_back(Conclude(first, i));
  if (again.wanted.empty()) return granted;
  Asking second = ask(again, std::vector<Half>(again.wanted.size()));
  for (size_t i = 0; i < again.wanted.size(); ++i) granted[again.places[i]] = Conclude(second, i);
  return granted;
}

void GrantRequester::AskServices(Asking& asking, GrantUse use) {
  const Batch& batch = asking.batch;
  std::vector<GrantRequest> requests;
  for (const GrantWanted* wanted : batch.wanted) {
    requests.push_back({wanted->kid, wanted->ephemeral.CompressedBytes(),
                        ToBytes(wanted->header->uid), ToBytes(wanted->header->digest),
                        BindingOf(*wanted)});
  }
  const bool halves =
      std::find(asking.kept.begin(), asking.kept.end(), nullptr) != asking.kept.end();
  const std::vector<std::string> domains = DomainsOf(*batch.wanted.front()->label);
  std::vector<std::shared_ptr<ServiceClient>> clients;
  for (const auto& [domain, udf] : batch.services) clients.push_back(services_.At(domain, udf));
  const auto ask = [clients, domains, requests, use, halves, answers = asking.answers,
                    introductions = introductions_, &clock = clock_](size_t service) {
    // The lease is counted from before the service gave it, never from later.
    const int64_t sent_ms = clock.MonotonicMillis();
    auto answer = clients[service]->GetGrants(requests, use, halves);
    if (IsUnknown(answer) &&
        introductions->Introduce(domains[service], *clients[service], sent_ms)) {
      answer = clients[service]->GetGrants(requests, use, halves);
    }
    const bool away = !answer && answer.error().code == ErrorCode::kUnavailable;
    const bool helps = answer && std::all_of(answer->grants.begin(), answer->grants.end(),
                                             [](const auto& one) { return one.status.ok(); });
    const std::lock_guard guard(answers->mutex);
    answers->of[service] = {sent_ms, std::move(answer)};
    return away    ? ServiceOrder::Helped::kAway
           : helps ? ServiceOrder::Helped::kYes
                   : ServiceOrder::Helped::kNo;
  };
  const auto enough = [&] {
    for (size_t service = 0; service < batch.services.size(); ++service) {
      Asking::Answers::Answer come;
      {
        const std::lock_guard guard(asking.answers->mutex);
        std::swap(come, asking.answers->of[service]);
      }
      if (!come.answer) continue;
      if (*come.answer) PrepareHalves(batch, (*come.answer)->halves, use);
      TakeAnswer(asking, service, *come.answer, come.sent_ms);
    }
    bool all = true;
    for (PartialResults& results : asking.results) all = results.Solve() && all;
    return all;
  };
  services_.order().Ask(domains, batch.threshold, ask, enough);
  for (size_t i = 0; i < batch.wanted.size(); ++i) NoteWrong(*batch.wanted[i], asking.results[i]);
}

void GrantRequester::TakeAnswer(Asking& asking, size_t service, const Result<GetResponse>& answer,
                                int64_t sent_ms) {
  const Batch& batch = asking.batch;
  if (answer) KeepReceipt(batch, service, *answer);
  std::map<std::string, Result<Half>> opened;  // one for each key, however many documents
  for (size_t i = 0; i < batch.wanted.size(); ++i) {
    const GrantWanted& wanted = *batch.wanted[i];
    if (!answer) {
      asking.failures[i].emplace(service, answer.error());
      continue;
    }
    const GrantResult& result = answer->grants[i];
    if (!result.status.ok()) {
      asking.failures[i].emplace(service, ErrorOf(result.status));
      continue;
    }
    // The service may grant less than the policy says, never more.
    const uint32_t longest = wanted.label->policy.LeaseAt(clock_.NowSeconds());
    if (longest == 0) {
      asking.failures[i].emplace(service, Error{ErrorCode::kForbidden, "outside of its hours", 0});
      continue;
    }
    PartialResult partial{service, result.parts, nullptr,
                          sent_ms + int64_t{std::min(result.lease_seconds, longest)} * 1000};
    if (!result.p.empty()) partial.parts.emplace(kAlone, result.p);
    if (!asking.kept[i]) {
      auto half = opened.find(wanted.kid);
      if (half == opened.end()) {
        half = opened.emplace(wanted.kid, OpenGivenHalf(wanted, *answer)).first;
      }
      // Of several services another may give it.
      if (!half->second && batch.services.size() == 1) {
        asking.failures[i].emplace(service, half->second.error());
        continue;
      }
      if (half->second) partial.half = *half->second;
    }
    asking.results[i].Add(std::move(partial));
  }
}

// The receipt is for the last record, which is the last grant's. That it cannot be kept keeps
// nobody from reading.
void GrantRequester::KeepReceipt(const Batch& batch, size_t service, const GetResponse& answer) {
  const auto hash = ToArray<32>(answer.receipt_head);
  if (!hash || answer.grants.empty() || !answer.grants.back().status.ok()) return;
  (void)receipts_.Keep({batch.services[service].domain,
                        batch.wanted.back()->label->label.text(),
                        {answer.receipt_sequence, *hash},
                        clock_.NowSeconds()});
}

Result<GrantRequester::Half> GrantRequester::OpenGivenHalf(const GrantWanted& wanted,
                                                           const GetResponse& answer) {
  const auto given = answer.halves.find(wanted.kid);
  if (given == answer.halves.end()) {
    return Fail(ErrorCode::kUnavailable, "the service gave no member half");
  }
  const Json& jwe = given->second;
  const std::string& label = wanted.label->label.text();
  const Curve curve = wanted.ephemeral.curve();
  if (MayBeToGroup(wanted) && group_.IsSealedToGroup(jwe)) {
    RECRYPT_ASSIGN(const PersonalGroup::Opening opening, group_.Agreed(jwe));
    RECRYPT_ASSIGN(PrivateKey key, OpenHalf(jwe, {opening.secret.get(), 1},
                                            {identity_->account.text(), wanted.kid, label}, curve));
    return std::make_shared<const MemberHalf>(
        MemberHalf{std::move(key), opening.lease_end_ms, opening.renew_ms});
  }
  RECRYPT_ASSIGN(PrivateKey key,
                 OpenHalf(jwe, identity_->device_encrypt, {device_udf_, wanted.kid, label}, curve));
  return std::make_shared<const MemberHalf>(MemberHalf{std::move(key)});
}

// The group's own halves are to its devices: it does not open itself.
bool GrantRequester::MayBeToGroup(const GrantWanted& wanted) const {
  return identity_ && wanted.label->label.text() != identity_->account.text();
}

void GrantRequester::PrepareHalves(const Batch& batch, const std::map<std::string, Json>& halves,
                                   GrantUse use) {
  std::vector<const Json*> sealed;
  for (const GrantWanted* wanted : batch.wanted) {
    const auto found = halves.find(wanted->kid);
    if (found != halves.end() && MayBeToGroup(*wanted)) sealed.push_back(&found->second);
  }
  if (!sealed.empty()) group_.Prepare(sealed, use);
}

// A member half is kept once it was seen to fit.
Result<Granted> GrantRequester::Conclude(Asking& asking, size_t place) {
  const GrantWanted& wanted = *asking.batch.wanted[place];
  const std::string& label = wanted.label->label.text();
  PartialResults& results = asking.results[place];
  if (auto found = results.Take()) {
    Granted granted{std::move(found->secret), found->lease_end_ms, {}};
    granted.lease_end_ms = std::min(granted.lease_end_ms, found->half->lease_end_ms);
    for (const size_t service : found->services) {
      granted.by.push_back(wanted.label->services[service]);
    }
    const int64_t now_ms = clock_.MonotonicMillis();
    const std::lock_guard guard(mutex_);
    std::erase_if(halves_, [now_ms](const auto& one) { return now_ms >= one.second->renew_ms; });
    halves_[wanted.kid] = std::move(found->half);
    return granted;
  }
  return Fail(asking.WhyNot(place), label);
}

// Of a label's only service, its own words. Of several: how many granted, and what each of the
// others said.
Error GrantRequester::Asking::WhyNot(size_t place) const {
  const PartialResults& partial = results[place];
  const auto& failed = failures[place];
  const size_t services = batch.services.size();
  if (partial.IsQuorum()) {
    std::string why = services > 1 ? "the results of its services do not open the document"
                                   : "the service's result does not open the document";
    if (!partial.why().empty()) why += " (" + partial.why() + ")";
    why += ": a result is wrong, or the document's header is damaged";
    Error error{ErrorCode::kCorrupt, std::move(why), 0};
    for (const auto& [service, failure] : failed) {
      error.message += "; " + batch.services[service].domain + ": " + failure.message;
    }
    return error;
  }
  if (services == 1 && !failed.empty()) return failed.begin()->second;
  Error error{ErrorCode::kDenied,
              std::to_string(partial.count()) + " of its " + std::to_string(services) +
                  " services granted, and " + std::to_string(batch.threshold) + " are needed",
              0};
  size_t away = 0;
  int least = INT32_MAX;
  for (const auto& [service, failure] : failed) {
    error.message += "; " + batch.services[service].domain + ": " + failure.message;
    if (failure.code == ErrorCode::kUnavailable) {
      ++away;
    } else if (Hopelessness(failure.code) < least) {
      least = Hopelessness(failure.code);
      error.code = failure.code;
    }
  }
  // Refused is who would be refused though all were there.
  if (partial.count() + away >= batch.threshold) error.code = ErrorCode::kUnavailable;
  return error;
}

void GrantRequester::NoteWrong(const GrantWanted& wanted, PartialResults& results) {
  for (const size_t service : results.Wrong()) {
    const std::string& domain = wanted.label->services[service].domain;
    bool first = false;
    {
      const std::lock_guard guard(mutex_);
      first = wrong_[domain]++ == 0;
    }
    services_.order().Avoid(domain, kAvoidWrongMillis);
    if (!first || !warn_) continue;
    warn_("the recryption service of " + domain + " gave a wrong result for " +
          wanted.label->label.text() + "; the document was opened without it");
  }
}

}  // namespace recrypt
