// Who wrote a document: signing at commit, verifying at open (docs/FORMAT.md, 4 and 5).
//
// An Author signs on behalf of the device; a LabelTrust says what a reader trusts. Thread safe.
#ifndef RECRYPT_CORE_JCD_AUTHORSHIP_H_
#define RECRYPT_CORE_JCD_AUTHORSHIP_H_

#include <map>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/identity/credential.h"
#include "core/label/expression.h"

namespace recrypt {

// The device's signature key with the credential that a label gave it.
struct Author {
  PrivateKey device;
  Bytes credential;
  const Clock* clock = nullptr;  // for the time of signing; null: the system's
};

// What a reader knows about one label of a document's expression, from its verified profile.
struct LabelTrust {
  PublicKey master;               // signs credentials
  bool anyone_may_write = false;  // policy writers: anyone
  uint32_t epoch = 0;             // of the label's key in the document's header: a credential of an
                                  // earlier one does not sign it; 0: not known, any will do
};
using TrustedLabels = std::map<LabelName, LabelTrust>;

// Who signed, once verified; empty subject: unknown author (allowed by policy).
struct Authorship {
  std::string author;   // credential's subject
  std::string wrapper;  // who wrapped the header last; same as author when nobody else
  bool known() const { return !author.empty(); }
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_AUTHORSHIP_H_
