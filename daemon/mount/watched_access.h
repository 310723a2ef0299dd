// WatchedAccess: an Access, and somebody who is told what becomes of it: that reading under a label
// has ended which was possible here, and that an opening is held for review, or not any more.
//
//   WatchedAccess watched(*access, events);
//   RunMount(options, {watched, …});
//
// Access under an expression has ended when a document is refused that was granted before, or when
// one is refused by the service (kDenied) that others under the same expression were granted of,
// and no lease lasts any more: a lease that ends and is renewed, or not asked for again, is no end
// of access. It is told once, until something is granted again. Thread safe.
#ifndef RECRYPT_DAEMON_MOUNT_WATCHED_ACCESS_H_
#define RECRYPT_DAEMON_MOUNT_WATCHED_ACCESS_H_

#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <string>

#include "client/passing_access.h"

namespace recrypt {

// Called while somebody opens a document: an implementation only takes note.
struct AccessEvents {
  std::function<void(const std::string& labels, ErrorCode why)> ended;
  std::function<void(const Header& header)> held;    // an opening, for review
  std::function<void(const Header& header)> opened;  // or refused for another reason
  std::function<void()> stopped;
};

class WatchedAccess : public PassingAccess {
 public:
  static constexpr size_t kMaxRemembered = 4096;  // documents, and expressions

  // `access` outlives this object.
  WatchedAccess(Access& access, AccessEvents events)
      : PassingAccess(access), events_(std::move(events)) {}

  Result<OpenedKeys> Open(const Header& header, GrantUse use) override;
  std::vector<Result<OpenedKeys>> OpenMany(std::span<const Header* const> headers,
                                           GrantUse use) override;
  void Stop() override {
    PassingAccess::Stop();
    events_.stopped();
  }

 private:
  // The newest of what was noted.
  template <typename T>
  class Remembered {
   public:
    void Note(const T& item) {
      if (!items_.insert(item).second) return;
      order_.push_back(item);
      if (order_.size() <= kMaxRemembered) return;
      items_.erase(order_.front());
      order_.pop_front();
    }
    bool Has(const T& item) const { return items_.contains(item); }
    void Forget(const T& item) {
      if (items_.erase(item) != 0) order_.remove(item);
    }

   private:
    std::set<T> items_;
    std::list<T> order_;
  };

  void Note(const Header& header, const Result<OpenedKeys>& opened, GrantUse use);
  bool HasEnded(const Header& header, const std::string& labels, ErrorCode why);

  const AccessEvents events_;
  std::mutex mutex_;  // guards what follows; not held over calls of the above
  Remembered<DocumentId> documents_;
  Remembered<std::string> labels_;  // expressions under which something was granted
};

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_MOUNT_WATCHED_ACCESS_H_
