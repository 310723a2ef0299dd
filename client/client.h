// Client: everything a command or the mount needs to act for an account, put together.
//
//   ClientOptions options;
//   options.passphrase = &source;
//   RECRYPT_ASSIGN(auto client, Client::Open(options));
//   std::unique_ptr<Access> access = client->MakeAccess();
//
// Starts no threads before MakeAccess: open it before or after a fork, make the Access after. The
// objects that it gives out by reference live as long as it does. Thread safe.
#ifndef RECRYPT_CLIENT_CLIENT_H_
#define RECRYPT_CLIENT_CLIENT_H_

#include <memory>
#include <optional>
#include <string>

#include "client/access.h"
#include "client/config.h"
#include "client/keystore.h"
#include "client/service_client.h"
#include "client/trust.h"
#include "client/verified_profiles.h"

namespace recrypt {

struct ClientOptions {
  std::optional<std::string> directory;    // instead of $XDG_CONFIG_HOME/recryptfs
  std::optional<int64_t> deadline_ms;      // of services, instead of the configured one
  PassphraseSource* passphrase = nullptr;  // null: the terminal
  TrustPrompt* prompt = nullptr;           // null: nothing is pinned at first use
  // For tests; null: the real ones.
  const Clock* clock = nullptr;
  Transport* transport = nullptr;
};

class Client {
 public:
  // Opens the keystore; kNotFound says to run `recryptfs profile create`.
  static Result<std::unique_ptr<Client>> Open(const ClientOptions& options);
  // Without a keystore: for creating a profile, for pins, for public objects.
  static Result<std::unique_ptr<Client>> OpenWithoutKeys(const ClientOptions& options);
  // For a device that has keys and no keystore yet: only sessions are made with them.
  static Result<std::unique_ptr<Client>> OpenAs(const ClientOptions& options,
                                                std::shared_ptr<const Identity> identity);
  virtual ~Client() = default;

  virtual const ConfigDirectory& directory() const = 0;
  virtual const Config& config() const = 0;
  virtual const Clock& clock() const = 0;
  virtual bool has_keys() const = 0;
  virtual Keystore& keystore() = 0;  // only when has_keys()
  virtual TrustStore& trust() = 0;
  virtual Services& services() = 0;
  virtual VerifiedProfiles& profiles() = 0;
  // With threads of its own (client/grant_access.h). Outlived by the client. Without keys it
  // creates documents, unsigned ones, and opens none.
  virtual std::unique_ptr<Access> MakeAccess() = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_CLIENT_H_
