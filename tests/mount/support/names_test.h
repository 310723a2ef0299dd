// What the tests of names share.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_NAMES_TEST_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_NAMES_TEST_H_

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "core/jcd/stored_name.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {

using Strings = std::vector<std::string>;

inline std::string Long(char c, size_t size = 255) { return std::string(size, c); }

// What becomes of one system call: 0, or its errno.
inline int ErrnoOfCall(int result) { return result == 0 ? 0 : errno; }
inline int Renamed(const std::string& from, const std::string& to, unsigned flags = 0) {
  return ErrnoOfCall(renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
}

class Names : public MountTest {
 protected:
  std::string Hashed(const std::string& name) const {
    return share_ + "/" + StoredDocumentName(name);
  }
  std::string Sidecar(const std::string& name) const {
    return share_ + "/" + SidecarName(StoredDocumentName(name));
  }
  Strings Listed(const std::string& below = "") const { return List(mountpoint_ + below); }
  bool OnShare(const std::string& path) const {
    struct stat st;
    return lstat(path.c_str(), &st) == 0;
  }
  size_t Sidecars() const {
    const Strings stored = List(share_);
    return static_cast<size_t>(std::count_if(stored.begin(), stored.end(), IsSidecarName));
  }
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_NAMES_TEST_H_
