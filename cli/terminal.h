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

// Shows `question` there and takes a line, which is seen while it is typed; at most 255 bytes.
Result<std::string> AskLine(const std::string& question);
// Shows a line there; nothing when there is no terminal.
void TellOnTerminal(const std::string& text);

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
