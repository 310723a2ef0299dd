// PassingAccess: an Access that passes everything on to another one. What stands between the two
// and looks, or keeps something, derives from it and overrides what it is about.
//
//   class Counting : public PassingAccess {
//    public:
//     using PassingAccess::PassingAccess;
//     Result<OpenedKeys> Open(const Header& header, GrantUse use) override {
//       ++opened;
//       return PassingAccess::Open(header, use);
//     }
//     std::atomic<int> opened = 0;
//   };
//
// Thread safe as the other one is.
#ifndef RECRYPT_CLIENT_PASSING_ACCESS_H_
#define RECRYPT_CLIENT_PASSING_ACCESS_H_

#include <utility>
#include <vector>

#include "client/access.h"

namespace recrypt {

class PassingAccess : public Access {
 public:
  // `access` outlives this object.
  explicit PassingAccess(Access& access) : access_(access) {}

  Result<OpenedKeys> Open(const Header& header, GrantUse use) override {
    return access_.Open(header, use);
  }
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
  void SetWarn(Warn warn) override { access_.SetWarn(std::move(warn)); }
  void Lock() override { access_.Lock(); }
  void Stop() override { access_.Stop(); }

 private:
  Access& access_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_PASSING_ACCESS_H_
