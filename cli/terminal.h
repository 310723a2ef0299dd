// The terminal, where a person is asked. Not thread safe.
#ifndef RECRYPT_CLI_TERMINAL_H_
#define RECRYPT_CLI_TERMINAL_H_

#include <atomic>
#include <string>

#include "client/trust.h"

namespace recrypt {

// Shows `question` on the controlling terminal, whatever standard input and output are, and takes
// only "yes" for a yes. kDenied when there is no terminal.
Result<bool> AskYesOrNo(const std::string& question);

// Asks whether a fingerprint that is met for the first time is the right one; no terminal is a no.
// Thread safe.
class TerminalTrustPrompt : public TrustPrompt {
 public:
  bool Accept(const TrustQuestion& question) override;
  // From now on nothing is asked, and the answer is no: a mount serves, and its callers must not
  // wait for a person.
  void Silence() { silent_ = true; }

 private:
  std::atomic<bool> silent_{false};
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_TERMINAL_H_
