// GrantRequester: asks services for recryption grants and turns their results into the candidates
// for a document's shared secret.
//
//   auto results = requester.Ask(wanted, GrantUse::kOpen);   // in the order of `wanted`
//
// One request for each service and 256 grants; services are asked at the same time. Member halves
// are opened once with the device's key and kept. Thread safe.
#ifndef RECRYPT_CLIENT_GRANTS_H_
#define RECRYPT_CLIENT_GRANTS_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/receipts.h"
#include "client/service_client.h"
#include "core/jcd/bound_header.h"

namespace recrypt {

struct GrantWanted {
  std::shared_ptr<const LabelProfile> label;
  std::string kid;  // of a key of the label
  PublicKey ephemeral;
  DocumentId uid{};
  Sha256Digest header{};
  std::optional<BindingProof> binding = {};  // where the header has one
};

struct Granted {
  std::vector<Secret> candidates;
  int64_t lease_end_ms = 0;    // Clock::MonotonicMillis
  bool half_was_kept = false;  // a member half from an earlier answer was used
};

class GrantRequester {
 public:
  // References outlive this object.
  GrantRequester(Services& services, const Clock& clock, std::shared_ptr<const Identity> identity,
                 Receipts& receipts);

  std::vector<Result<Granted>> Ask(const std::vector<GrantWanted>& wanted, GrantUse use);
  // The next answer has to bring this member half again: the label's entry may have been renewed.
  void ForgetHalf(const std::string& kid);
  void Wipe();

 private:
  struct Batch;  // what goes to one service in one request
  void KeepReceipt(const Batch& batch, const GetResponse& answer);
  std::vector<Result<Granted>> AskBatch(const Batch& batch, GrantUse use);
  Result<Granted> TakeGrant(const GrantWanted& wanted, const GrantResult& result,
                            const std::map<std::string, Json>& halves, int64_t sent_ms);
  Result<PrivateKey> OpenAndKeepHalf(const GrantWanted& wanted, const Json& jwe);
  std::shared_ptr<const PrivateKey> KeptHalf(const std::string& kid);

  Services& services_;
  const Clock& clock_;
  const std::shared_ptr<const Identity> identity_;
  Receipts& receipts_;
  const std::string device_udf_;
  std::mutex mutex_;  // guards halves_
  std::map<std::string, std::shared_ptr<const PrivateKey>> halves_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_GRANTS_H_
