#include "client/transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using SteadyClock = std::chrono::steady_clock;

const char* const kHello = R"({"Hello":{"Portal":"example.com"}})";

int64_t MillisSince(SteadyClock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - start).count();
}

// A socket that listens and never answers.
class SilentPort {
 public:
  SilentPort() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd_.get(), 16), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ::ntohs(address.sin_port);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // From now on nobody listens there.
  void Close() { fd_.Reset(); }

 private:
  UniqueFd fd_;
  uint16_t port_ = 0;
};

// Any list of hosts.
class FixedDiscovery : public Discovery {
 public:
  explicit FixedDiscovery(std::vector<ServiceHost> hosts) : hosts_(std::move(hosts)) {}
  Result<std::vector<ServiceHost>> Find(const std::string&, int64_t) override { return hosts_; }

 private:
  std::vector<ServiceHost> hosts_;
};

class TransportTest : public testing::Test {
 protected:
  Config With(const ServiceAddress& address) const {
    Config config;
    config.services["example.com"] = address;
    return config;
  }
  Result<HttpAnswer> Post(const ServiceAddress& address, int64_t deadline_ms = 10000) {
    const Config config = With(address);
    const auto discovery = MakeDiscovery(config);
    return MakeTransport(config, *discovery)->Post({"example.com", kHello, ""}, deadline_ms);
  }
  void ExpectUnavailable(const Result<HttpAnswer>& answer, const std::string& text) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(answer.error().message.find(text), std::string::npos) << answer.error().message;
    EXPECT_NE(answer.error().message.find("example.com"), std::string::npos);
  }

  TestServices services_;
};

TEST_F(TransportTest, ReachesAServiceUnderTheNameOfItsDomain) {
  auto answer = Post(services_.com.address());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status / 100, 2);
  EXPECT_NE(answer->body.find("HelloResponse"), std::string::npos);
}

TEST_F(TransportTest, ACertificateOfAnUnknownAuthorityIsRefused) {
  ServiceAddress address = services_.com.address();
  address.ca_file.clear();
  ExpectUnavailable(Post(address), "certificate is not trusted");
}

TEST_F(TransportTest, ACertificateForAnotherDomainIsRefused) {
  ExpectUnavailable(Post(services_.net.address()), "certificate is not trusted for example.com");
}

TEST_F(TransportTest, AServiceThatIsDownFailsAtOnce) {
  SilentPort port;
  port.Close();
  const auto start = SteadyClock::now();
  ExpectUnavailable(Post({port.address(), ""}), port.address());
  EXPECT_LT(MillisSince(start), 3000);
}

TEST_F(TransportTest, ASlowServiceFailsWithinTheDeadline) {
  SilentPort port;
  const auto start = SteadyClock::now();
  ExpectUnavailable(Post({port.address(), ""}, 700), "in time");
  EXPECT_LT(MillisSince(start), 3000);
}

TEST_F(TransportTest, AfterASlowFailureOthersAreToldAtOnceForAWhile) {
  SilentPort port;
  const Config config = With({port.address(), ""});
  const auto discovery = MakeDiscovery(config);
  const auto transport = MakeTransport(config, *discovery);
  EXPECT_FALSE(transport->Post({"example.com", kHello, ""}, 1100));
  const auto start = SteadyClock::now();
  ExpectUnavailable(transport->Post({"example.com", kHello, ""}, 10000), "in time");
  EXPECT_LT(MillisSince(start), 500);
}

TEST_F(TransportTest, StopEndsWhatIsWaitedFor) {
  SilentPort port;
  const Config config = With({port.address(), ""});
  const auto discovery = MakeDiscovery(config);
  const auto transport = MakeTransport(config, *discovery);
  const auto start = SteadyClock::now();
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    transport->Stop();
  });
  EXPECT_FALSE(transport->Post({"example.com", kHello, ""}, 20'000));
  EXPECT_GE(MillisSince(start), 290);
  EXPECT_LT(MillisSince(start), 3000);
  stopper.join();
  const auto again = SteadyClock::now();
  EXPECT_EQ(transport->Post({"example.com", kHello, ""}, 20'000).error().code,
            ErrorCode::kUnavailable);
  EXPECT_LT(MillisSince(again), 500);
}

TEST_F(TransportTest, TheNextHostIsTriedAfterAFailedConnection) {
  SilentPort port;
  port.Close();
  const Config config = With(services_.com.address());
  FixedDiscovery discovery({ParseServiceHost(port.address()).value(),
                            ParseServiceHost(services_.com.address().address).value()});
  auto answer = MakeTransport(config, discovery)->Post({"example.com", kHello, ""}, 10000);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status / 100, 2);
}

TEST_F(TransportTest, TheNextHostIsNotTriedAfterABadCertificate) {
  const Config config = With(services_.com.address());
  FixedDiscovery discovery({ParseServiceHost(services_.net.address().address).value(),
                            ParseServiceHost(services_.com.address().address).value()});
  ExpectUnavailable(MakeTransport(config, discovery)->Post({"example.com", kHello, ""}, 10000),
                    "certificate is not trusted");
}

TEST_F(TransportTest, ServesThreadsInParallelAndKeepsConnections) {
  const Config config = With(services_.com.address());
  const auto discovery = MakeDiscovery(config);
  const auto transport = MakeTransport(config, *discovery);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&transport] {
      for (int j = 0; j < 25; ++j) {
        auto answer = transport->Post({"example.com", kHello, ""}, 10000);
        EXPECT_TRUE(answer && answer->status / 100 == 2);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace recrypt
