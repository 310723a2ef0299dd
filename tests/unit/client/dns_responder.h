// A DNS server on a loopback port that answers every SRV question with the same records.
//
//   DnsResponder dns({{10, 0, 8443, "a.example"}});
//   config.dns_servers = {dns.address()};
#ifndef RECRYPT_TESTS_UNIT_CLIENT_DNS_RESPONDER_H_
#define RECRYPT_TESTS_UNIT_CLIENT_DNS_RESPONDER_H_

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/unique_fd.h"

namespace recrypt {

class DnsResponder {
 public:
  struct Srv {
    uint16_t priority = 0;
    uint16_t weight = 0;
    uint16_t port = 0;
    std::string target;
  };
  // kNoSuchName: NXDOMAIN; kSilence: no answer at all.
  enum class Manner { kAnswer, kNoSuchName, kSilence, kGarbage };

  explicit DnsResponder(std::vector<Srv> records, Manner manner = Manner::kAnswer);
  ~DnsResponder();
  std::string address() const;
  int questions() const { return questions_; }
  // The name that was asked for last, as in "_meshrecrypt._tcp.example.com".
  std::string last_name() const {
    const std::lock_guard guard(mutex_);
    return last_name_;
  }

 private:
  void Serve();
  Bytes AnswerTo(ByteSpan question);

  const std::vector<Srv> records_;
  const Manner manner_;
  UniqueFd fd_;
  uint16_t port_ = 0;
  std::atomic<int> questions_ = 0;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;  // guards last_name_
  std::string last_name_;
  std::thread thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_CLIENT_DNS_RESPONDER_H_
