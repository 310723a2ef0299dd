// BroughtGrants: an Access for documents whose grants were asked for together, in one request.
//
//   BroughtGrants grants(access);
//   grants.Bring(headers);
//   grants.Open(header, GrantUse::kOpen);   // no request; a document that was not brought:
//   access's
//
// Each is handed out once. Thread safe.
#ifndef RECRYPT_CLIENT_BROUGHT_GRANTS_H_
#define RECRYPT_CLIENT_BROUGHT_GRANTS_H_

#include <map>
#include <mutex>

#include "client/passing_access.h"

namespace recrypt {

class BroughtGrants : public PassingAccess {
 public:
  // So many are best brought at once: as many as a request may ask for.
  static constexpr size_t kMost = 256;

  using PassingAccess::PassingAccess;
  // Forgets those brought before. Refusals are brought too.
  void Bring(std::span<const Header* const> headers);

  Result<OpenedKeys> Open(const Header& header, GrantUse use) override;
  void Lock() override;

 private:
  std::mutex mutex_;  // guards brought_; innermost
  std::map<Sha256Digest, Result<OpenedKeys>> brought_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_BROUGHT_GRANTS_H_
