// Sessions: the devices that have said Hello (docs/PROTOCOL.md, 2).
//
//   RECRYPT_ASSIGN(const std::shared_ptr<const Session> session, sessions.Find(id, now));
//   … the request's MAC is right …
//   RECRYPT_ASSIGN(const Taken taken, sessions.Take(*session, sequence, now));
//
// In memory where one process serves, and in the database where several do (shared_sessions.h).
// Their number is bounded, as a whole and for each device: the oldest make room. Thread safe.
#ifndef RECRYPT_SERVICE_SESSIONS_H_
#define RECRYPT_SERVICE_SESSIONS_H_

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/protocol/session.h"

namespace recrypt {

inline constexpr size_t kMaxSessions = 50'000;
inline constexpr size_t kMaxSessionsOfDevice = 64;

struct Session {
  Bytes id;
  std::string device;  // UDF
  SessionKeys keys;
  int64_t expires = 0;
};

// What became of a request's number: it is the first of it, it was taken before or lies below the
// window, or the session is no more.
enum class Taken { kFirst, kAgain, kEnded };

// Errors are those of a store that does not answer.
class Sessions {
 public:
  virtual ~Sessions() = default;
  virtual Status Add(std::shared_ptr<const Session> session, int64_t now) = 0;
  // nullptr when there is none, or it has expired.
  virtual Result<std::shared_ptr<const Session>> Find(const Bytes& id, int64_t now) = 0;
  // Only for a request whose MAC is right.
  virtual Result<Taken> Take(const Session& session, uint64_t sequence, int64_t now) = 0;
  // Ends every session of the device, for requests that arrive from now on.
  virtual Status EndDevice(const std::string& device) = 0;
  virtual Result<size_t> Count() = 0;
};

class MemorySessions : public Sessions {
 public:
  explicit MemorySessions(size_t max_sessions = kMaxSessions,
                          size_t max_for_device = kMaxSessionsOfDevice)
      : max_sessions_(max_sessions), max_for_device_(max_for_device) {}

  Status Add(std::shared_ptr<const Session> session, int64_t now) override;
  Result<std::shared_ptr<const Session>> Find(const Bytes& id, int64_t now) override;
  Result<Taken> Take(const Session& session, uint64_t sequence, int64_t now) override;
  Status EndDevice(const std::string& device) override;
  Result<size_t> Count() override;
  void End(const Bytes& id);

 private:
  struct Kept {
    std::shared_ptr<const Session> session;
    ReplayWindow window;
  };
  void Remove(const std::string& id);  // with mutex_ held

  const size_t max_sessions_;
  const size_t max_for_device_;
  std::mutex mutex_;                                                        // guards what follows
  std::unordered_map<std::string, Kept> sessions_;                          // by id
  std::unordered_map<std::string, std::deque<std::string>> ids_by_device_;  // oldest first
  std::deque<std::string> ids_;  // in the order of creation; may name ended sessions
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SESSIONS_H_
