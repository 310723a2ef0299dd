// Going into the background: the command that a person typed waits until the process that stays
// serves, and takes over its failure if it does not.
//
//   parent:  RECRYPT_ASSIGN(int status, StartInBackground(words));   // runs this program again
//   child:   BackgroundSignal signal(ready_fd);  …;  RECRYPT_TRY(signal.Serving());
//
// The process that stays is a fresh one, not a fork: locked memory is not inherited, and it may
// have threads. It shares the terminal with the parent until it serves, so it is the one that asks
// for the passphrase and prints what went wrong; then it leaves session and terminal. Not thread
// safe.
#ifndef RECRYPT_CLI_BACKGROUND_H_
#define RECRYPT_CLI_BACKGROUND_H_

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace recrypt {

// The option by which the child is told where to report: `--ready-fd N`.
inline constexpr const char* kReadyOption = "--ready-fd";

// Runs this program with `arguments` and the option above. Returns 0 once the child serves, and its
// exit status, never 0, when it ends before; it has printed why.
Result<int> StartInBackground(std::vector<std::string> arguments);

class BackgroundSignal {
 public:
  // Keeps the descriptor from programs that are run on the way.
  explicit BackgroundSignal(int fd);
  // Leaves session and terminal, standard streams to /dev/null, then lets the parent go.
  Status Serving();

 private:
  UniqueFd fd_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_BACKGROUND_H_
