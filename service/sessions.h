// Sessions: the devices that have said Hello, in memory (docs/PROTOCOL.md, 2).
//
//   std::shared_ptr<Session> session = sessions.Find(id, now);
//   if (session && session->TakeSequence(n)) …
//
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

class Session {
 public:
  Session(std::string device, SessionKeys keys, int64_t expires)
      : device_(std::move(device)), keys_(std::move(keys)), expires_(expires) {}

  const std::string& device() const { return device_; }  // UDF
  const SessionKeys& keys() const { return keys_; }
  int64_t expires() const { return expires_; }
  // False when it was taken before, or lies below the window. Only for a request whose MAC is
  // right.
  bool TakeSequence(uint64_t sequence);

 private:
  const std::string device_;
  const SessionKeys keys_;
  const int64_t expires_;
  std::mutex mutex_;  // guards window_
  ReplayWindow window_;
};

class Sessions {
 public:
  explicit Sessions(size_t max_sessions = 50'000, size_t max_for_device = 64);

  void Add(const Bytes& id, std::shared_ptr<Session> session);
  // nullptr when there is none, or it has expired.
  std::shared_ptr<Session> Find(const Bytes& id, int64_t now);
  // Ends every session of the device, for requests that arrive from now on.
  void EndDevice(const std::string& device);
  size_t size() const;

 private:
  void Remove(const std::string& id);  // with mutex_ held

  const size_t max_sessions_;
  const size_t max_for_device_;
  mutable std::mutex mutex_;                                                // guards what follows
  std::unordered_map<std::string, std::shared_ptr<Session>> sessions_;      // by id
  std::unordered_map<std::string, std::deque<std::string>> ids_by_device_;  // oldest first
  std::deque<std::string> ids_;  // in the order of creation; may name ended sessions
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SESSIONS_H_
