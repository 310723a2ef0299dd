#include "client/grants.h"

#include <algorithm>
#include <future>

#include "core/protocol/session.h"
#include "core/recryption/recryption.h"

namespace recrypt {

struct GrantRequester::Batch {
  std::string domain;
  std::string udf;
  std::vector<const GrantWanted*> wanted;
  std::vector<size_t> places;  // in the caller's list
};

namespace {

std::optional<GrantBinding> BindingOf(const GrantWanted& wanted) {
  if (!wanted.binding) return std::nullopt;
  const EphemeralBinding& binding = wanted.binding->binding;
  return GrantBinding{wanted.binding->text, binding.signer, binding.signature};
}

}  // namespace

GrantRequester::GrantRequester(Services& services, const Clock& clock,
                               std::shared_ptr<const Identity> identity, Receipts& receipts)
    : services_(services),
      clock_(clock),
      identity_(std::move(identity)),
      receipts_(receipts),
      device_udf_(identity_ ? identity_->DeviceUdf() : std::string()) {}

void GrantRequester::ForgetHalf(const std::string& kid) {
  const std::lock_guard guard(mutex_);
  halves_.erase(kid);
}

void GrantRequester::Wipe() {
  const std::lock_guard guard(mutex_);
  halves_.clear();
}

std::shared_ptr<const PrivateKey> GrantRequester::KeptHalf(const std::string& kid) {
  const std::lock_guard guard(mutex_);
  const auto found = halves_.find(kid);
  return found == halves_.end() ? nullptr : found->second;
}

std::vector<Result<Granted>> GrantRequester::Ask(const std::vector<GrantWanted>& wanted,
                                                 GrantUse use) {
  std::vector<Batch> batches;
  std::map<std::pair<std::string, std::string>, size_t> open;  // to the batch that has room
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (use == GrantUse::kPrefetch && !wanted[i].label->policy.MayPrefetch()) continue;
    const LabelProfile::Service& service = wanted[i].label->services.front();
    const auto key = std::pair(service.domain, service.udf);
    const auto found = open.find(key);
    if (found == open.end() || batches[found->second].wanted.size() == kMaxGrantsInRequest) {
      open[key] = batches.size();
      batches.push_back({service.domain, service.udf, {}, {}});
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

std::vector<Result<Granted>> GrantRequester::AskBatch(const Batch& batch, GrantUse use) {
  std::vector<GrantRequest> requests;
  requests.reserve(batch.wanted.size());
  bool halves = false;
  for (const GrantWanted* wanted : batch.wanted) {
    requests.push_back({wanted->kid, wanted->ephemeral.CompressedBytes(), ToBytes(wanted->uid),
                        ToBytes(wanted->header), BindingOf(*wanted)});
    halves = halves || KeptHalf(wanted->kid) == nullptr;
  }
  // The lease is counted from before the service gave it, never from later.
  const int64_t sent_ms = clock_.MonotonicMillis();
  const auto answer =
      services_.At(batch.domain, batch.udf)->GetGrants(std::move(requests), use, halves);
  if (answer) KeepReceipt(batch, *answer);
  std::vector<Result<Granted>> results;
  for (size_t i = 0; i < batch.wanted.size(); ++i) {
    if (!answer) {
      results.emplace_back(Fail(answer.error()));
    } else {
      results.push_back(TakeGrant(*batch.wanted[i], answer->grants[i], answer->halves, sent_ms));
    }
  }
  return results;
}

// The receipt is for the last record, which is the last grant's. That it cannot be kept keeps
// nobody from reading.
void GrantRequester::KeepReceipt(const Batch& batch, const GetResponse& answer) {
  const auto hash = ToArray<32>(answer.receipt_head);
  if (!hash || answer.grants.empty() || !answer.grants.back().status.ok()) return;
  (void)receipts_.Keep({batch.domain,
                        batch.wanted.back()->label->label.text(),
                        {answer.receipt_sequence, *hash},
                        clock_.NowSeconds()});
}

Result<Granted> GrantRequester::TakeGrant(const GrantWanted& wanted, const GrantResult& result,
                                          const std::map<std::string, Json>& halves,
                                          int64_t sent_ms) {
  const std::string& label = wanted.label->label.text();
  if (!result.status.ok()) return Fail(ErrorOf(result.status), label);
  // The service may grant less than the policy says, never more.
  const uint32_t longest = wanted.label->policy.LeaseAt(clock_.NowSeconds());
  if (longest == 0) return Fail(ErrorCode::kForbidden, label + ": outside of its hours");
  Granted granted;
  granted.lease_end_ms = sent_ms + int64_t{std::min(result.lease_seconds, longest)} * 1000;
  std::shared_ptr<const PrivateKey> half = KeptHalf(wanted.kid);
  granted.half_was_kept = half != nullptr;
  if (const auto found = halves.find(wanted.kid); !half && found != halves.end()) {
    auto opened = OpenAndKeepHalf(wanted, found->second);
    if (!opened) return Fail(opened.error(), label);
    half = std::make_shared<const PrivateKey>(std::move(*opened));
  }
  if (!half) return Fail(ErrorCode::kUnavailable, label + ": the service gave no member half");
  auto candidates = Combine(wanted.ephemeral, result.p, *half);
  if (!candidates) return Fail(ErrorCode::kCorrupt, label + ": " + candidates.error().message);
  granted.candidates = std::move(*candidates);
  return granted;
}

Result<PrivateKey> GrantRequester::OpenAndKeepHalf(const GrantWanted& wanted, const Json& jwe) {
  RECRYPT_ASSIGN(PrivateKey half, OpenHalf(jwe, identity_->device_encrypt,
                                           {device_udf_, wanted.kid, wanted.label->label.text()},
                                           wanted.ephemeral.curve()));
  const std::lock_guard guard(mutex_);
  halves_[wanted.kid] = std::make_shared<const PrivateKey>(half);
  return half;
}

}  // namespace recrypt
