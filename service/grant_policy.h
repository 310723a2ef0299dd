// What a label's policy says to one request for a grant.
//
//   GrantVerdict verdict = JudgeNow(policy, question);             // on the server's thread
//   RECRYPT_ASSIGN(verdict, JudgeByStore(transaction, policy, question));   // on the committer's
//
// The first needs nothing but the policy, which is parsed once; the second asks the store, and only
// for labels under review or quota and for bound ephemerals (NeedsStore). Thread safe.
#ifndef RECRYPT_SERVICE_GRANT_POLICY_H_
#define RECRYPT_SERVICE_GRANT_POLICY_H_

#include "core/identity/label_policy.h"
#include "core/protocol/messages.h"
#include "service/store.h"
#include "service/transactions.h"

namespace recrypt {

struct GrantQuestion {
  const std::string& label;
  const std::string& account;
  const Caller& caller;
  const GrantRequest& grant;
  GrantUse use;
  int64_t now;
};

struct GrantVerdict {
  ResponseStatus status;  // ok: granted
  uint32_t lease_seconds = 0;
};

GrantVerdict JudgeNow(const LabelPolicy& policy, const GrantQuestion& question);

// Whether T was made for this document and label, as far as that was shown or has to be.
ResponseStatus JudgeBinding(const LabelPolicy& policy, const GrantQuestion& question,
                            const PublicKey& ephemeral);

bool NeedsStore(const LabelPolicy& policy, const GrantQuestion& question);
// Notes what a bound ephemeral is bound to, counts an opening that it lets through, and files a
// request for review where one is needed, with its audit record. For what JudgeNow granted.
Result<GrantVerdict> JudgeByStore(StoreTransaction& transaction, const LabelPolicy& policy,
                                  const GrantQuestion& question);

// The policy that the stored profile of a label holds.
Result<LabelPolicy> PolicyOf(const StoredLabel& label);

// The account by which the device may decide about reviews of the label; empty: by none. A
// supervisor's devices are those of a profile stored here, or of a member's entries.
Result<std::string> SupervisorOf(StoreView& view, const std::string& label,
                                 const LabelPolicy& policy, const std::string& device);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_GRANT_POLICY_H_
