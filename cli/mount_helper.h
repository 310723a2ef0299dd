// mount.recryptfs: what mount(8) runs for `mount -t recryptfs SHARE MOUNTPOINT` and for lines of
// fstab(5). It makes a `recryptfs mount` of them, by the user whose keys are wanted.
//
//   mount.recryptfs /srv/share /home/alice/office -o
//   rw,nofail,keys_of=alice,label=Office#example.com becomes, as alice,   recryptfs mount
//   --label=Office#example.com -o rw -- /srv/share …
//
// Not thread safe.
#ifndef RECRYPT_CLI_MOUNT_HELPER_H_
#define RECRYPT_CLI_MOUNT_HELPER_H_

#include <ostream>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

struct MountRequest {
  std::string keys_of;                 // the user; empty: whoever runs it
  std::vector<std::string> arguments;  // of recryptfs
  bool fake = false;                   // nothing is mounted
};

// kInvalid, with the word that is not understood.
Result<MountRequest> ParseMountRequest(const std::vector<std::string>& arguments);

// Does not return when all is well: this process becomes the `recryptfs mount`. Returns the exit
// status otherwise, also after a fake mount; what went wrong is printed to `err`.
int RunMountHelper(const std::vector<std::string>& arguments, std::ostream& err);

}  // namespace recrypt

#endif  // RECRYPT_CLI_MOUNT_HELPER_H_
