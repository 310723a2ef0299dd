#include "core/recryption/quorums.h"

#include <algorithm>

#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

// One in 2^126 leaves a quorum without its last half: then all are drawn from the next one.
constexpr int kMaxAttempts = 4;

// Every part has its length in front, so that no two texts say the same.
Bytes InfoFor(int attempt, std::string_view about, std::string_view quorum,
              std::string_view service) {
  std::string info = "recryptfs split 1";
  for (const std::string_view part :
       {std::string_view(std::to_string(attempt)), about, quorum, service}) {
    info += ' ' + std::to_string(part.size()) + ':';
    info += part;
  }
  return ToBytes(AsBytes(info));
}

class Source {
 public:
  Source(Curve curve, const Secret& seed, int attempt, std::string_view about)
      : curve_(curve), seed_(seed), attempt_(attempt), about_(about) {}

  Result<PrivateKey> Half(std::string_view quorum, std::string_view service) const {
    const Bytes info = InfoFor(attempt_, about_, quorum, service);
    RECRYPT_ASSIGN(const Secret uniform,
                   Hkdf(HashAlgorithm::kSha512, seed_.Reveal(), {}, info, kHalfSeedSize));
    return HalfFrom(curve_, uniform);
  }

 private:
  const Curve curve_;
  const Secret& seed_;
  const int attempt_;
  const std::string_view about_;
};

}  // namespace

Quorums::Quorums(std::vector<std::string> services, size_t threshold) {
  std::sort(services.begin(), services.end());
  if (threshold == 1) {
    for (const std::string& service : services) all_.push_back({service});
    return;
  }
  // Subsets by their bits, of which there are at most 2^kMaxServices.
  for (uint32_t bits = 1; bits < (uint32_t{1} << services.size()); ++bits) {
    Quorum quorum;
    for (size_t i = 0; i < services.size(); ++i) {
      if ((bits >> i & 1) != 0) quorum.push_back(services[i]);
    }
    if (quorum.size() == threshold) all_.push_back(std::move(quorum));
  }
}

std::string Quorums::NameOf(const Quorum& quorum) {
  std::string name(kAlone);
  if (quorum.size() == 1) return name;
  for (const std::string& service : quorum) name += (name.empty() ? "" : "+") + service;
  return name;
}

std::vector<std::string> Quorums::NamesFor(const std::string& service) const {
  std::vector<std::string> names;
  for (const Quorum& quorum : all_) {
    if (std::find(quorum.begin(), quorum.end(), service) == quorum.end()) continue;
    names.push_back(NameOf(quorum));
  }
  return names;
}

Result<QuorumSplit> Quorums::Split(const PrivateKey& label_key, const Secret& seed,
                                   std::string_view about) const {
  if (all_.size() == 1 && all_[0].size() == 1) {
    RECRYPT_ASSIGN(recrypt::Split drawn, SplitKey(label_key));
    QuorumSplit split{std::move(drawn.member_half), {}};
    split.service_halves[all_[0][0]].emplace(kAlone, std::move(drawn.service_half));
    return split;
  }
  const auto attempt_split = [&](int attempt) -> Result<QuorumSplit> {
    const Source source(label_key.curve(), seed, attempt, about);
    RECRYPT_ASSIGN(PrivateKey member, source.Half("", ""));
    QuorumSplit split{std::move(member), {}};
    for (const Quorum& quorum : all_) {
      const std::string name = NameOf(quorum);
      std::vector<PrivateKey> others{split.member_half};
      for (size_t i = 0; i + 1 < quorum.size(); ++i) {
        RECRYPT_ASSIGN(PrivateKey half, source.Half(name, quorum[i]));
        others.push_back(half);
        split.service_halves[quorum[i]].emplace(name, std::move(half));
      }
      RECRYPT_ASSIGN(PrivateKey last, LastHalf(label_key, others));
      split.service_halves[quorum.back()].emplace(name, std::move(last));
    }
    return split;
  };
  Result<QuorumSplit> split = attempt_split(0);
  for (int attempt = 1; !split && attempt < kMaxAttempts; ++attempt) split = attempt_split(attempt);
  return split;
}

}  // namespace recrypt
