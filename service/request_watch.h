// RequestWatch: one request from its arrival to its answer, for the metrics, the log, and whoever
// asks about it afterwards.
//
//   RequestWatch watch(metrics, logged, "192.0.2.7");
//   watch.SetTransaction("Get");
//   watch.Answer(response, "revoked");   // names the request in the answer, counts it, logs it
//
// One thread at a time.
#ifndef RECRYPT_SERVICE_REQUEST_WATCH_H_
#define RECRYPT_SERVICE_REQUEST_WATCH_H_

#include <chrono>
#include <string>
#include <string_view>

#include "service/http_message.h"
#include "service/metrics.h"

namespace recrypt {

// Which answers stand in the log: none, those that the service failed to give (5xx), all that are
// no success, or every one.
enum class LoggedRequests { kNone, kFailed, kRefused, kAll };

class RequestWatch {
 public:
  // `metrics` outlives it.
  RequestWatch(Metrics& metrics, LoggedRequests logged, std::string peer);

  // Unique among the requests of all processes of the service, as far as chance allows.
  const std::string& id() const { return id_; }
  void SetTransaction(std::string_view name) { transaction_ = name; }
  void SetDevice(std::string udf) { device_ = std::move(udf); }
  // `reason` as in the answer's body.
  void Answer(HttpResponse& response, const std::string& reason) const;

 private:
  Metrics& metrics_;
  const LoggedRequests logged_;
  const std::string peer_;
  const std::string id_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::string_view transaction_ = "none";
  std::string device_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_REQUEST_WATCH_H_
