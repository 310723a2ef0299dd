// ServiceClient: the transactions of the protocol as typed calls to the service of one domain.
// Services: the clients of all domains.
//
//   RECRYPT_ASSIGN(auto service, services.At("example.com"));
//   RECRYPT_ASSIGN(Json jws, service->GetStatic("KeySet", "Accounting#example.com"));
//
// A status other than success comes back as its error (core/protocol ErrorOf). Thread safe.
#ifndef RECRYPT_CLIENT_SERVICE_CLIENT_H_
#define RECRYPT_CLIENT_SERVICE_CLIENT_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/service_order.h"
#include "client/session.h"
#include "client/trust.h"

namespace recrypt {

class ServiceClient {
 public:
  explicit ServiceClient(std::unique_ptr<ServiceSession> session);

  Result<ServiceProfile> Service() { return session_->Service(); }

  // "Profile", "KeySet" or "Service": anybody may ask; "Entry" or "Secrets": under the session.
  Result<Json> GetStatic(const std::string& type, const std::string& identifier);

  struct OwnEntry {
    std::string key;
    uint32_t epoch = 1;
    Json member_half;  // JWE
    Bytes credential;  // empty: may not write
  };
  Result<std::vector<OwnEntry>> GetEntries(const LabelName& label);

  // Results in the order of `grants`, which are at most kMaxGrantsInRequest.
  Result<GetResponse> GetGrants(std::vector<GrantRequest> grants, GrantUse use, bool halves);

  Status SetProfile(const Json& jws);
  Status SetKeySet(KeySetRecord record);
  Status SetUser(UserRecord record);
  Status SetUsers(UsersRecord record);
  Status SetOpens(OpensRecord record);
  Status SetReview(ReviewRecord record);

  // Leaves a note; kExists when one of this id was left before.
  Status SetNote(ByteSpan id, Json content, int64_t expires);
  // kNotFound when there is none yet, kStale when it has expired.
  Result<Json> GetNote(ByteSpan id);

  // When the last lease ends that was given under what is deleted; seconds since 1970.
  Result<int64_t> DeleteUser(const LabelName& label, const AccountName& account,
                             const std::string& device);
  Status DeleteKeySet(const LabelName& label);
  Result<int64_t> DeleteDevice(const AccountName& account, const std::string& device);

  Result<SelectResponse> Select(SelectRequest request);
  // All pages.
  Result<Json> SelectAll(SelectRequest request);

  Status Join(JoinRequest request);
  Status Leave(const LabelName& label);

  void Drop() { session_->Drop(); }

 private:
  template <typename T>
  Status Set(T what);

  std::unique_ptr<ServiceSession> session_;
};

class Services {
 public:
  // All references outlive this object. `identity` may be null: only unauthenticated calls then.
  Services(Transport& transport, const Clock& clock, TrustStore& trust,
           std::shared_ptr<const Identity> identity, int64_t deadline_ms);

  // `udf`: the fingerprint that the service must have, from a label's profile. Empty: the pinned
  // one; for the account's own domain it is pinned at first use, else the session is refused.
  std::shared_ptr<ServiceClient> At(const std::string& domain, const std::string& udf = {});
  // Ends what is still under way with services that nobody waits for any more.
  ~Services();

  // For labels over several services.
  ServiceOrder& order() { return order_; }
  void Drop();  // every session
  void Stop() { transport_.Stop(); }

 private:
  Status CheckService(const ServiceProfile& service, const Json& jws, const std::string& domain,
                      const std::string& udf);

  Transport& transport_;
  const Clock& clock_;
  TrustStore& trust_;
  const std::shared_ptr<const Identity> identity_;
  const int64_t deadline_ms_;
  std::mutex mutex_;  // guards clients_
  std::map<std::pair<std::string, std::string>, std::shared_ptr<ServiceClient>> clients_;
  ServiceOrder order_;  // last: its threads use all else
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_SERVICE_CLIENT_H_
