// The keystore: the private keys of an account on this device, in keystore.json.
//
//   RECRYPT_ASSIGN(Keystore keys, Keystore::Open(path, *passphrase_source));
//   keys.identity().device_sign.Sign(text);
//
// The file has mode 0600 and is refused when others could read it. It is sealed under a passphrase
// (scrypt, AES-256-GCM), or unsealed when its owner said so. Replaced at once and durably. Reading
// through identity() is thread safe, changing is not.
#ifndef RECRYPT_CLIENT_KEYSTORE_H_
#define RECRYPT_CLIENT_KEYSTORE_H_

#include <memory>
#include <optional>
#include <string>

#include "client/passphrase.h"
#include "core/crypto/symmetric.h"
#include "core/identity/profile.h"

namespace recrypt {

struct Identity {
  AccountName account;
  PublicKey account_key;             // the account's master key; its UDF is the fingerprint
  std::optional<PrivateKey> master;  // on devices that administer the account
  std::string device_name;
  PrivateKey device_sign;     // Ed25519 or P-256
  PrivateKey device_encrypt;  // X25519 or P-256
  Json profile;               // the last one that was signed here, a JWS

  std::string Udf() const;        // the account's fingerprint, of account_key
  std::string DeviceUdf() const;  // of device_sign
  // kDenied where another device administers the account.
  Result<const PrivateKey*> Master() const;
};

class Keystore {
 public:
  // kExists when there is a file already. Without a passphrase it is unsealed.
  static Result<Keystore> Create(std::string path, Identity identity,
                                 const std::optional<Secret>& passphrase, ScryptCost cost = {});
  // Asks `source` only when the keystore is sealed. kNotFound; kDenied for loose permissions,
  // another owner, or a wrong passphrase; kCorrupt when the file is damaged. Nothing is changed.
  static Result<Keystore> Open(std::string path, PassphraseSource& source);
  // Whose it is and whether it is sealed, without opening it. Checks permissions as Open does.
  struct Summary {
    AccountName account;
    bool sealed = true;
  };
  static Result<Summary> Inspect(const std::string& path);

  const Identity& identity() const { return *identity_; }
  std::shared_ptr<const Identity> shared_identity() const { return identity_; }
  bool sealed() const { return lock_ != nullptr; }
  // Keeps a newer profile of the account, signed by its master key.
  Status ReplaceProfile(const Json& jws);
  // Seals under another passphrase, or unseals.
  Status ChangePassphrase(const std::optional<Secret>& passphrase, ScryptCost cost = {});

 private:
  struct Lock;  // the key that the passphrase gave, and how it came about
  Keystore(std::string path, std::shared_ptr<const Identity> identity, std::shared_ptr<Lock> lock);
  static Result<std::shared_ptr<Lock>> MakeLock(const std::optional<Secret>& passphrase,
                                                ScryptCost cost);
  Status Save(const Identity& identity, const Lock* lock) const;

  std::string path_;
  std::shared_ptr<const Identity> identity_;
  std::shared_ptr<Lock> lock_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_KEYSTORE_H_
