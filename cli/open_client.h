// Opening the client for a command, with the options that say where the passphrase comes from.
//
//   PassphraseOptions passphrase_;
//   passphrase_.Declare(options);
//   RECRYPT_ASSIGN(auto opened, OpenWithKeys(passphrase_));
//   opened.client->keystore() ...
//
// Not thread safe.
#ifndef RECRYPT_CLI_OPEN_CLIENT_H_
#define RECRYPT_CLI_OPEN_CLIENT_H_

#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/terminal.h"
#include "client/client.h"

namespace recrypt {

class PassphraseOptions {
 public:
  void Declare(Options& options);
  // kInvalid when more than one was given.
  Result<std::unique_ptr<PassphraseSource>> Source() const;
  bool given() const { return !file_.empty() || !descriptor_.empty() || !command_.empty(); }

 private:
  std::string file_, descriptor_, command_;
};

struct OpenedClient {
  // In the order in which they have to outlive one another.
  std::unique_ptr<PassphraseSource> passphrase;
  std::unique_ptr<TerminalTrustPrompt> prompt;
  std::unique_ptr<Client> client;

  Client* operator->() const { return client.get(); }
  Client& operator*() const { return *client; }
};

Result<OpenedClient> OpenWithKeys(const PassphraseOptions& passphrase);
// For what needs no private key; asks for no passphrase. `deadline_ms`: how long to wait for
// services, instead of the configured time.
Result<OpenedClient> OpenWithoutKeys(std::optional<int64_t> deadline_ms = {});

}  // namespace recrypt

#endif  // RECRYPT_CLI_OPEN_CLIENT_H_
