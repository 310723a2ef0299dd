// DocumentOpening: one document on its way from its header to its keys: which grants it needs, and
// what they open.
//
//   DocumentOpening opening(header, profiles);
//   Append(wanted, opening.wanted());            // ask, then
//   opening.Take(i, result);                     // for each of them, in order
//   auto leased = opening.Finish();
//
// For the implementation of Access only. Not thread safe.
#ifndef RECRYPT_CLIENT_DOCUMENT_OPENING_H_
#define RECRYPT_CLIENT_DOCUMENT_OPENING_H_

#include <map>
#include <optional>
#include <vector>

#include "client/grants.h"
#include "client/lease_cache.h"
#include "client/recovered_keys.h"
#include "client/verified_profiles.h"

namespace recrypt {

// Labels' keys that this device holds itself, and the present, from which a lease would count.
struct HeldKeys {
  const RecoveredKeys* keys = nullptr;
  int64_t now_ms = 0;
};

class DocumentOpening {
 public:
  // Looks up the labels of the expression; `header`, `profiles` and held keys outlive the object.
  DocumentOpening(const Header& header, VerifiedProfiles& profiles, HeldKeys held = {});

  // What to ask for; empty when no label of the document is known or trusted.
  const std::vector<GrantWanted>& wanted() const { return wanted_; }
  void Take(size_t index, Result<Granted> result);

  // The document under the first alternative for which all grants came. kCorrupt when the header
  // does not open; otherwise the reason that leaves most hope.
  Result<std::shared_ptr<const LeasedDocument>> Finish();
  // When the leases of the labels end that granted something.
  std::map<LabelName, int64_t> LabelLeases() const;
  // Whether somebody answered for this label, and gave nothing.
  bool WasRefused(const LabelName& label) const;
  // What the document may be signed by; only where Finish failed.
  TrustedLabels TakeTrust() { return std::move(trust_); }

 private:
  struct LabelState {
    std::string kid;
    std::optional<size_t> wanted;  // index of its grant
    uint32_t offline_seconds = 0;
    std::optional<Error> failure;
    int64_t lease_end_ms = 0;
    std::vector<LabelProfile::Service> by;  // who granted
  };

  // False when the key is not held.
  bool TakeHeld(const LabelName& label, LabelState& state);
  void Prepare(const LabelName& label, const std::string& kid, VerifiedProfiles& profiles);
  Result<GrantWanted> MakeWanted(const LabelName& label, const std::string& kid,
                                 VerifiedProfiles& profiles);
  std::vector<GrantedBy> GrantsOf(const std::vector<LabelName>& alternative) const;
  Error WhyNot() const;

  const Header& header_;
  const HeldKeys held_;
  std::map<LabelName, LabelState> labels_;
  std::vector<GrantWanted> wanted_;
  std::vector<LabelName> wanted_labels_;
  AgreedSecrets secrets_;
  TrustedLabels trust_;
};

// What a document under this label's expression may be signed by.
LabelTrust TrustOf(const LabelProfile& profile);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_DOCUMENT_OPENING_H_
