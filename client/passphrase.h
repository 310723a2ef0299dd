// Where a passphrase comes from: the terminal, a file, a descriptor or a command; never an
// argument.
//
//   auto source = ParsePassphraseSource("file:/run/secrets/recryptfs");
//   RECRYPT_ASSIGN(Secret passphrase, (*source)->Get({"Passphrase of alice@example.com"}));
//
// One trailing newline is taken off. Not thread safe.
#ifndef RECRYPT_CLIENT_PASSPHRASE_H_
#define RECRYPT_CLIENT_PASSPHRASE_H_

#include <memory>
#include <string>

#include "core/base/secret.h"

namespace recrypt {

struct PassphraseRequest {
  std::string prompt;
  bool is_new = false;  // ask twice, and refuse an empty one
};

class PassphraseSource {
 public:
  virtual ~PassphraseSource() = default;
  // kDenied when there is no terminal to ask on, or the two answers differ; kInvalid when it is
  // empty though new, or longer than 1,024 bytes.
  virtual Result<Secret> Get(const PassphraseRequest& request) = 0;
};

// Asks on /dev/tty with the echo off.
std::unique_ptr<PassphraseSource> PassphraseFromTerminal();
std::unique_ptr<PassphraseSource> PassphraseFromFile(std::string path);
// Reads the descriptor to its end, once; further calls give the same passphrase.
std::unique_ptr<PassphraseSource> PassphraseFromDescriptor(int fd);
// Runs `command` by /bin/sh; its output is the passphrase, and it has to exit with 0.
std::unique_ptr<PassphraseSource> PassphraseFromCommand(std::string command);

// "prompt", "file:PATH", "fd:NUMBER" or "command:COMMAND".
Result<std::unique_ptr<PassphraseSource>> ParsePassphraseSource(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_PASSPHRASE_H_
