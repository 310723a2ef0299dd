#include "service/request_watch.h"

#include <atomic>
#include <cstdio>

#include "core/crypto/symmetric.h"
#include "service/log.h"

namespace recrypt {
namespace {

// Which process it was, and which of its requests: cheap, and in the order of their arrival.
std::string NewId() {
  static const std::string process = [] {
    ByteArray<4> random{};
    RandomBytes(random);
    char text[9];
    std::snprintf(text, sizeof(text), "%02x%02x%02x%02x", random[0], random[1], random[2],
                  random[3]);
    return std::string(text);
  }();
  static std::atomic<uint64_t> last = 0;
  return process + "-" + std::to_string(++last);
}

bool IsLogged(LoggedRequests logged, int status) {
  switch (logged) {
    case LoggedRequests::kNone:
      return false;
    case LoggedRequests::kFailed:
      return status >= 500;
    case LoggedRequests::kRefused:
      return status >= 400;
    case LoggedRequests::kAll:
      return true;
  }
  return false;
}

}  // namespace

RequestWatch::RequestWatch(Metrics& metrics, LoggedRequests logged, std::string peer)
    : metrics_(metrics), logged_(logged), peer_(std::move(peer)), id_(NewId()) {}

void RequestWatch::Answer(HttpResponse& response, const std::string& reason) const {
  const auto took = std::chrono::steady_clock::now() - begun_;
  response.request_id = id_;
  metrics_.CountRequest(transaction_, response.status, took);
  if (!IsLogged(logged_, response.status)) return;
  const LogScope scope(id_);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  LogInfo("answered", {{"transaction", std::string(transaction_)},
                       {"status", std::to_string(response.status)},
                       {"reason", reason},
                       {"microseconds", std::to_string(micros)},
                       {"device", device_},
                       {"peer", peer_}});
}

}  // namespace recrypt
