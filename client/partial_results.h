// PartialResults: what the services of a label gave for one document, put together: the results of
// some quorum of them make the shared secret, which the document's key wrap tells.
//
//   PartialResults results(wanted.label, document, kid, ephemeral);
//   results.Add({service, parts, half, lease_end_ms});       // as they come
//   if (results.Solve()) use(results.found());
//   for (size_t service : results.Wrong()) …                 // whose results never fit
//
// Not thread safe.
#ifndef RECRYPT_CLIENT_PARTIAL_RESULTS_H_
#define RECRYPT_CLIENT_PARTIAL_RESULTS_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/identity/service_halves.h"
#include "core/jcd/header_fit.h"

namespace recrypt {

// The member's half of a label's key for this device.
struct MemberHalf {
  PrivateKey key;
  // Of the personal group's grant that it was opened by (Clock::MonotonicMillis): when that ends,
  // and when another one had better be asked for.
  int64_t lease_end_ms = INT64_MAX;
  int64_t renew_ms = INT64_MAX;
};

// One service's grant.
struct PartialResult {
  size_t service = 0;                      // its place in the label's profile
  std::map<std::string, Bytes> parts;      // by the names of its quorums; kAlone
  std::shared_ptr<const MemberHalf> half;  // the member half that came with it; may be null
  int64_t lease_end_ms = 0;
};

class PartialResults {
 public:
  // `label` and `header` outlive the object.
  PartialResults(const LabelProfile& label, const Header& header, std::string kid,
                 PublicKey ephemeral);

  // The member half that is known to fit; else each that came is tried.
  void UseHalf(std::shared_ptr<const MemberHalf> half) { known_half_ = std::move(half); }
  void Add(PartialResult result);
  size_t count() const { return results_.size(); }
  // Whether as many have granted as are needed, though nothing may have come of it.
  bool IsQuorum() const { return results_.size() >= label_.threshold; }

  struct Found {
    Secret secret;
    std::shared_ptr<const MemberHalf> half;
    std::vector<size_t> services;
    int64_t lease_end_ms = 0;
  };
  // Tries what was not tried before; true once something fits.
  bool Solve();
  const std::optional<Found>& found() const { return found_; }
  std::optional<Found> Take() { return std::move(found_); }

  // Once something fits, of those that granted: whose results fit with nobody's, or who gave
  // another member half. Empty where nothing went wrong.
  std::vector<size_t> Wrong();
  // Why nothing fits, of a quorum at least: that a result is none, or that none go together.
  const std::string& why() const { return why_; }

 private:
  struct Tried {
    std::set<size_t> services;
    bool fits = false;
  };

  bool Try(const std::vector<size_t>& quorum, const std::string& name);
  std::vector<std::shared_ptr<const MemberHalf>> Halves() const;
  void TryAll(bool stop_at_first);

  const LabelProfile& label_;
  const Header& header_;
  const std::string kid_;
  const PublicKey ephemeral_;
  const Quorums quorums_;
  std::map<std::string, size_t> places_;  // of the services, by domain
  std::shared_ptr<const MemberHalf> known_half_;
  std::map<size_t, PartialResult> results_;
  std::map<std::string, Tried> tried_;  // by quorum
  std::optional<Found> found_;
  std::string why_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_PARTIAL_RESULTS_H_
