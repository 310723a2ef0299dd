#include "fs/fuse_loop.h"

#include <fuse3/fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <system_error>

namespace recrypt {
namespace {

// How often the usher looks, and for how long the door may be left alone.
constexpr auto kRound = std::chrono::milliseconds(1);
constexpr int64_t kLeftAloneNs = 1'000'000;
// After so long alone with all threads busy, it may be that they wait for something that is gone.
constexpr int64_t kMayHangNs = 10'000'000;
// The usher rests after so many rounds in which nobody has left the door.
constexpr int kQuietRounds = 20;
// A request that was there already is read in less.
constexpr int64_t kReadyNs = 8'000;
// Requests that were served so soon, each followed so soon by the next, show a program and a thread
// that take turns; after so many another thread gets its chance. (What takes longer waits for a
// disk, and is not worth it.)
constexpr int64_t kServedSoonNs = 50'000;
constexpr int64_t kFollowedSoonNs = 100'000;
constexpr int kTurns = 4;

// Wakes a thread out of the session's device.
constexpr int kWakeSignal = SIGUSR1;

int64_t NowNs() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

const struct fuse_in_header& HeaderOf(const struct fuse_buf& request) {
  return *static_cast<const struct fuse_in_header*>(request.mem);
}

// Moves so much that another thread comes in time to serve what comes meanwhile: the kernel reads
// ahead, and writes in parallel.
bool IsLong(const struct fuse_buf& request) {
  constexpr uint32_t kMuch = 65536;
  const struct fuse_in_header& header = HeaderOf(request);
  if (header.opcode == FUSE_WRITE) return header.len > kMuch;
  struct fuse_read_in read = {};
  if (header.opcode != FUSE_READ || header.len < sizeof header + sizeof read) return false;
  std::memcpy(&read, &header + 1, sizeof read);
  return read.size >= kMuch;
}

// Whose answer nobody waits for, and which is served sooner than a thread comes that would serve
// what stands behind it.
bool IsQuick(const struct fuse_buf& request) {
  switch (HeaderOf(request).opcode) {
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
      return true;
    default:
      return false;
  }
}

}  // namespace

// One that was taken from the kernel: a small one in memory of the thread's own, so that the buffer
// which it came to serves the next one.
struct FuseLoop::Request : fuse_buf {
  static constexpr size_t kSmall = 8192;

  Request() : fuse_buf{} {}
  alignas(std::max_align_t) std::array<uint8_t, kSmall> own;  // undefined
  FuseBuffers::Buffer large{nullptr, {}};
};

FuseLoop::FuseLoop(struct fuse_session* session, FuseDevice& device, unsigned threads)
    : session_(session), device_(device), threads_(threads), fd_(fuse_session_fd(session)) {}

int FuseLoop::Run() {
  struct sigaction wake = {}, before = {};
  wake.sa_handler = [](int) {};  // a thread's read(2) returns
  sigaction(kWakeSignal, &wake, &before);
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < threads_; ++i) {
    threads.emplace_back([this] { Serve(Engaged::kForGood); });
  }
  threads.emplace_back([this] { Usher(); });
  Serve(Engaged::kForGood);
  for (std::thread& thread : threads) thread.join();
  for (auto& [id, thread] : hired_) thread.join();
  sigaction(kWakeSignal, &before, nullptr);
  return result_;
}

void FuseLoop::Stop() {
  fuse_session_exit(session_);
  End();
  std::unique_lock lock(mutex_);
  while (!serving_.empty()) {
    // It may be just about to wait: until it has noticed.
    if (serving_.contains(at_door_)) pthread_kill(at_door_, kWakeSignal);
    left_.wait_for(lock, std::chrono::milliseconds(10));
  }
}

void FuseLoop::End() {
  ended_ = true;
  std::lock_guard lock(mutex_);
  sent_.notify_all();
  left_.notify_all();
}

void FuseLoop::Serve(Engaged engaged) {
  {
    std::lock_guard lock(mutex_);
    serving_.insert(pthread_self());
  }
  Request request;
  while (!ended_) {
    if (door_taken_.exchange(true)) {
      if (Rest(engaged)) continue;
      break;
    }
    at_door_ = pthread_self();
    const int got = TakeRequest(request);
    LeaveDoor();
    if (got > 0) {
      device_.Note(request);
      fuse_session_process_buf(session_, &request);
      request.large.reset();
    } else if (got != -EINTR && got != -EAGAIN) {
      if (got < 0) result_ = got;
      End();
    }
  }
  std::lock_guard lock(mutex_);
  serving_.erase(pthread_self());
  if (engaged == Engaged::kWhileNeeded) have_left_.push_back(pthread_self());
}

