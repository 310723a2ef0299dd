// GrantRequester: asks services for recryption grants and turns their results into a document's
// shared secret.
//
//   auto results = requester.Ask(wanted, GrantUse::kOpen);   // in the order of `wanted`
//
// One request for each service and 256 grants; services are asked at the same time. Of a label over
// several services as many are asked as are needed, and others where one of them fails; a result
// that does not go with the others' is noticed. Member halves are opened once with the device's key
// and kept; those that are sealed to the personal group take another request, to its service, and
// are kept for that grant's lease. Thread safe.
#ifndef RECRYPT_CLIENT_GRANTS_H_
#define RECRYPT_CLIENT_GRANTS_H_

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "client/access.h"
#include "client/introductions.h"
#include "client/partial_results.h"
#include "client/personal_group.h"
#include "client/receipts.h"
#include "core/jcd/header.h"

namespace recrypt {

struct GrantWanted {
  std::shared_ptr<const LabelProfile> label;
  std::string kid;  // of a key of the label
  PublicKey ephemeral;
  const Header* header = nullptr;  // the document's; outlives the call
};

struct Granted {
  Secret secret;                          // fits the header's key wrap
  int64_t lease_end_ms = 0;               // Clock::MonotonicMillis
  std::vector<LabelProfile::Service> by;  // whose results it is made of
};

class GrantRequester {
 public:
  // References outlive this object.
  GrantRequester(Services& services, VerifiedProfiles& profiles, const Clock& clock,
                 std::shared_ptr<const Identity> identity, Receipts& receipts);

  std::vector<Result<Granted>> Ask(const std::vector<GrantWanted>& wanted, GrantUse use);
  void Wipe();
  void SetWarn(Access::Warn warn) { warn_ = std::move(warn); }
  std::vector<AccessFigures::WrongService> Wrong() const;
  PersonalGroup& group() { return group_; }
  const std::shared_ptr<Introductions>& introductions() const { return introductions_; }

 private:
  struct Batch;   // what goes to the services of a label, or of several with the same, at once
  struct Asking;  // a batch on its way
  using Half = std::shared_ptr<const MemberHalf>;

  std::vector<Result<Granted>> AskBatch(const Batch& batch, GrantUse use);
  void AskServices(Asking& asking, GrantUse use);
  Result<Granted> Conclude(Asking& asking, size_t place);
  void TakeAnswer(Asking& asking, size_t service, const Result<GetResponse>& answer,
                  int64_t sent_ms);
  void KeepReceipt(const Batch& batch, size_t service, const GetResponse& answer);
  bool MayBeToGroup(const GrantWanted& wanted) const;
  void PrepareHalves(const Batch& batch, const std::map<std::string, Json>& halves, GrantUse use);
  Result<Half> OpenGivenHalf(const GrantWanted& wanted, const GetResponse& answer);
  Half KeptHalf(const std::string& kid);
  void NoteWrong(const GrantWanted& wanted, PartialResults& results);

  Services& services_;
  const Clock& clock_;
  const std::shared_ptr<const Identity> identity_;
  Receipts& receipts_;
  const std::string device_udf_;
  const std::shared_ptr<Introductions> introductions_;  // of threads that may outlive this, too
  PersonalGroup group_;
  Access::Warn warn_;
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, Half> halves_;
  std::map<std::string, uint64_t> wrong_;  // by domain: how often
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_GRANTS_H_
