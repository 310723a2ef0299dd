#include "core/base/network.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

bool Contains(const std::string& network, const std::string& address) {
  const auto parsed = Network::Parse(network);
  EXPECT_TRUE(parsed) << network;
  return parsed && parsed->Contains(address);
}

TEST(Network, ContainsWhatLiesInItsRange) {
  EXPECT_TRUE(Contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_TRUE(Contains("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_FALSE(Contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(Contains("192.0.2.4/30", "192.0.2.7"));
  EXPECT_FALSE(Contains("192.0.2.4/30", "192.0.2.8"));
  EXPECT_TRUE(Contains("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(Contains("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(Contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(Contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(Contains("::/0", "10.0.0.1"));
  EXPECT_FALSE(Contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_FALSE(Contains("0.0.0.0/0", ""));
}

TEST(Network, RefusesWhatIsNone) {
  for (const char* text : {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "::/129",
                           "10.0.0.0/8 ", "10.0.0.0/-1", "example.com", "2001:db8::1/64"}) {
    EXPECT_FALSE(Network::Parse(text)) << text;
  }
  EXPECT_FALSE(Network::Parse(std::string("10.0.0.1\0x", 10)));
}

}  // namespace
}  // namespace recrypt
