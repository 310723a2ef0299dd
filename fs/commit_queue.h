// CommitQueue: commits documents that were closed a moment ago, off the closing program's path.
//
//   CommitQueue commits([](const std::shared_ptr<OpenDocument>& document) { ... });
//   if (!commits.Add(document)) ...commit it here and now...
//
// One thread of its own, which looks every millisecond while there is something to do: a program
// that makes many files is not to wake it for each. Thread safe.
#ifndef RECRYPT_FS_COMMIT_QUEUE_H_
#define RECRYPT_FS_COMMIT_QUEUE_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace recrypt {

class OpenDocument;

class CommitQueue {
 public:
  using Document = std::shared_ptr<OpenDocument>;
  // Who adds one more commits it: nobody closes files faster than they are committed, and who opens
  // one elsewhere does not wait for long.
  static constexpr size_t kMaxWaiting = 64;

  explicit CommitQueue(std::function<void(const Document&)> commit);
  ~CommitQueue();

  // False when too many wait, or after Stop.
  bool Add(const Document& document);
  std::vector<Document> Waiting() const;
  // Ends the thread; what still waits is left to the caller.
  void Stop();

 private:
  void Run();

  const std::function<void(const Document&)> commit_;
  mutable std::mutex mutex_;  // guards what follows; innermost
  std::condition_variable wake_;
  std::vector<Document> waiting_;
  bool rests_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_COMMIT_QUEUE_H_
