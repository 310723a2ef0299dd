// A whole recryptd: its settings, its state directory, its end by force.
#include <sys/stat.h>

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
guests = 9
threads = 3
admin-listen = "127.0.0.1:2"
max-connections = 4
max-requests = 5
max-wait = 6
stop-seconds = 7
log-level = "error"
log-format = "json"
log-requests = "all"
moved-to = "https://there:8"
moved = "permanent"
store = "postgresql://recryptd@db.example.com/recryptd"
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->domain, "example.com");
  EXPECT_EQ(config->audit_sync, "os");
  EXPECT_EQ(config->threads, 3);
  EXPECT_EQ(config->max_wait_millis, 6);
  EXPECT_TRUE(CheckConfig(*config));
  // None was forgotten: each has another value than by itself.
  const auto changed = [&](Setting::Effect effect) {
    return ChangedSettings(ServerConfig(), *config, effect).size();
  };
  EXPECT_EQ(changed(Setting::Effect::kStart) + changed(Setting::Effect::kReload) + 1,
            Settings().size());  // self-signed, which goes with no certificate
}

TEST_F(ConfigTest, EverySettingIsInTheManual) {
  std::ifstream file(RECRYPT_SOURCE_DIR "/man/recryptd.8");
  const std::string manual((std::istreambuf_iterator<char>(file)), {});
  for (const Setting& setting : Settings()) {
    const std::string item = ".It Fl -" + std::string(setting.name);
    const std::string second = ", Fl -" + std::string(setting.name);
    EXPECT_TRUE(manual.find(item) != manual.npos || manual.find(second) != manual.npos)
        << setting.name;
  }
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
  EXPECT_NE(Refusal("threads = 257\n").find("from 0 to 256"), std::string::npos);
  EXPECT_NE(Refusal("\nmax-requests = 99999999999999\n").find("line 2"), std::string::npos);
  const std::string refusal = Refusal("\naudit-sync = \"never\"\n");
  EXPECT_NE(refusal.find("line 2"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("disk|os"), std::string::npos) << refusal;
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
  EXPECT_TRUE(refused([](ServerConfig& c) { c.max_connections = 0; }));
  EXPECT_TRUE(refused([](ServerConfig& c) { c.log_format = "xml"; }));
  for (const char* place : {"http://there", "https://", "https://a b", "there:443"}) {
    EXPECT_TRUE(refused([place](ServerConfig& c) { c.moved_to = place; })) << place;
  }
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
  config.store.clear();
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
  config.store.clear();
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
  auto store = world.service.ReadStore();
  const auto head = VerifyAudit(*store);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_GE(head->sequence, acknowledged);
}

}  // namespace
}  // namespace recrypt
