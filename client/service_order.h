// ServiceOrder: asking the services of one label at the same time: as many as are needed, and
// another one where one of them does not help, or takes long.
//
//   order.Ask({"a.example.com", "b.example.net", "c.example.org"}, 2, ask, enough);
//
// Those that did not answer lately, or gave a wrong result, are asked last for a while, so that one
// that is away costs nobody time. A label's only service is asked on the caller's thread. Thread
// safe.
#ifndef RECRYPT_CLIENT_SERVICE_ORDER_H_
#define RECRYPT_CLIENT_SERVICE_ORDER_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace recrypt {

class ServiceOrder {
 public:
  // `clock` outlives this object.
  explicit ServiceOrder(const Clock& clock) : clock_(clock) {}
  // Waits for what is still under way.
  ~ServiceOrder();

  enum class Helped { kYes, kNo, kAway };
  // Asks the service of this index. Runs on a thread of its own, and may still run when Ask has
  // returned: it owns what it touches, or what outlives this object.
  using AskOne = std::function<Helped(size_t service)>;
  // Looks at what has come so far, on the caller's thread; true when nobody else need be asked.
  using Enough = std::function<bool()>;
  // Returns once that is enough, or all have answered or failed.
  void Ask(const std::vector<std::string>& domains, size_t at_once, const AskOne& ask,
           const Enough& enough);

  // To be asked last from now on for so long.
  void Avoid(const std::string& domain, int64_t millis);
  bool IsBusy() const;

 private:
  struct Round;

  std::vector<size_t> InOrder(const std::vector<std::string>& domains) const;
  void Start(const std::shared_ptr<Round>& round, size_t service, const std::string& domain,
             const AskOne& ask);

  const Clock& clock_;
  mutable std::mutex mutex_;  // guards all below; innermost
  std::condition_variable idle_;
  size_t under_way_ = 0;
  std::map<std::string, int64_t> avoided_until_ms_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_SERVICE_ORDER_H_
