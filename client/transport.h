// Transport: one POST to the service of a domain, over TLS 1.3 with kept connections.
//
//   auto transport = MakeTransport(config, *discovery);
//   RECRYPT_ASSIGN(HttpAnswer answer, transport->Post({"example.com", body, ""}, 10000));
//
// The TLS name and Host are the domain, wherever the connection goes. Proxies are not used, and
// HTTP's own redirects not followed. Tests replace it. Thread safe.
#ifndef RECRYPT_CLIENT_TRANSPORT_H_
#define RECRYPT_CLIENT_TRANSPORT_H_

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "client/config.h"
#include "client/discovery.h"

namespace recrypt {

struct HttpPost {
  std::string domain;
  std::string body;           // JSON
  std::string authorization;  // empty: without
};

struct HttpAnswer {
  int status = 0;
  std::string body;  // at most kMaxAnswerBody
  std::string mac;   // MeshRecrypt-MAC; empty when absent
  // Both are under no MAC: a hint, and what to tell whoever runs the service.
  int retry_after_seconds = 0;  // 0: the service did not say
  std::string request_id;       // letters, digits and dashes
};

inline constexpr size_t kMaxAnswerBody = size_t{16} << 20;

class Transport {
 public:
  virtual ~Transport() = default;
  // Any HTTP status is an answer. kUnavailable, within `deadline_ms`: no host reached, certificate
  // not trusted, too slow, too large. The next host of the domain is tried only after a failed
  // connection or 503.
  virtual Result<HttpAnswer> Post(const HttpPost& post, int64_t deadline_ms) = 0;
  // The service of `domain` says that it is found at `to` for as long: asked first from now on, as
  // long as connections to it are made. Whoever believes it has to see who answers there.
  virtual void Move(const std::string& domain, const ServiceHost& to, std::chrono::seconds lasts) {
    static_cast<void>(domain), static_cast<void>(to), static_cast<void>(lasts);
  }
  // The service is where it was.
  virtual void ForgetMove(const std::string& domain) { static_cast<void>(domain); }
  // Sleeps. False, earlier, once stopped.
  virtual bool Wait(int64_t millis) {
    std::this_thread::sleep_for(std::chrono::milliseconds(millis));
    return true;
  }
  // From now on nothing is waited for: what is under way ends within a second or so, kUnavailable,
  // as does at once whatever comes.
  virtual void Stop() {}
};

// `discovery` outlives the transport.
std::unique_ptr<Transport> MakeTransport(const Config& config, Discovery& discovery);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_TRANSPORT_H_
