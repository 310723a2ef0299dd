// Metrics: what the service counts while it runs, as text for Prometheus (exposition format 0.0.4).
//
//   metrics.CountRequest("Get", 201, took);
//   metrics.CountGrant("");                      // or the reason of a refusal
//   std::string text = metrics.Render(gauges);
//
// The values of its labels are words of the protocol, fixed in number: never the name of a label,
// of an account or of a device. Thread safe; counting takes no lock.
#ifndef RECRYPT_SERVICE_METRICS_H_
#define RECRYPT_SERVICE_METRICS_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/protocol/audit_chain.h"

namespace recrypt {

// How often something took how long. Its buckets' bounds are in seconds.
class Histogram {
 public:
  static constexpr std::array kBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                         0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   5.0,  10.0};

  void Observe(std::chrono::nanoseconds took);
  // The lines of one series; `labels` as name="value", or empty.
  void Render(std::string_view name, const std::string& labels, std::string& to) const;
  uint64_t count() const;

 private:
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets_{};  // the last has no bound
  std::atomic<int64_t> nanoseconds_ = 0;
};

class Metrics {
 public:
  // The transaction's name; "none" for what was answered before it was known.
  void CountRequest(std::string_view transaction, int status, std::chrono::nanoseconds took);
  // What the HTTP server answered by itself: too large, too slow, too much at once.
  void CountTurnedAway(int status);
  // The reason of the refusal, or nothing for a grant that was given.
  void CountGrant(std::string_view reason, uint64_t how_many = 1);
  // One transaction of the store.
  enum class StoreWrite { kDone, kFailed };
  void CountStoreWrite(StoreWrite outcome, std::chrono::nanoseconds took);

  // What is measured when somebody asks.
  struct Gauges {
    bool ready = false;
    size_t connections = 0;
    size_t requests = 0;        // being answered
    int64_t wait_millis = 0;    // that a request waits at present until a thread has time for it
    size_t writes_waiting = 0;  // for the store
    size_t sessions = 0;
    AuditHead audit;
    uint64_t checkpoint = 0;  // the record that the last one signed
    int64_t started = 0;      // seconds since 1970
    int64_t certificate_expires = 0;
  };
  std::string Render(const Gauges& gauges) const;

 private:
  static constexpr std::array<std::string_view, 8> kTransactions = {
      "Hello", "Get", "Set", "Delete", "Select", "Join", "Leave", "none"};
  static constexpr std::array kStatuses = {201, 202, 303, 307, 400, 401, 404, 405,
                                           408, 409, 413, 431, 500, 503, 0};
  static constexpr std::array<std::string_view, 12> kOutcomes = {
      "granted", "no-entry", "revoked", "quota",    "pending", "denied",
      "hours",   "network",  "policy",  "prefetch", "invalid", "failed"};

  std::array<std::array<std::atomic<uint64_t>, kStatuses.size()>, kTransactions.size()> requests_{};
  std::array<Histogram, kTransactions.size()> latencies_;
  std::array<std::atomic<uint64_t>, kOutcomes.size()> grants_{};
  Histogram store_writes_;
  std::atomic<uint64_t> store_failures_ = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_METRICS_H_
