// Introductions: makes this account's profile known to services of other domains, where its
// personal group is a member of a label: by it they know which devices are in the group.
//
//   const int64_t asked_ms = clock.MonotonicMillis();
//   ... and where the service did not know this device:
//   if (introductions.Introduce("example.com", *service, asked_ms)) ask_again();
//
// Thread safe: who is refused while another thread introduces the device waits for that.
#ifndef RECRYPT_CLIENT_INTRODUCTIONS_H_
#define RECRYPT_CLIENT_INTRODUCTIONS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "client/service_client.h"

namespace recrypt {

class Introductions {
 public:
  // References outlive this object. `identity` may be null: nobody is introduced then.
  Introductions(Services& services, const Clock& clock, std::shared_ptr<const Identity> identity)
      : services_(services), clock_(clock), identity_(std::move(identity)) {}

  // True when the service got the newest profile after `asked_ms` (Clock::MonotonicMillis), and may
  // answer otherwise than it did to what was asked then. A service is tried every ten seconds.
  bool Introduce(const std::string& domain, ServiceClient& service, int64_t asked_ms);

 private:
  struct Last {
    int64_t tried_ms = 0;
    bool introduced = false;
  };
  bool Present(ServiceClient& service);

  Services& services_;
  const Clock& clock_;
  const std::shared_ptr<const Identity> identity_;
  std::mutex mutex_;  // guards last_, and is held while a service is asked
  std::map<std::string, Last> last_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_INTRODUCTIONS_H_
