// FuseDevice: what the kernel offers and libfuse 3.14 leaves out.
//
//   FuseDevice device;
//   RECRYPT_TRY(device.Attach(session));      // once it is mounted, before anything is served
//   device.Note(request);                     // each request, by the thread that serves it next
//   if (device.DropsSetId(uid)) ...           // while it is served
//
// Two features are added to the answer to INIT, where the kernel offers them: names of one
// directory are looked up in parallel, and a change of content tells whether it is to take
// set-user-ID and set-group-ID away (FUSE_HANDLE_KILLPRIV_V2), so that the kernel need not ask for
// `security.capability` before each write.
#ifndef RECRYPT_FS_FUSE_DEVICE_H_
#define RECRYPT_FS_FUSE_DEVICE_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <atomic>
#include <cstdint>

#include "core/base/result.h"

struct fuse_buf;
struct fuse_session;

namespace recrypt {

class FuseDevice {
 public:
  // The session's user data has to be its FuseSession.
  static Status Attach(struct fuse_session* session);

  void Note(const struct fuse_buf& request);
  // Whether the request that this thread serves takes set-user-ID away, for a caller `uid`. Where
  // the kernel does not tell, it does that itself, but for open(2) with O_TRUNC.
  bool DropsSetId(uid_t uid) const;

  // From session's device, and to it; as read(2) and writev(2).
  ssize_t Send(int fd, struct iovec* parts, int count);

 private:
  static constexpr uint64_t kNone = 0;
  std::atomic<uint32_t> offered_{0};   // by the kernel, of the features that are added
  std::atomic<uint64_t> init_{kNone};  // the request that is not answered yet
};

}  // namespace recrypt

#endif  // RECRYPT_FS_FUSE_DEVICE_H_
