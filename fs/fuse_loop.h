// FuseLoop: the threads that take requests from the kernel, one at a time, and serve them at once.
//
//   FuseLoop loop(session, 16);
//   const int result = loop.Run();     // until the session has ended; 0, or -errno
//
// The kernel wakes a thread for each request if one waits for it, which costs more than serving
// most requests. So one thread at a time stands at the door: it takes a request, leaves the door
// and serves, and comes back to it; the others rest. A request may take its time (a disk, the
// network, a lock): an usher looks every so often whether the door has been left alone for long,
// and then sends a thread that rests. Who takes a request and sees another behind it sends one too.
//
// When all threads serve and still a request waits, they may all be waiting for something that does
// not answer (a recryption service, another mount's lock, a file server), and the request may be
// one that needs none of that: then the usher hires another thread, which leaves when it would rest
// beside others.
//
// A thread that has to sleep at the door between the requests of one program, each time for a
// moment, runs on another processor than the program: both pay for waking each other. Then the next
// thread gets its turn, until one shares the program's processor, which then has its next request
// ready before that thread is back at the door.
#ifndef RECRYPT_FS_FUSE_LOOP_H_
#define RECRYPT_FS_FUSE_LOOP_H_

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "fs/fuse_device.h"

struct fuse_session;

namespace recrypt {

class FuseLoop {
 public:
  // So many more may be hired. Each that waits costs a stack, of which it has used some kilobytes,
  // and the buffer of its request where that is a large one.
  static constexpr size_t kMaxHired = 240;

  // `session` is mounted; both outlive the loop.
  FuseLoop(struct fuse_session* session, FuseDevice& device, unsigned threads);

  // Serves, with this thread and others, until the session has ended: the mount is gone, or Stop
  // was called.
  int Run();
  // Returns when no thread serves any more; for any thread but those.
  void Stop();

 private:
  enum class Engaged { kForGood, kWhileNeeded };
  struct Request;
  void Serve(Engaged engaged);
  int TakeRequest(Request& request);
  int Receive(Request& request);
  void NoteTurn(int64_t served_ns, int64_t waited_ns);
  void LeaveDoor();
  bool Rest(Engaged engaged);
  void SendOne();
  void Usher();
  void HireIfWaitedFor();
  void LetGoWhoLeft();
  void End();

  struct fuse_session* const session_;
  FuseDevice& device_;
  const unsigned threads_;
  const int fd_;  // of the session

  std::atomic<bool> ended_{false};
  std::atomic<int> result_{0};
  std::atomic<bool> door_taken_{false};
  std::atomic<pthread_t> at_door_{};  // or was the last there
  std::atomic<int64_t> door_left_ns_{0};
  std::atomic<unsigned> resting_{0};
  std::atomic<bool> usher_rests_{false};
  // Of who stands at the door: where the next request comes to, and requests in a row that were
  // waited for, but not for long.
  FuseBuffers::Buffer next_{nullptr, {}};
  int turns_ = 0;

  std::mutex mutex_;              // guards what follows; innermost
  std::condition_variable sent_;  // for a thread that rests
  std::condition_variable left_;  // for the usher, and for Stop
  std::set<pthread_t> serving_;
  unsigned to_send_ = 0;
  std::vector<pthread_t> have_left_;  // of those hired

  std::map<pthread_t, std::thread> hired_;  // the usher's own; and Run's, when that has ended
};

}  // namespace recrypt

#endif  // RECRYPT_FS_FUSE_LOOP_H_
