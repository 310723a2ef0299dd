// The options of commands after which this device has keys of its own: where the account's service
// is, what keys they are, and how they are kept.
//
//   NewDeviceOptions device_;
//   device_.Declare(options);
//   RECRYPT_ASSIGN(const NewProfile wanted, device_.Wanted(account_));
//   RECRYPT_ASSIGN(const auto source, device_.Passphrase());
//
// Not thread safe.
#ifndef RECRYPT_CLI_NEW_DEVICE_OPTIONS_H_
#define RECRYPT_CLI_NEW_DEVICE_OPTIONS_H_

#include <memory>
#include <string>

#include "cli/open_client.h"
#include "client/profile_admin.h"

namespace recrypt {

class NewDeviceOptions {
 public:
  void Declare(Options& options);
  // The same without what is said by keys that come back.
  void DeclareWithoutKeys(Options& options);

  // kInvalid for what is no account, and for options that do not go together.
  Result<NewProfile> Wanted(const std::string& account) const;
  Result<std::unique_ptr<PassphraseSource>> Passphrase() const { return passphrase_.Source(); }

 private:
  std::string service_, ca_, device_, curve_ = "x25519";
  PassphraseOptions passphrase_;
  bool no_passphrase_ = false;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_NEW_DEVICE_OPTIONS_H_
