// FuseDevice: what a session asks of the kernel, also where libfuse 3.14 does not pass it on.
//
//   FuseDevice device;
//   FuseDevice::AskForFeatures(conn);         // in the function that answers INIT
//   RECRYPT_TRY(FuseDevice::Attach(session, send));   // once mounted, before anything is served
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
#include "fs/fuse_buffers.h"

struct fuse_buf;
struct fuse_conn_info;
struct fuse_session;

namespace recrypt {

class FuseDevice {
 public:
  static constexpr unsigned kMaxWrite = 1u << 20;
  static void AskForFeatures(struct fuse_conn_info* conn);
  // `send` passes what goes to the kernel to Send of the device of the session, whose user data it
  // gets.
  using SendFunction = ssize_t (*)(int fd, struct iovec* parts, int count, void* user_data);
  static Status Attach(struct fuse_session* session, SendFunction send);

  void Note(const struct fuse_buf& request);
  // Whether the request that this thread serves takes set-user-ID away, for a caller `uid`. Where
  // the kernel does not tell, it does that itself, but for open(2) with O_TRUNC.
  bool DropsSetId(uid_t uid) const;

  // As writev(2).
  ssize_t Send(int fd, struct iovec* parts, int count);

  // For requests, which are never longer, and for answers.
  FuseBuffers& buffers() { return buffers_; }

 private:
  static constexpr uint64_t kNone = 0;
  FuseBuffers buffers_;
  std::atomic<uint32_t> offered_{0};   // by the kernel, of the features that are added
  std::atomic<uint64_t> init_{kNone};  // the request that is not answered yet
};

}  // namespace recrypt

#endif  // RECRYPT_FS_FUSE_DEVICE_H_
