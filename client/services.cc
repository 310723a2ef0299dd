#include "client/service_client.h"

namespace recrypt {

Services::Services(Transport& transport, const Clock& clock, TrustStore& trust,
                   std::shared_ptr<const Identity> identity, int64_t deadline_ms)
    : transport_(transport),
      clock_(clock),
      trust_(trust),
      identity_(std::move(identity)),
      deadline_ms_(deadline_ms),
      order_(clock) {}

Services::~Services() {
  if (order_.IsBusy()) transport_.Stop();
}

std::shared_ptr<ServiceClient> Services::At(const std::string& domain, const std::string& udf) {
  const std::lock_guard guard(mutex_);
  std::shared_ptr<ServiceClient>& client = clients_[{domain, udf}];
  if (!client) {
    auto check = [this, domain, udf](const ServiceProfile& service, const Json& jws) {
      return CheckService(service, jws, domain, udf);
    };
    client = std::make_shared<ServiceClient>(std::make_unique<ServiceSession>(
        domain, transport_, clock_, identity_, deadline_ms_, std::move(check)));
  }
  return client;
}

void Services::Drop() {
  const std::lock_guard guard(mutex_);
  for (auto& [key, client] : clients_) client->Drop();
}

Status Services::CheckService(const ServiceProfile& service, const Json& jws,
                              const std::string& domain, const std::string& udf) {
  const std::string found = service.Udf();
  if (!udf.empty() && found != udf) {
    return Fail(ErrorCode::kDenied, "the recryption service of " + domain +
                                        " has the fingerprint " + found + ", but the label names " +
                                        udf);
  }
  RECRYPT_ASSIGN(const bool pinned, trust_.CheckPin(TrustSubject::kService, domain, found));
  const std::string seen_as = domain + " " + found;
  RECRYPT_ASSIGN(const auto seen, trust_.LastSeen(TrustSubject::kService, seen_as));
  // What was seen before had been named by a label that was trusted: a lost device is taken out at
  // all services, without a label at hand.
  if (!pinned && udf.empty() && !seen) {
    // At first use over verified TLS, for the account's own domain alone.
    if (!identity_ || identity_->account.domain() != domain) {
      return Fail(ErrorCode::kDenied, "the recryption service of " + domain +
                                          " is neither pinned nor named by a trusted label; its "
                                          "fingerprint is " +
                                          found + ": open a document of one of its labels first");
    }
    RECRYPT_TRY(
        trust_.Pin({TrustSubject::kService, domain, found, "first use", clock_.NowSeconds()},
                   PinChange::kRefuse));
  }
  // By key: a service that got a new one starts to count again.
  return trust_.Remember(TrustSubject::kService, seen_as, service.version.version, jws);
}

}  // namespace recrypt
