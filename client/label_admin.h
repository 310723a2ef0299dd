// What an administrator does with a label.
//
//   LabelAdmin admin(client);
//   RECRYPT_ASSIGN(LabelProfile label, admin.Create({name}));
//   RECRYPT_TRY(admin.AddMember(name, bob));
//   RECRYPT_ASSIGN(RemovedMember removed, admin.RemoveMember(name, carol));
//
// Not thread safe.
#ifndef RECRYPT_CLIENT_LABEL_ADMIN_H_
#define RECRYPT_CLIENT_LABEL_ADMIN_H_

#include <string>
#include <vector>

#include "client/administered_label.h"
#include "core/escrow/escrow.h"

namespace recrypt {

struct NewLabel {
  LabelName name;
  LabelPolicy policy;
  Curve curve = Curve::kX25519;  // or kP256
  // Of several services, that of the label's domain among them; none: that one alone. An absent
  // fingerprint is the one pinned for the domain, or is pinned at this first use.
  struct Service {
    std::string domain;
    std::string udf;
  };
  std::vector<Service> services = {};
  uint32_t threshold = 0;  // how many of them grant together; 0: all
};

struct RemovedMember {
  int64_t until = 0;              // when the last lease ends, seconds since 1970
  std::vector<ServiceLeft> left;  // where it is still to be done; fewer than grant together
};

enum class ReviewDecision { kApprove, kDeny };

struct LabelMember {
  std::string account;
  std::string profile_udf;
  std::vector<std::string> devices;  // UDFs; empty when the service does not say
};

struct AuditFilter {
  std::string account;
  std::string event;
  Bytes document;
  std::optional<int64_t> from;
  std::optional<int64_t> to;
  std::string after;  // cursor, or the number of a record
  uint32_t limit = 1000;
};

class LabelAdmin {
 public:
  // `client` has keys and outlives this object.
  explicit LabelAdmin(Client& client) : client_(client) {}

  // Makes the keys, publishes label profile and owner's profile, and the owner's own entry, at all
  // of its services. A creation that was interrupted is completed; kExists when the label is there.
  Result<LabelProfile> Create(const NewLabel& wanted);

  // One entry for the member's personal group, or for each of its devices, and each key epoch, in
  // one Set. The account must be pinned (or be accepted at the prompt). Adding a member again
  // renews credentials, and completes what is not at all services of the label: those left are
  // returned.
  Result<std::vector<ServiceLeft>> AddMember(const LabelName& label, const AccountName& account,
                                             MemberRights rights = MemberRights::kReadAndWrite,
                                             EntriesFor wanted = EntriesFor::kGroup);
  // At every service that is reached; repeated, at those left. kUnavailable while so many are left
  // that the member goes on reading.
  Result<RemovedMember> RemoveMember(const LabelName& label, const AccountName& account);

  Result<std::vector<LabelMember>> Members(const LabelName& label);
  Result<LabelProfile> Show(const LabelName& label);
  // Gives the services the newest profile of the label that this device has seen, when they were
  // taken back to an older one. Members and secrets stay what they have. Returns the version.
  Result<uint64_t> Publish(const LabelName& label);
  struct Listed {
    LabelName label;
    bool administrator = false;
    bool member = false;
  };
  // Labels that the own service knows of this device, and those that the own profile owns.
  Result<std::vector<Listed>> List();

  // The label's encryption keys of all epochs, and its profile.
  Result<EscrowedLabel> EscrowedKeys(const LabelName& label);

  // Records of the audit log of the service of a domain, as it gives them (docs/PROTOCOL.md, 5),
  // one page; kNotFound when it is none of the label's. Administrators only.
  Result<SelectResponse> Audit(const LabelName& label, const std::string& domain,
                               const AuditFilter& filter);

  // Publishes the label's profile with another policy.
  Result<LabelProfile> SetPolicy(const LabelName& label, const LabelPolicy& policy);

  // Grants that are or were held for review, as the service gives them (docs/PROTOCOL.md, 3);
  // supervisors and administrators.
  Result<Json> Reviews(const LabelName& label);
  // As a supervisor. `seconds`: how long the decision holds; 0: as long as the policy says.
  Status Decide(const LabelName& label, uint64_t id, ReviewDecision decision, uint32_t seconds);

 private:
  Result<LabelProfile> Draft(const NewLabel& wanted);
  Result<LabelProfile> Complete(const NewLabel& wanted, const Json& jws);
  Result<LabelProfile> MakeKnown(AdministeredLabel opened, const Json& jws);
  Status ListAsOwned(const LabelName& label, const std::string& master_udf);
  Status NameAsGroup(const LabelProfile& label);
  // All items of a kind, from the first of the label's services that answers.
  Result<Json> SelectOf(const LabelName& label, const std::string& type);
  Result<std::vector<ServiceLeft>> AddEntries(const AdministeredLabel& opened,
                                              const Profile& member, MemberRights rights,
                                              EntriesFor wanted = EntriesFor::kGroup);

  Client& client_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_LABEL_ADMIN_H_
