// A whole recryptd: its settings, its state directory, its end by force.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "service/sql_connection.h"
#include "service/sql_store.h"
#include "world.h"

namespace recrypt {
namespace {

class ConfigTest : public testing::Test {
 protected:
  Result<ServerConfig> Load(const std::string& text) {
    std::ofstream(folder_.path() + "/c.toml") << text;
    return LoadConfig(folder_.path() + "/c.toml", ServerConfig());
  }
  std::string Refusal(const std::string& text) {
    const auto config = Load(text);
    return config ? "taken" : config.error().message;
  }

  TestFolder folder_;
};

TEST_F(ConfigTest, TakesEverySetting) {
  const auto config = Load(R"(domain = "example.com"
listen = "127.0.0.1:1"
state = "/s"
cert = "/c"
key = "/k"
self-signed = false
audit_sync = "os"
registration = "closed"
threads = 3
log-level = "error"
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->domain, "example.com");
  EXPECT_EQ(config->audit_sync, "os");
  EXPECT_EQ(config->threads, 3);
  EXPECT_TRUE(CheckConfig(*config));
}

TEST_F(ConfigTest, NamesTheLineOfAnUnknownKey) {
  const std::string refusal = Refusal("domain = \"example.com\"\n\nlissten = \"x\"\n");
  EXPECT_NE(refusal.find("line 3"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("lissten"), std::string::npos) << refusal;
}

TEST_F(ConfigTest, NamesTheLineOfAWrongValue) {
  EXPECT_NE(Refusal("state = \"/s\"\nthreads = \"many\"\n").find("line 2"), std::string::npos);
  EXPECT_NE(Refusal("self-signed = 1\n").find("line 1"), std::string::npos);
  EXPECT_NE(Refusal("domain = \"a\n").find("line 1"), std::string::npos);
  EXPECT_NE(Refusal("threads = -1\n").find("line 1"), std::string::npos);
}

TEST_F(ConfigTest, RefusesWhatCannotBeServed) {
  ServerConfig good;
  good.domain = "example.com";
  good.state = "/s";
  good.self_signed = true;
  EXPECT_TRUE(CheckConfig(good));
  const auto refused = [&](auto change) {
    ServerConfig config = good;
    change(config);
    return !CheckConfig(config);
  };
  EXPECT_TRUE(refused([](ServerConfig& c) { c.domain.clear(); }));
  EXPECT_TRUE(refused([](ServerConfig& c) { c.domain = "not a domain"; }));
  EXPECT_TRUE(refused([](ServerConfig& c) { c.domain = "Example.com"; }));
  EXPECT_TRUE(refused([](ServerConfig& c) { c.state.clear(); }));
  EXPECT_TRUE(refused([](ServerConfig& c) { c.self_signed = false; }));
  EXPECT_TRUE(refused([](ServerConfig& c) { c.cert = "/c"; }));
  EXPECT_TRUE(refused([](ServerConfig& c) { c.audit_sync = "never"; }));
  EXPECT_TRUE(refused([](ServerConfig& c) { c.registration = "maybe"; }));
}

TEST(StateDirectory, KeepsKeysToItsOwner) {
  TestService service;
  for (const char* file : {"/service.key", "/tls.key"}) {
    struct stat info {};
    ASSERT_EQ(stat((service.config.state + file).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << file;
  }
  struct stat info {};
  ASSERT_EQ(stat(service.config.state.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(StateDirectory, KeepsTheFingerprintOverARestart) {
  TestService service;
  const std::string fingerprint = service.server().fingerprint();
  service.Restart();
  EXPECT_EQ(service.server().fingerprint(), fingerprint);
}

TEST(StateDirectory, WithAKeyThatOthersMayReadIsRefused) {
  TestService service;
  service.Stop();
  ASSERT_EQ(chmod((service.config.state + "/service.key").c_str(), 0644), 0);
  const auto started = Server::Start(service.config, service.clock);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kDenied);
}

TEST(StateDirectory, OfAnotherDomainIsRefused) {
  TestService service;
  service.Stop();
  service.config.domain = "example.org";
  const auto started = Server::Start(service.config, service.clock);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("example.com"), std::string::npos);
}

TEST(StateDirectory, IsForOneRecryptdAtATime) {
  TestService service;
  const auto second = Server::Start(service.config, service.clock);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST(StateDirectory, GetsANewProfileOfAHigherVersionBeforeTheOldOneExpires) {
  TestService service;
  const auto version = [&] {
    return VerifyServiceProfile(service.server().keys().profile)->version.version;
  };
  EXPECT_EQ(version(), 1u);
  service.clock.Advance(int64_t{400} * 86400);
  service.Restart();
  EXPECT_EQ(version(), 2u);
  service.Restart();
  EXPECT_EQ(version(), 2u);
}

TEST(Listening, OnWhatIsNoAddressOrTakenIsRefused) {
  TestService service;
  TestFolder folder;
  ServerConfig config = service.config;
  config.state = folder.path() + "/state";
  for (const std::string& where :
       {std::string("nowhere"), std::string("127.0.0.1"), std::string("127.0.0.1:x"),
        std::string("127.0.0.1:70000"), std::string("example.com:443"), service.address()}) {
    config.listen = where;
    EXPECT_FALSE(Server::Start(config, service.clock)) << where;
  }
  config.listen = "[::1]:0";
  auto started = Server::Start(config, service.clock);
  if (started) {  // where there is IPv6
    EXPECT_TRUE((*started)->address().starts_with("[::1]:"));
  }
}

TEST(Listening, WithoutACertificateIsRefused) {
  TestService service;
  TestFolder folder;
  ServerConfig config = service.config;
  config.state = folder.path() + "/state";
  config.self_signed = false;
  config.cert = "/nonexistent.pem";
  config.key = "/nonexistent.key";
  const auto started = Server::Start(config, service.clock);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("/nonexistent.pem"), std::string::npos);
}

TEST(Stop, LosesNothingThatWasAcknowledged) {
  World world;
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> acknowledged = 0;
  std::thread load([&] {
    TestClient bob(world.service, world.bob.sign);
    bob.Hello();
    GetRequest get;
    get.grants.assign(4, {world.label.Kid(), NewEphemeral(), {}, {}});
    while (!stop) {
      const HttpAnswer answer = bob.Send(bob.Sign(DumpJson(ToJson(Request(get)))));
      if (answer.status != 201) return;
      const auto response = ParseResponse(*ParseJson(answer.body));
      acknowledged = std::get<GetResponse>(*response).receipt_sequence;
    }
  });
  while (acknowledged < 40) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  world.service.Stop();
  stop = true;
  load.join();
  auto store = OpenSqliteStoreReadOnly(StorePath(world.service.config.state)).value();
  const auto head = VerifyAudit(*store);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_GE(head->sequence, acknowledged);
}

// A recryptd in a process of its own, to be killed.
class Killable {
 public:
  explicit Killable(const ServerConfig& config) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const SystemClock clock;
      auto server = Server::Start(config, clock);
      if (!server) _exit(1);
      const std::string address = (*server)->address();
      (void)!write(ready[1], address.data(), address.size());
      for (;;) pause();
    }
    close(ready[1]);
    char address[64];
    const ssize_t got = read(ready[0], address, sizeof(address));
    close(ready[0]);
    if (got > 0) address_.assign(address, static_cast<size_t>(got));
  }
  ~Killable() { Kill(); }

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  const std::string& address() const { return address_; }

 private:
  pid_t pid_ = -1;
  std::string address_;
};

// Grants in a row until the service is gone; the receipts that came back.
std::vector<std::pair<uint64_t, Bytes>> LoadUntilKilled(const std::string& address,
                                                        const std::string& ca_file,
                                                        const World& world, Killable& service,
                                                        int millis) {
  std::vector<std::pair<uint64_t, Bytes>> receipts;
  TestClient bob("example.com", address, ca_file, world.bob.sign);
  bob.Hello();
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(millis));
    service.Kill();
  });
  GetRequest get;
  get.grants.assign(3, {world.label.Kid(), NewEphemeral(), {}, {}});
  for (;;) {
    const HttpAnswer answer = bob.Send(bob.Sign(DumpJson(ToJson(Request(get)))));
    if (answer.curl_error != 0 || answer.status != 201) break;
    const auto response = ParseResponse(*ParseJson(answer.body));
    const auto& granted = std::get<GetResponse>(*response);
    receipts.emplace_back(granted.receipt_sequence, granted.receipt_head);
  }
  killer.join();
  return receipts;
}

TEST(Kill, AtAnyMomentLeavesAWholeChainWithEveryGrantThatWasGiven) {
  World world;
  ServerConfig config = world.service.config;
  const std::string ca_file = world.service.ca_file();
  world.service.Stop();
  for (int round = 0; round < 6; ++round) {
    config.audit_sync = round % 2 == 0 ? "os" : "disk";
    Killable service(config);
    ASSERT_FALSE(service.address().empty());
    const auto receipts =
        LoadUntilKilled(service.address(), ca_file, world, service, 40 + 35 * round);
    auto store = OpenSqliteStore(StorePath(config.state), AuditSync::kOs).value();
    const auto head = VerifyAudit(*store);
    ASSERT_TRUE(head) << head.error().message;
    for (const auto& [sequence, hash] : receipts) {
      ASSERT_LE(sequence, head->sequence);
      ASSERT_TRUE(store->Read([&](StoreView& view) -> Status {
        const auto rows = view.ListAudit("", "", "", static_cast<int64_t>(sequence) - 1, 1).value();
        EXPECT_EQ(ToBytes(rows.at(0).hash), hash);
        return {};
      }));
    }
  }
}

}  // namespace
}  // namespace recrypt
