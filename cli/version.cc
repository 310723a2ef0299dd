#include "cli/version.h"

namespace recrypt {

std::string VersionText() {
  return "recryptfs " RECRYPTFS_VERSION "\nbuilt with " RECRYPT_LIBRARY_VERSIONS "\n";
}

}  // namespace recrypt