// Waits at the door for a request; its size, 0 when the session has ended, or -errno.
int FuseLoop::TakeRequest(Request& request) {
  const int64_t since = NowNs();
  const int got = Receive(request);
  if (got <= 0) return got;
  const int64_t waited = NowNs() - since;
  if (waited >= kReadyNs) NoteTurn(since - door_left_ns_, waited);
  struct pollfd behind = {fd_, POLLIN, 0};
  if (resting_ != 0 && (IsLong(request) || (!IsQuick(request) && poll(&behind, 1, 0) > 0))) {
    SendOne();
  }
  return got;
}

int FuseLoop::Receive(Request& request) {
  if (next_ == nullptr) next_ = device_.buffers().Take();
  request.mem = next_.get();
  const int got = fuse_session_receive_buf(session_, &request);
  if (got <= 0) return got;
  if (request.size > request.own.size()) {
    request.large = std::move(next_);
  } else {
    std::memcpy(request.own.data(), request.mem, request.size);
    request.mem = request.own.data();
  }
  return got;
}

void FuseLoop::NoteTurn(int64_t served_ns, int64_t waited_ns) {
  if (waited_ns >= kFollowedSoonNs) {
    turns_ = 0;
  } else if (served_ns < kServedSoonNs && ++turns_ >= kTurns) {
    turns_ = 0;
    SendOne();
  }
}

void FuseLoop::LeaveDoor() {
  door_left_ns_ = NowNs();
  door_taken_ = false;
  if (!usher_rests_) return;
  std::lock_guard lock(mutex_);
  usher_rests_ = false;
  left_.notify_one();
}

// False when this thread is needed no more.
bool FuseLoop::Rest(Engaged engaged) {
  std::unique_lock lock(mutex_);
  if (engaged == Engaged::kWhileNeeded && resting_ != 0) return false;
  ++resting_;
  sent_.wait(lock, [this] { return ended_ || to_send_ != 0; });
  --resting_;
  if (to_send_ != 0) --to_send_;
  return true;
}

void FuseLoop::SendOne() {
  std::lock_guard lock(mutex_);
  if (to_send_ >= resting_) return;
  ++to_send_;
  sent_.notify_one();
}

void FuseLoop::Usher() {
  int quiet = 0;
  int64_t last_left = 0;
  while (!ended_) {
    std::this_thread::sleep_for(kRound);
    const int64_t left = door_left_ns_;
    const int64_t alone = NowNs() - left;
    if (!door_taken_ && alone > kLeftAloneNs) SendOne();
    if (!door_taken_ && alone > kMayHangNs) HireIfWaitedFor();
    if (!hired_.empty()) LetGoWhoLeft();
    quiet = door_taken_ && left == last_left ? quiet + 1 : 0;
    last_left = left;
    if (quiet < kQuietRounds) continue;
    std::unique_lock lock(mutex_);
    usher_rests_ = true;
    // Who left the door before this was seen: there is no word from them.
    if (door_left_ns_ == left) left_.wait(lock, [this] { return ended_ || !usher_rests_; });
    usher_rests_ = false;
    quiet = 0;
  }
}

void FuseLoop::HireIfWaitedFor() {
  struct pollfd waiting = {fd_, POLLIN, 0};
  if (resting_ != 0 || hired_.size() >= kMaxHired || poll(&waiting, 1, 0) <= 0) return;
  try {
    std::thread thread([this] { Serve(Engaged::kWhileNeeded); });
    const pthread_t id = thread.native_handle();
    hired_.emplace(id, std::move(thread));
  } catch (const std::system_error&) {
    // The system gives no more threads: those that there are will be free some time.
  }
}

void FuseLoop::LetGoWhoLeft() {
  std::vector<pthread_t> left;
  {
    std::lock_guard lock(mutex_);
    left.swap(have_left_);
  }
  for (const pthread_t id : left) {
    hired_.at(id).join();
    hired_.erase(id);
  }
}

}  // namespace recrypt
