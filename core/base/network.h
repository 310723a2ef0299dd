// Network: a range of addresses, IPv4 or IPv6, as in 10.0.0.0/8 or 2001:db8::/32.
//
//   RECRYPT_ASSIGN(Network network, Network::Parse("10.0.0.0/8"));
//   network.Contains("10.1.2.3");
//
// Thread safe.
#ifndef RECRYPT_CORE_BASE_NETWORK_H_
#define RECRYPT_CORE_BASE_NETWORK_H_

#include <string>

#include "core/base/bytes.h"

namespace recrypt {

class Network {
 public:
  // An address alone is a range of one. kInvalid when bits behind the prefix are set.
  static Result<Network> Parse(const std::string& text);

  const std::string& text() const { return text_; }
  // False for what is no address. An IPv4 address in IPv6 form (::ffff:10.0.0.1) is the same one.
  bool Contains(const std::string& address) const;

 private:
  std::string text_;
  ByteArray<16> start_{};  // IPv4 as ::ffff:a.b.c.d
  unsigned bits_ = 0;      // 0 to 128
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_BASE_NETWORK_H_
