// PinnedDirectories: paths that stay where they are while work goes on, whatever others make of the
// directories on the way: nobody who can write to a share leads a command out of it by a symbolic
// link.
//
//   PinnedDirectories pinned;
//   RECRYPT_ASSIGN(const std::string path, pinned.Pin("/srv/share/a/report"));  //
//   "/proc/self/fd/…"
//
// What Pin returns is good as long as the object lives. Not thread safe.
#ifndef RECRYPT_CLIENT_PINNED_DIRECTORIES_H_
#define RECRYPT_CLIENT_PINNED_DIRECTORIES_H_

#include <map>
#include <string>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace recrypt {

class PinnedDirectories {
 public:
  // `path` is absolute and without symbolic links up to its last component, which may be one. ELOOP
  // in os_error when that is no longer so.
  Result<std::string> Pin(const std::string& path);

 private:
  std::map<std::string, UniqueFd> directories_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_PINNED_DIRECTORIES_H_
