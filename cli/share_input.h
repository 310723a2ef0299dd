// Where the shares of an escrow come from: files, a descriptor, or the terminal; never an argument.
//
//   ShareInput shares_;
//   shares_.Declare(options);
//   RECRYPT_ASSIGN(auto recovered, shares_.Recover(escrow));
//
// In files, lines that are empty or start with '#' are passed over, so what `escrow create` wrote
// can be given as it is. Not thread safe.
#ifndef RECRYPT_CLI_SHARE_INPUT_H_
#define RECRYPT_CLI_SHARE_INPUT_H_

#include <string>
#include <vector>

#include "cli/command.h"
#include "core/escrow/escrow.h"

namespace recrypt {

// The shares in a text, one on a line. kInvalid names `source`, the line of each that is mistyped,
// and what is wrong with it.
Result<std::vector<EscrowShare>> ParseShares(std::string_view text, const std::string& source);

class ShareInput {
 public:
  void Declare(Options& options);
  // On the terminal whatever is wrong is said at once, and asked for again.
  Result<RecoveredEscrowKey> Recover(const Escrow& escrow) const;

 private:
  Result<std::vector<EscrowShare>> Read() const;

  std::vector<std::string> files_;
  std::string descriptor_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_SHARE_INPUT_H_
