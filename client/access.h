// Access: how the file system and the commands get at the keys of documents: grants for reading,
// public keys and credentials for writing. All talk with services stays behind it.
//
//   RECRYPT_ASSIGN(OpenedKeys opened, access.Open(header, GrantUse::kOpen));
//   RECRYPT_ASSIGN(auto doc, Document::Open(file, std::move(opened.keys), opened.trust, now));
//
// Errors carry what `recryptfs why` shows: kDenied no entry or revoked, kQuota, kPending,
// kForbidden policy, kUnavailable service gone, kCorrupt header damaged. No call takes longer than
// the configured deadline (10 seconds unless set). Thread safe.
#ifndef RECRYPT_CLIENT_ACCESS_H_
#define RECRYPT_CLIENT_ACCESS_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/rekey.h"
#include "core/protocol/messages.h"

namespace recrypt {

struct OpenedKeys {
  DocumentKeys keys;
  std::string name;          // from the wrapper, may be empty
  TrustedLabels trust;       // of the labels in the header's expression
  int64_t lease_end_ms = 0;  // Clock::MonotonicMillis at which the keys have to be gone
  bool first_use = true;     // nobody has opened the document with this grant before
};

struct NewDocument {
  SealedHeader header;
  DocumentKeys keys;
};

// What an Access holds at present, and what it was asked for so far.
struct AccessFigures {
  struct LabelLease {
    LabelName label;
    int64_t end_ms = 0;  // Clock::MonotonicMillis
  };
  std::vector<LabelLease> leases;  // that have not ended
  // Services whose results did not go with the others' (docs/PROTOCOL.md, 3).
  struct WrongService {
    std::string domain;
    uint64_t times = 0;
  };
  std::vector<WrongService> wrong;
  size_t documents = 0;          // whose keys are held
  uint64_t opened_by_lease = 0;  // without asking a service
  uint64_t granted = 0;          // documents
  uint64_t refused = 0;
};

enum class RenewWhen {
  kLabelsRolled,  // a label of the document has another key than its header is under
  kNow,           // the data key has been used for as long as it may be
};
struct HeaderRenewal {
  bool due = false;
  std::optional<NewHeader> made;  // absent, though due: there is no room for one more data key
};

class Access {
 public:
  virtual ~Access() = default;

  // Keys of a document: from the cache while the lease lasts, else by a grant. Requests for the
  // same document at the same time become one.
  virtual Result<OpenedKeys> Open(const Header& header, GrantUse use) = 0;
  // The same for many, in one request for each service; results in the order of `headers`.
  virtual std::vector<Result<OpenedKeys>> OpenMany(std::span<const Header* const> headers,
                                                   GrantUse use) = 0;
  // Until when (Clock::MonotonicMillis) a creator may keep the keys of what is made under
  // `expression`: as long as the leases last that this client holds; 0 when it holds none (a drop
  // box).
  virtual int64_t CreatorsLease(const LabelExpression& expression) = 0;
  // Remembers the keys of a document made here for so long.
  virtual void KeepCreated(const Header& header, const DocumentKeys& keys) = 0;

  // A header and a first data key for a new document under `expression`. Needs only public keys:
  // kUnavailable when a label's profile is neither cached nor to be had, kDenied when it is not
  // trusted, kStale when it is older than one seen before or expired.
  virtual Result<NewDocument> Create(const LabelExpression& expression, std::string_view name) = 0;
  // For a document that is about to be changed: a header under the current keys of its labels, with
  // a fresh data key, where it is time for one. Fails as Open and Create do.
  virtual Result<HeaderRenewal> RenewHeader(const Header& header, RenewWhen when,
                                            KeepKeys keep) = 0;
  // The credential to sign with, from the first label of the expression that gave one; nullptr
  // where all labels allow unknown authors and there is none; kDenied where one is needed.
  virtual Result<std::shared_ptr<const Author>> AuthorFor(const LabelExpression& expression) = 0;
  // What to trust for documents under `expression`; fails as Create does.
  virtual Result<TrustedLabels> Trust(const LabelExpression& expression) = 0;

  // Wipes every key, grant and session at once (`recryptfs lock`).
  virtual void Lock() = 0;
  virtual AccessFigures Figures() { return {}; }
  // Who is told, in a sentence, what somebody should know though nothing failed. Before the first
  // opening; called from any thread.
  using Warn = std::function<void(const std::string& what)>;
  virtual void SetWarn(Warn warn) { (void)warn; }
  // From now on no service is waited for: all that would have to fails soon, kUnavailable.
  virtual void Stop() {}
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_ACCESS_H_
