#include "fs/fuse_device.h"

#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fs/fuse_loop.h"

namespace recrypt {
namespace {

constexpr uint32_t kAdded = FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV_V2;

// The kernel asks for room for a write and what stands in front of it.
static_assert(FuseBuffers::kSize >= FuseDevice::kMaxWrite + 4096);

thread_local bool request_drops_set_id = false;

// What stands behind the header of a request; zeros where it is shorter, as an older kernel's is.
template <typename T>
T BodyOf(const struct fuse_buf& request) {
  T body = {};
  const size_t at = sizeof(struct fuse_in_header);
  const size_t size = std::min(sizeof body, request.size - at);
  std::memcpy(&body, static_cast<const uint8_t*>(request.mem) + at, size);
  return body;
}

bool DropsSetIdIn(const struct fuse_buf& request, uint32_t opcode) {
  switch (opcode) {
    case FUSE_WRITE:
      return (BodyOf<fuse_write_in>(request).write_flags & FUSE_WRITE_KILL_SUIDGID) != 0;
    case FUSE_SETATTR:
      return (BodyOf<fuse_setattr_in>(request).valid & FATTR_KILL_SUIDGID) != 0;
    case FUSE_OPEN:
      return (BodyOf<fuse_open_in>(request).open_flags & FUSE_OPEN_KILL_SUIDGID) != 0;
    default:
      return false;
  }
}

}  // namespace

void FuseDevice::AskForFeatures(struct fuse_conn_info* conn) {
  conn->max_write = kMaxWrite;
  conn->max_readahead = kMaxWrite;
  // What the kernel reads ahead waits for a grant like any other read: so many such do not keep
  // others from reading.
  conn->max_background = FuseLoop::kMaxHired;
  conn->congestion_threshold = 48;
  conn->want |=
      conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS |
                       FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ASYNC_DIO | FUSE_CAP_SPLICE_WRITE |
                       FUSE_CAP_SPLICE_MOVE | FUSE_CAP_DONT_MASK);
  // Requests are copied into the thread's own buffer, where they are encrypted from. Which pages
  // are good is decided at open, by the document's generation, and not by times, which a commit of
  // our own moves.
  conn->want &= ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ | FUSE_CAP_AUTO_INVAL_DATA |
                                       FUSE_CAP_WRITEBACK_CACHE);
}

Status FuseDevice::Attach(struct fuse_session* session, SendFunction send) {
  const auto splice = [](int in, off_t* in_at, int out, off_t* out_at, size_t size, unsigned flags,
                         void*) { return ::splice(in, in_at, out, out_at, size, flags); };
  const struct fuse_custom_io io = {
      .writev = send,
      .read = [](int fd, void* buffer, size_t size,
                 void*) { return ::read(fd, buffer, std::min(size, FuseBuffers::kSize)); },
      .splice_receive = splice,
      .splice_send = splice,
  };
  const int result = fuse_session_custom_io(session, &io, fuse_session_fd(session));
  if (result != 0) return FailErrno(-result, "taking over the session's device");
  return {};
}

void FuseDevice::Note(const struct fuse_buf& request) {
  struct fuse_in_header header = {};
  if (request.size < sizeof header) return;
  std::memcpy(&header, request.mem, sizeof header);
  request_drops_set_id = DropsSetIdIn(request, header.opcode);
  if (header.opcode != FUSE_INIT) return;
  offered_ = BodyOf<fuse_init_in>(request).flags & kAdded;
  init_ = header.unique;
}

bool FuseDevice::DropsSetId(uid_t uid) const {
  if ((offered_ & FUSE_HANDLE_KILLPRIV_V2) != 0) return request_drops_set_id;
  return uid != 0;
}

ssize_t FuseDevice::Send(int fd, struct iovec* parts, int count) {
  const auto& header = *static_cast<const struct fuse_out_header*>(parts[0].iov_base);
  const bool is_init = init_ != kNone && header.unique == init_ && header.error == 0 && count == 2;
  struct fuse_init_out answer = {};
  if (is_init && parts[1].iov_len <= sizeof answer) {
    std::memcpy(&answer, parts[1].iov_base, parts[1].iov_len);
    answer.flags |= offered_;
    parts[1].iov_base = &answer;
    init_ = kNone;
  }
  return ::writev(fd, parts, count);
}

}  // namespace recrypt
