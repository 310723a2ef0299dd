#include "client/discovery.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "tests/unit/client/dns_responder.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using Manner = DnsResponder::Manner;
using SteadyClock = std::chrono::steady_clock;

Config Asking(const DnsResponder& dns) {
  Config config;
  config.dns_servers = {dns.address()};
  return config;
}

TEST(Discovery, TheConfigurationComesFirst) {
  const DnsResponder dns({{0, 0, 1, "a.example"}});
  Config config = Asking(dns);
  config.services["example.com"].address = "127.0.0.1:8443";
  auto hosts = MakeDiscovery(config)->Find("example.com", 1000);
  ASSERT_TRUE(hosts) << hosts.error().message;
  EXPECT_EQ(*hosts, (std::vector<ServiceHost>{{"127.0.0.1", 8443}}));
  EXPECT_EQ(dns.questions(), 0);
}

TEST(Discovery, SrvRecordsComeByPriority) {
  const DnsResponder dns(
      {{20, 0, 3, "c.example"}, {5, 0, 1, "a.example"}, {10, 0, 2, "b.example"}});
  auto hosts = MakeDiscovery(Asking(dns))->Find("example.com", 3000);
  ASSERT_TRUE(hosts) << hosts.error().message;
  EXPECT_EQ(*hosts,
            (std::vector<ServiceHost>{{"a.example", 1}, {"b.example", 2}, {"c.example", 3}}));
  EXPECT_EQ(dns.last_name(), "_meshrecrypt._tcp.example.com");
}

TEST(Discovery, WithinAPriorityTheWeightDecidesHowOftenOneIsFirst) {
  const DnsResponder dns({{10, 90, 1, "often.example"}, {10, 10, 2, "seldom.example"}});
  const auto discovery = MakeDiscovery(Asking(dns));
  std::map<std::string, int> first;
  for (int i = 0; i < 500; ++i) ++first[discovery->Find("example.com", 3000)->front().host];
  // Binomial, n 500, p about 0.9: eight standard deviations are 54.
  EXPECT_GT(first["often.example"], 390);
  EXPECT_GT(first["seldom.example"], 4);
  EXPECT_EQ(dns.questions(), 1) << "the answer was not kept";
}

TEST(Discovery, ADomainWithoutAServiceIsUnavailableAndSaysSo) {
  for (Manner manner : {Manner::kNoSuchName, Manner::kAnswer}) {
    const DnsResponder dns({}, manner);
    auto hosts = MakeDiscovery(Asking(dns))->Find("example.com", 3000);
    ASSERT_FALSE(hosts);
    EXPECT_EQ(hosts.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(hosts.error().message.find("no SRV record"), std::string::npos)
        << hosts.error().message;
  }
}

TEST(Discovery, ATargetOfADotMeansDecidedlyNone) {
  const DnsResponder dns({{0, 0, 1, ""}});
  EXPECT_EQ(MakeDiscovery(Asking(dns))->Find("example.com", 3000).error().code,
            ErrorCode::kUnavailable);
}

TEST(Discovery, ASilentServerCostsNoMoreThanTheTimeGiven) {
  for (Manner manner : {Manner::kSilence, Manner::kGarbage}) {
    const DnsResponder dns({}, manner);
    const auto start = SteadyClock::now();
    auto hosts = MakeDiscovery(Asking(dns))->Find("example.com", 600);
    EXPECT_LT(SteadyClock::now() - start, std::chrono::seconds(2));
    ASSERT_FALSE(hosts);
    EXPECT_EQ(hosts.error().code, ErrorCode::kUnavailable);
  }
}

TEST(Discovery, AServiceIsReachedThroughItsSrvRecords) {
  const TestServices services;
  const ServiceHost real = ParseServiceHost(services.com.address().address).value();
  // The first is nobody's port.
  const DnsResponder dns({{1, 0, 1, "localhost"}, {2, 0, real.port, "localhost"}});
  Config config = Asking(dns);
  const auto discovery = MakeDiscovery(config);
  // The certificate's authority is known by configuration, the address is not.
  config.services["example.com"] = services.com.address();
  const auto transport = MakeTransport(config, *discovery);
  auto answer =
      transport->Post({"example.com", R"({"Hello":{"Portal":"example.com"}})", ""}, 10000);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_NE(answer->body.find("HelloResponse"), std::string::npos);
}

}  // namespace
}  // namespace recrypt
