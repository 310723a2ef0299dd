// Which hosts serve a domain: the configuration, else SRV _meshrecrypt._tcp.<domain>.
//
//   auto discovery = MakeDiscovery(config);
//   RECRYPT_ASSIGN(auto hosts, discovery->Find("example.com", 3000));
//
// Thread safe.
#ifndef RECRYPT_CLIENT_DISCOVERY_H_
#define RECRYPT_CLIENT_DISCOVERY_H_

#include <memory>
#include <string>
#include <vector>

#include "client/config.h"

namespace recrypt {

struct ServiceHost {
  std::string host;  // a name or an address, IPv6 without brackets
  uint16_t port = 443;
  bool operator==(const ServiceHost&) const = default;
};

class Discovery {
 public:
  virtual ~Discovery() = default;
  // In the order in which to try them (RFC 2782: by priority, by weight at random within one); at
  // least one. kUnavailable when the domain has none, or no answer came within `timeout_ms`.
  virtual Result<std::vector<ServiceHost>> Find(const std::string& domain, int64_t timeout_ms) = 0;
};

// Answers from SRV are kept for a minute.
std::unique_ptr<Discovery> MakeDiscovery(const Config& config);

// "host:port", "[v6]:port" or "host" (port 443).
Result<ServiceHost> ParseServiceHost(std::string_view text);
// "https://host:port", with or without the path of the protocol (docs/PROTOCOL.md, 1: redirects).
Result<ServiceHost> ParseServiceUri(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_DISCOVERY_H_
