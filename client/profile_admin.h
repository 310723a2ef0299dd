// What a user does with profiles: create, show, export, trust, publish.
//
//   NewProfile wanted{account};
//   wanted.service = ServiceAddress{"127.0.0.1:8443", "/etc/ca.pem"};
//   RECRYPT_ASSIGN(Profile profile, CreateProfile(options, wanted));
//
// Not thread safe.
#ifndef RECRYPT_CLIENT_PROFILE_ADMIN_H_
#define RECRYPT_CLIENT_PROFILE_ADMIN_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"

namespace recrypt {

enum class Sealing { kPassphrase, kNone };

struct NewProfile {
  AccountName account;
  std::optional<ServiceAddress> service;   // written to recryptfs.conf
  std::string device_name;                 // empty: the host's name
  Sealing sealing = Sealing::kPassphrase;  // kPassphrase asks options.passphrase for a new one
  Curve curve = Curve::kX25519;            // kP256: all keys on P-256
};

// The keys of a new device. Nobody's: what stands for the account's key is its own.
Identity MakeDeviceIdentity(const NewProfile& wanted);

// Where the keystore goes, which is not there yet (kExists), and under which passphrase; the
// service's address is in recryptfs.conf afterwards.
struct NewKeystore {
  std::string path;
  std::optional<Secret> passphrase;
};
Result<NewKeystore> PrepareKeystore(const ClientOptions& options, const NewProfile& wanted);

// Makes keys, keystore and profile, pins the service of the account's domain, and publishes the
// profile. kExists when there is a keystore. When the service is away, keystore and profile stay
// and PublishProfile is to be called later; when it refuses, nothing stays.
Result<Profile> CreateProfile(const ClientOptions& options, const NewProfile& wanted);

// The own profile, as kept.
Result<Profile> OwnProfile(Client& client);
// Publishes the own profile as kept; harmless when the service has it already.
Status PublishProfile(Client& client);
// Signs and publishes the next version of the own profile, as changed. kDenied where another device
// administers the account.
Result<Profile> UpdateProfile(Client& client, const std::function<Status(Profile&)>& change);
Result<Profile> UpdateOwnedLabels(Client& client, std::vector<Profile::OwnedLabel> labels);

// Pins an account's fingerprint. With kRefuse, kDenied naming both when another one is pinned.
Status TrustAccount(Client& client, const AccountName& account, std::string_view udf,
                    PinChange change);
Status TrustLabel(Client& client, const LabelName& label, std::string_view udf, PinChange change);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_PROFILE_ADMIN_H_
