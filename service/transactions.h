// The transactions of the protocol, one function each (docs/PROTOCOL.md, 2 and 3). They check what
// a caller may do, and do it; who the caller is has been established by the dispatcher.
//
//   HandleSet(context, caller, request, [](Response response) { … });
//
// The reply is given once, on the calling thread or on the one that commits. Thread safe.
#ifndef RECRYPT_SERVICE_TRANSACTIONS_H_
#define RECRYPT_SERVICE_TRANSACTIONS_H_

#include <functional>
#include <optional>
#include <string>

#include "core/protocol/messages.h"
#include "service/audit.h"
#include "service/committer.h"
#include "service/metrics.h"
#include "service/opened_entries.h"
#include "service/service_keys.h"
#include "service/sessions.h"

namespace recrypt {

// Who may create an account here: everybody, or nobody.
enum class Registration { kOpen, kClosed };

struct ServiceOptions {
  std::string domain;
  Registration registration = Registration::kOpen;
  int64_t most_guests = 0;  // accounts of other domains
  Committer::Writer writer = Committer::Writer::kOwnThread;
  // A redirect: what all requests are answered with.
  std::optional<ResponseStatus> moved = std::nullopt;
};

// What transactions work with. All of it outlives them.
struct ServiceContext {
  const ServiceOptions& options;
  const ServiceKeys& keys;
  const Clock& clock;
  Store& store;
  Committer& committer;
  Sessions& sessions;
  OpenedEntries& opened;
  Metrics& metrics;
};

// The device that a request's session belongs to.
struct Caller {
  std::string device;   // UDF
  std::string address;  // that the request came from
};

using Reply = std::function<void(Response)>;

void HandleHello(ServiceContext& context, const HelloRequest& request, const Reply& reply);
// `caller` may be null: then only what anyone may have is asked for (NeedsSession).
void HandleGet(ServiceContext& context, const Caller* caller, GetRequest request, Reply reply);
void HandleSet(ServiceContext& context, const Caller& caller, const SetRequest& request,
               Reply reply);
void HandleDelete(ServiceContext& context, const Caller& caller, const DeleteRequest& request,
                  Reply reply);
void HandleSelect(ServiceContext& context, const Caller& caller, const SelectRequest& request,
                  const Reply& reply);
void HandleJoin(ServiceContext& context, const Caller& caller, const JoinRequest& request,
                Reply reply);
void HandleLeave(ServiceContext& context, const Caller& caller, const LeaveRequest& request,
                 Reply reply);

bool NeedsSession(const Request& request);

// --- What the transactions share. ---

// A refusal as an answer: StatusCode 401 with its reason.
ResponseStatus Refusal(std::string_view reason, std::string description);

// The status of an error; the service's own failures are logged, since the caller is not told.
ResponseStatus StatusFor(const Error& error);

// Runs `body` on the committer and replies with what it returns. Its error undoes what it wrote,
// and becomes a status; a refusal that it returns as a response is committed with its records.
using TransactionBody = std::function<Result<Response>(StoreTransaction&)>;
void CommitAndReply(ServiceContext& context, TransactionBody body, Reply reply);

// kOk when the device administers the label; else the refusal, which has been recorded.
Result<ResponseStatus> CheckAdministrator(StoreTransaction& transaction, const Caller& caller,
                                          const std::string& label, int64_t now);

// The label's encryption key of that kid, with its epoch.
std::optional<LabelProfile::EpochKey> FindLabelKey(const LabelProfile& label,
                                                   const std::string& kid);

// One record more. For what happens once in a transaction.
Status AppendOne(StoreTransaction& transaction, const AuditRecord& record);

// Revokes every entry that the account has for the device, for good, and ends the device's
// sessions. Never the entries of another account that lists the same device: anybody can list
// anybody's key.
Result<Revoked> RevokeDevice(ServiceContext& context, StoreTransaction& transaction,
                             const std::string& account, const std::string& device);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_TRANSACTIONS_H_
