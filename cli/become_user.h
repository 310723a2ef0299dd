// Becoming another user, for good, and running this program again as that user.
//
//   RECRYPT_TRY(BecomeUser("alice"));
//   return RunAgain({"mount", "/srv/share", "/home/alice/office"});
//
// For a process with one thread.
#ifndef RECRYPT_CLI_BECOME_USER_H_
#define RECRYPT_CLI_BECOME_USER_H_

#include <string>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

// Takes over the user's ids and groups, and an environment like that of a new session: nothing of
// root's is left but language and terminal. Nothing changes for who is that user already. kNotFound
// when there is no such user, kDenied for who is neither that user nor root.
Status BecomeUser(const std::string& name);

// Returns only when it fails. The new process is fresh: with a memory of its own, and as its user's
// in the eyes of the kernel, which it would not be after a mere change of ids.
Status RunAgain(std::vector<std::string> arguments);

}  // namespace recrypt

#endif  // RECRYPT_CLI_BECOME_USER_H_
