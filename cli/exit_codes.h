// Exit codes: what a script learns from a command that failed, and what a person does about it. The
// one table of them; the manual's (recryptfs(1), EXIT STATUS) is checked against it.
//
//   return static_cast<int>(ExitCodeOf(error));
//   AdviceOn(error)   // "wait until the other one is done, and run the command again"
//
// Thread safe.
#ifndef RECRYPT_CLI_EXIT_CODES_H_
#define RECRYPT_CLI_EXIT_CODES_H_

#include <span>
#include <string_view>

#include "core/base/result.h"

namespace recrypt {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kDenied = 4,
  kUnavailable = 5,
  kCorrupt = 6,
  kExists = 7,
  kBusy = 8,
  kQuota = 9,
  kPending = 10,
  kStale = 11,
  kForbidden = 12,
  kRepaired = 13,
};

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
  std::string_view advice;  // what to do; may be empty
};
// In rising order, every code once.
std::span<const ExitCodeMeaning> ExitCodes();

ExitCode ExitCodeOf(const Error& error);
std::string_view AdviceOn(const Error& error);

}  // namespace recrypt

#endif  // RECRYPT_CLI_EXIT_CODES_H_
