// HeadersAhead: makes ready what is costly of a new document (its keys, wrapped for the labels) for
// labels that documents are being created under, on a thread of its own, so that the next creation
// does not wait.
//
//   RECRYPT_ASSIGN(HeaderAhead made, ahead.Take(spec));
//
// How many are kept ready doubles each time that none was, up to kMaxReady, and is forgotten when
// another label takes the place: a single new document costs one more, a copied tree many. Thread
// safe.
#ifndef RECRYPT_CLIENT_HEADERS_AHEAD_H_
#define RECRYPT_CLIENT_HEADERS_AHEAD_H_

#include <deque>
#include <list>
#include <mutex>

#include "core/base/task_thread.h"
#include "core/jcd/header.h"

namespace recrypt {

struct HeaderAhead {
  PreparedHeader header;
  Secret data_key;  // the document's first
};

class HeadersAhead {
 public:
  static constexpr size_t kMaxReady = 64;
  static constexpr size_t kMaxSpecs = 4;

  // One that nobody else gets; made here and now when none is ready. Fails as PrepareHeader does.
  Result<HeaderAhead> Take(const HeaderSpec& spec);
  // Forgets all that is ready, and their keys with it.
  void Wipe();
  // How many are ready under `spec` (tests).
  size_t Ready(const HeaderSpec& spec) const;

 private:
  struct Pool {
    HeaderSpec spec;
    std::deque<HeaderAhead> ready;
    size_t wanted = 0;
    bool filling = false;
  };

  Pool* FindLocked(const HeaderSpec& spec);
  void FillLocked(Pool& pool);
  void Fill(const HeaderSpec& spec, uint64_t generation);

  mutable std::mutex mutex_;  // guards pools_; not held while a header is made
  std::list<Pool> pools_;     // the last used first
  uint64_t generation_ = 0;   // changes with every Wipe
  TaskThread thread_{TaskThread::Priority::kBackground};  // who waits for one makes it
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_HEADERS_AHEAD_H_
