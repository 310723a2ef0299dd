// The program's version and those of the libraries that it was built with. Thread safe.
#ifndef RECRYPT_CLI_VERSION_H_
#define RECRYPT_CLI_VERSION_H_

#include <string>

namespace recrypt {

// Two lines: "recryptfs 0.1.0" and "built with OpenSSL 3.0.17, …".
std::string VersionText();

}  // namespace recrypt

#endif  // RECRYPT_CLI_VERSION_H_
