// WriteBack: commits what has been dirty for some seconds, and applies records, off everybody's
// path (DESIGN 6).
//
// One thread of its own. Thread safe.
#ifndef RECRYPT_FS_WRITE_BACK_H_
#define RECRYPT_FS_WRITE_BACK_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace recrypt {

class OpenDocument;

class WriteBack {
 public:
  // A crash of the process loses what was not committed for so long at most.
  static constexpr int64_t kMaxAgeMs = 5000;

  using Documents = std::vector<std::shared_ptr<OpenDocument>>;

  // `settle` is called with everything that waits when that becomes more than `many`, which costs
  // descriptors and memory: mostly new documents, which wait to be durable.
  WriteBack(size_t many, std::function<void(const Documents&)> settle);
  ~WriteBack();

  // The document has something to commit or to apply.
  void Add(const std::shared_ptr<OpenDocument>& document);
  // For whoever makes documents, and holds no lock: waits while they come faster than they are
  // settled, for a second at most.
  void KeepPace();
  // How many documents wait.
  size_t Waiting() const;
  // Ends the thread; what is waiting stays to be settled by the caller.
  Documents Stop();

 private:
  using ByDocument = std::unordered_map<OpenDocument*, std::shared_ptr<OpenDocument>>;
  void Run();
  void DoRound(ByDocument& round);

  const size_t many_;
  const std::function<void(const Documents&)> settle_;
  mutable std::mutex mutex_;  // guards what follows; innermost
  std::condition_variable wake_;
  // Kept alive by this: also those that nobody has open any more.
  ByDocument waiting_;
  size_t added_ = 0;     // since the last round began
  size_t in_round_ = 0;  // those of the round that is being done
  std::condition_variable round_ended_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_WRITE_BACK_H_
