// Authors: with which credential this device signs documents of a label.
//
//   RECRYPT_ASSIGN(auto author, authors.For(*label_profile));   // nullptr: the label gave none
//
// Credentials are asked for again every ten minutes; when the service is away, the last one serves
// until it expires, in a new process too, and when the answer takes long. One of an earlier epoch
// than the label's key is not used: another is asked for at once. One for the personal group is
// signed with by the group's key. Thread safe.
#ifndef RECRYPT_CLIENT_AUTHORS_H_
#define RECRYPT_CLIENT_AUTHORS_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "client/introductions.h"
#include "client/personal_group.h"
#include "client/refresher.h"
#include "client/service_client.h"
#include "client/trust.h"
#include "core/jcd/authorship.h"

namespace recrypt {

class Authors {
 public:
  // References outlive this object.
  Authors(Services& services, TrustStore& trust, const Clock& clock,
          std::shared_ptr<const Identity> identity, PersonalGroup& group,
          std::shared_ptr<Introductions> introductions);

  // nullptr when the label gave this device no credential; kUnavailable when that is not known.
  Result<std::shared_ptr<const Author>> For(const LabelProfile& label);
  void Forget();

 private:
  struct Known {
    std::shared_ptr<const Author> author;  // nullptr: none
    int64_t expires = 0;                   // of the credential, seconds since 1970
    uint32_t epoch = 0;                    // of the credential, or that it was asked for
    int64_t ask_again_ms = 0;
  };
  std::optional<Known> Find(const LabelProfile& label);
  Result<std::shared_ptr<const Author>> AskAndKeep(const LabelProfile& label);
  Result<Known> Ask(const LabelProfile& label);
  struct Asked {
    std::string domain;
    std::shared_ptr<ServiceClient> service;
    std::shared_ptr<Introductions> introductions;
    const Clock* clock;
  };
  static Result<std::vector<ServiceClient::OwnEntry>> EntriesAt(const Asked& asked,
                                                                const LabelName& label);
  Result<Known> BestOf(const LabelProfile& label,
                       const std::vector<ServiceClient::OwnEntry>& entries);
  Result<Known> LastKnown(const LabelProfile& label, const Error& failure);
  Result<Credential> CheckCredential(const LabelProfile& label, ByteSpan credential) const;
  Result<std::shared_ptr<const Author>> AuthorBy(const Credential& fields, Bytes credential);

  Services& services_;
  TrustStore& trust_;
  const Clock& clock_;
  const std::shared_ptr<const Identity> identity_;
  PersonalGroup& group_;
  const std::shared_ptr<Introductions> introductions_;  // of threads that may outlive this too
  std::mutex mutex_;                                    // guards known_
  std::map<LabelName, Known> known_;
  Refresher refresher_;  // last: its thread uses all else
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_AUTHORS_H_
