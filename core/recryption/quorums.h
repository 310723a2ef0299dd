// A label's key split over several services, any `threshold` of which suffice: for each quorum an
// additive split of its own, all with one and the same member half (DESIGN 2).
//
//   const Quorums quorums({"a.example.com", "b.example.net", "c.example.org"}, 2);
//   RECRYPT_ASSIGN(QuorumSplit split, quorums.Split(label_key, seed, about));     // administrator
//   AgreeHalf(split.service_halves["a.example.com"]["a.example.com+b.example.net"], T);  // service
//
// Each operation stays an ordinary ECDH, a service has a half for each quorum that it belongs to,
// and CombineSeveral takes the results of one quorum. Whoever has all halves of fewer services than
// the threshold, and members' halves as many as they like, lacks a uniform half of every quorum.
//
// Halves follow from a seed that administrators alone have: made anew they are the same, so that
// giving them to the services one after the other may be interrupted and repeated, and no service
// ever holds a half that does not go with the others'. Of a single service no others are to agree
// with: its halves are drawn. Thread safe.
#ifndef RECRYPT_CORE_RECRYPTION_QUORUMS_H_
#define RECRYPT_CORE_RECRYPTION_QUORUMS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/recryption/recryption.h"

namespace recrypt {

// The name of a quorum of one, which needs none.
inline constexpr std::string_view kAlone = "";

// The most quorums that one service belongs to: those of two or three of five.
inline constexpr size_t kMaxQuorumsOfService = 6;

// A service's halves of one key for one device, by the names of its quorums.
using ServiceHalves = std::map<std::string, PrivateKey>;

struct QuorumSplit {
  PrivateKey member_half;
  std::map<std::string, ServiceHalves> service_halves;  // by service
};

class Quorums {
 public:
  // `services`: at least one name without a plus sign, each once, in any order, and at most
  // kMaxServices unless the threshold is 1; `threshold`: 1 to as many.
  Quorums(std::vector<std::string> services, size_t threshold);

  // Names of services, sorted.
  using Quorum = std::vector<std::string>;
  const std::vector<Quorum>& all() const { return all_; }
  // Their names joined by plus signs; kAlone for one of a single service.
  static std::string NameOf(const Quorum& quorum);
  // The names of those that `service` belongs to.
  std::vector<std::string> NamesFor(const std::string& service) const;

  // `about` says which key and device the halves are for; different ones give independent halves.
  // kInvalid for a key of another curve than recryption's.
  Result<QuorumSplit> Split(const PrivateKey& label_key, const Secret& seed,
                            std::string_view about) const;

 private:
  std::vector<Quorum> all_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_RECRYPTION_QUORUMS_H_
