#include "core/base/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace recrypt {
namespace {

using Address = ByteArray<16>;
constexpr unsigned kMappedBits = 96;  // in front of an IPv4 address in IPv6 form

struct Parsed {
  Address bytes{};
  bool v4 = false;
};

std::optional<Parsed> ParseAddress(const std::string& text) {
  Parsed parsed;
  if (inet_pton(AF_INET6, text.c_str(), parsed.bytes.data()) == 1) return parsed;
  ByteArray<4> four{};
  if (inet_pton(AF_INET, text.c_str(), four.data()) != 1) return std::nullopt;
  parsed.bytes[10] = parsed.bytes[11] = 0xFF;
  std::copy(four.begin(), four.end(), parsed.bytes.begin() + 12);
  parsed.v4 = true;
  return parsed;
}

// The address with all bits behind the prefix cleared.
Address Masked(Address address, unsigned bits) {
  for (unsigned i = 0; i < address.size(); ++i) {
    const unsigned kept = bits > i * 8 ? std::min(bits - i * 8, 8u) : 0;
    address[i] = static_cast<uint8_t>(address[i] & (0xFF00u >> kept));
  }
  return address;
}

}  // namespace

Result<Network> Network::Parse(const std::string& text) {
  const auto refuse = Fail(ErrorCode::kInvalid, "'" + text.substr(0, 64) +
                                                    "' is no network such as 10.0.0.0/8 or "
                                                    "2001:db8::/32");
  if (text.find('\0') != text.npos) return refuse;
  const size_t slash = text.find('/');
  const auto address = ParseAddress(text.substr(0, slash));
  if (!address) return refuse;
  const unsigned before = address->v4 ? kMappedBits : 0;
  unsigned bits = 128 - before;
  if (slash != text.npos) {
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + slash + 1, end, bits);
    if (parsed.ec != std::errc() || parsed.ptr != end || bits > 128 - before) return refuse;
  }
  Network network;
  network.text_ = text;
  network.start_ = address->bytes;
  network.bits_ = before + bits;
  if (Masked(network.start_, network.bits_) != network.start_) return refuse;
  return network;
}

bool Network::Contains(const std::string& address) const {
  const auto parsed = ParseAddress(address);
  return parsed && Masked(parsed->bytes, bits_) == start_;
}

}  // namespace recrypt
