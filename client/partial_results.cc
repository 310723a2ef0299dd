#include "client/partial_results.h"

#include <algorithm>

namespace recrypt {
namespace {

bool SameKey(const MemberHalf& a, const MemberHalf& b) {
  return a.key.public_key() == b.key.public_key();
}

}  // namespace

PartialResults::PartialResults(const LabelProfile& label, const Header& header, std::string kid,
                               PublicKey ephemeral)
    : label_(label),
      header_(header),
      kid_(std::move(kid)),
      ephemeral_(std::move(ephemeral)),
      quorums_(QuorumsOf(label)) {
  for (size_t i = 0; i < label.services.size(); ++i) places_[label.services[i].domain] = i;
}

void PartialResults::Add(PartialResult result) {
  results_.insert_or_assign(result.service, std::move(result));
}

// The one that is known, else those that came, each once.
std::vector<std::shared_ptr<const MemberHalf>> PartialResults::Halves() const {
  if (known_half_) return {known_half_};
  std::vector<std::shared_ptr<const MemberHalf>> halves;
  for (const auto& one : results_) {
    const std::shared_ptr<const MemberHalf>& given = one.second.half;
    const auto same = [&given](const auto& half) { return SameKey(*half, *given); };
    if (!given || std::any_of(halves.begin(), halves.end(), same)) continue;
    halves.push_back(given);
  }
  return halves;
}

// True when the results of this quorum make the secret.
bool PartialResults::Try(const std::vector<size_t>& quorum, const std::string& name) {
  std::vector<Bytes> parts;
  int64_t lease_end_ms = INT64_MAX;
  for (const size_t service : quorum) {
    const PartialResult& result = results_.at(service);
    const auto part = result.parts.find(name);
    if (part == result.parts.end()) {
      why_ = "a result that is wanted is not there";
      return false;
    }
    parts.push_back(part->second);
    lease_end_ms = std::min(lease_end_ms, result.lease_end_ms);
  }
  for (const auto& half : Halves()) {
    auto candidates = CombineSeveral(ephemeral_, parts, half->key);
    if (!candidates) {
      why_ = candidates.error().message;
      continue;
    }
    const auto fits = FittingCandidate(header_, kid_, *candidates);
    if (!fits) continue;
    if (!found_) found_ = Found{std::move((*candidates)[*fits]), half, quorum, lease_end_ms};
    return true;
  }
  return false;
}

void PartialResults::TryAll(bool stop_at_first) {
  for (const Quorums::Quorum& quorum : quorums_.all()) {
    if (stop_at_first && found_) return;
    const std::string name = Quorums::NameOf(quorum);
    std::vector<size_t> services;
    for (const std::string& domain : quorum) {
      const size_t place = places_.at(domain);
      if (results_.contains(place)) services.push_back(place);
    }
    // The name of a quorum of one is that of no other service's.
    const std::string key = name == kAlone ? quorum.front() : name;
    if (services.size() < quorum.size() || tried_.contains(key)) continue;
    Tried& tried = tried_[key];
    tried.services.insert(services.begin(), services.end());
    tried.fits = Try(services, name);
  }
}

bool PartialResults::Solve() {
  TryAll(true);
  return found_.has_value();
}

std::vector<size_t> PartialResults::Wrong() {
  std::set<size_t> wrong;
  if (!found_) return {};
  for (const auto& [service, result] : results_) {
    if (!known_half_ && result.half && !SameKey(*result.half, *found_->half)) wrong.insert(service);
  }
  const auto failed = [](const auto& one) { return !one.second.fits; };
  if (std::any_of(tried_.begin(), tried_.end(), failed)) {
    TryAll(false);
    for (const auto& [service, result] : results_) {
      bool fits = false, was_tried = false;
      for (const auto& [name, tried] : tried_) {
        if (!tried.services.contains(service)) continue;
        was_tried = true;
        fits = fits || tried.fits;
      }
      if (was_tried && !fits) wrong.insert(service);
    }
  }
  return {wrong.begin(), wrong.end()};
}

}  // namespace recrypt
