// ReviewWatch: waits for what supervisors decide about documents that an opening was held for.
//
//   ReviewWatch watch(clock, ask, decided);
//   watch.Await(header);      // an opening failed with kPending
//   watch.Forget(header);     // the next one did not: whoever opened it knows
//
// Asks the labels' services, one request for each label, seldomer the longer it takes, and while
// something is waited for only. Thread safe.
#ifndef RECRYPT_DAEMON_MOUNT_REVIEW_WATCH_H_
#define RECRYPT_DAEMON_MOUNT_REVIEW_WATCH_H_

#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/own_reviews.h"
#include "core/base/clock.h"
#include "core/jcd/header.h"

namespace recrypt {

class ReviewWatch {
 public:
  // What this account waits for under a label (client/own_reviews.h). Called by a thread of its
  // own.
  using Ask = std::function<Result<std::vector<OwnReview>>(const LabelName& label)>;
  using Decided =
      std::function<void(const LabelName& label, const OwnReview& review, int64_t asked)>;

  static constexpr size_t kMaxAwaited = 64;  // the oldest are given up
  static constexpr int64_t kFirstAskMs = 5'000;
  static constexpr int64_t kLastAskMs = 60'000;
  static constexpr int64_t kGiveUpMs = 24 * 3'600'000;

  // `clock` outlives this object. Starts a thread: make it after any fork.
  ReviewWatch(const Clock& clock, Ask ask, Decided decided);
  ~ReviewWatch() { Stop(); }

  void Await(const Header& header);
  void Forget(const Header& header);
  // Waits for a request that is under way; what is asked for should fail soon by then.
  void Stop();

 private:
  struct Awaited {
    LabelName label;
    Bytes document;
    Bytes header;
    int64_t asked = 0;  // seconds since 1970
    int64_t since_ms = 0;
  };

  void Run();
  void Look(std::unique_lock<std::mutex>& lock);
  void TakeAnswer(const LabelName& label, const std::vector<OwnReview>& reviews,
                  std::vector<std::pair<Awaited, OwnReview>>& decided);

  const Clock& clock_;
  const Ask ask_;
  const Decided decided_;
  std::mutex mutex_;  // guards what follows; not held over calls of the above
  std::condition_variable wake_;
  std::list<Awaited> awaited_;  // oldest first
  int64_t wait_ms_ = kFirstAskMs;
  bool stopped_ = false;
  std::thread thread_;  // last
};

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_MOUNT_REVIEW_WATCH_H_
