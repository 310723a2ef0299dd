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

#include "client/access.h"

namespace recrypt {

class BroughtGrants : public Access {
 public:
  // So many are best brought at once: as many as a request may ask for.
  static constexpr size_t kMost = 256;

  // `access` outlives the object.
  explicit BroughtGrants(Access& access) : access_(access) {}
  // Forgets those brought before. Refusals are brought too.
  void Bring(std::span<const Header* const> headers);

  Result<OpenedKeys> Open(const Header& header, GrantUse use) override;
  std::vector<Result<OpenedKeys>> OpenMany(std::span<const Header* const> headers,
                                           GrantUse use) override {
    return access_.OpenMany(headers, use);
  }
  int64_t CreatorsLease(const LabelExpression& expression) override {
    return access_.CreatorsLease(expression);
  }
  void KeepCreated(const Header& header, const DocumentKeys& keys) override {
    access_.KeepCreated(header, keys);
  }
  Result<NewDocument> Create(const LabelExpression& expression, std::string_view name) override {
    return access_.Create(expression, name);
  }
  Result<HeaderRenewal> RenewHeader(const Header& header, RenewWhen when, KeepKeys keep) override {
    return access_.RenewHeader(header, when, keep);
  }
  Result<std::shared_ptr<const Author>> AuthorFor(const LabelExpression& expression) override {
    return access_.AuthorFor(expression);
  }
  Result<TrustedLabels> Trust(const LabelExpression& expression) override {
    return access_.Trust(expression);
  }
  AccessFigures Figures() override { return access_.Figures(); }
  void Lock() override;
  void Stop() override { access_.Stop(); }

 private:
  Access& access_;
  std::mutex mutex_;  // guards brought_; innermost
  std::map<Sha256Digest, Result<OpenedKeys>> brought_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_BROUGHT_GRANTS_H_
