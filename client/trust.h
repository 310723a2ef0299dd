// What this user trusts: pinned fingerprints, and the newest version seen of every signed object,
// in trust.json.
//
//   RECRYPT_ASSIGN(auto trust, TrustStore::Open(path));
//   RECRYPT_TRY(trust->Pin({TrustSubject::kAccount, "bob@example.net", udf, "explicit", now},
//   how)); RECRYPT_TRY(trust->CheckPin(TrustSubject::kAccount, "bob@example.net", udf_found));
//   RECRYPT_TRY(trust->Remember(TrustSubject::kAccount, "bob@example.net", 4, jws));
//
// Changes of another process are seen; writing is under a lock between processes, and replaces the
// file at once. Thread safe.
#ifndef RECRYPT_CLIENT_TRUST_H_
#define RECRYPT_CLIENT_TRUST_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/json/json.h"
#include "core/label/expression.h"

namespace recrypt {

// kShare: a share's root path; its fingerprint is that of the policy's owner.
enum class TrustSubject { kAccount, kLabel, kService, kShare };

struct TrustPin {
  TrustSubject subject = TrustSubject::kAccount;
  std::string name;
  std::string udf;
  std::string how;    // "explicit", "first use", "own"
  int64_t since = 0;  // seconds since 1970
};

// Asked before something is pinned at first use; a person compares the fingerprint.
struct TrustQuestion {
  TrustSubject subject = TrustSubject::kAccount;
  std::string name;
  std::string udf;
};
class TrustPrompt {
 public:
  virtual ~TrustPrompt() = default;
  virtual bool Accept(const TrustQuestion& question) = 0;
};

enum class PinChange { kRefuse, kReplace };

class TrustStore {
 public:
  static Result<std::unique_ptr<TrustStore>> Open(std::string path);
  virtual ~TrustStore() = default;

  // kDenied, naming both fingerprints, when another one is pinned and `change` is kRefuse. What had
  // been seen under a replaced pin is forgotten.
  virtual Status Pin(const TrustPin& pin, PinChange change) = 0;
  virtual Status Unpin(TrustSubject subject, const std::string& name) = 0;
  virtual Result<std::optional<TrustPin>> FindPin(TrustSubject subject,
                                                  const std::string& name) = 0;
  virtual Result<std::vector<TrustPin>> Pins() = 0;
  // True when `udf` is pinned, false when nothing is; kDenied, naming both, when another one is.
  Result<bool> CheckPin(TrustSubject subject, const std::string& name, const std::string& udf);

  // Records a verified object. kStale when a newer version was seen before, or another object of
  // the same version.
  virtual Status Remember(TrustSubject subject, const std::string& name, uint64_t version,
                          const Json& object) = 0;
  struct Seen {
    uint64_t version = 0;
    Json object;
  };
  virtual Result<std::optional<Seen>> LastSeen(TrustSubject subject, const std::string& name) = 0;

  // The credential that a label gave this device, for when its service is away; empty: none.
  virtual Status KeepCredential(const LabelName& label, ByteSpan credential) = 0;
  virtual Result<Bytes> KeptCredential(const LabelName& label) = 0;
};

// "account", "label", "service", "share".
std::string_view TrustSubjectName(TrustSubject subject);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_TRUST_H_
