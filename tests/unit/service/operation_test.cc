// What operators see and change of a running service: pages, metrics, log, limits, certificate.
#include <sys/socket.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "core/json/json.h"
#include "postgres.h"
#include "service/log.h"
#include "world.h"

namespace recrypt {
namespace {

// The answer to one request in plain HTTP, whole.
std::string Ask(const std::string& address, const std::string& request) {
  const UniqueFd fd = ConnectTo(address);
  if (!fd) return "no connection";
  (void)!send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  char part[4096];
  for (ssize_t got; (got = recv(fd.get(), part, sizeof(part), 0)) > 0;) {
    answer.append(part, static_cast<size_t>(got));
  }
  return answer;
}

std::string Get(const std::string& address, const std::string& path) {
  return Ask(address, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

class OperationTest : public testing::Test {
 protected:
  OperationTest() {
    world.service.config.admin_listen = "127.0.0.1:0";
    world.service.Restart();
    bob = std::make_unique<TestClient>(world.service, world.bob.sign);
  }

  std::string Admin() { return world.service.server().admin_address(); }
  // The value of a series, as its line has it.
  std::string Metric(const std::string& series) {
    const std::string text = Get(Admin(), "/metrics");
    const size_t at = text.find("\n" + series + " ");
    if (at == text.npos) return "absent";
    const size_t begin = at + series.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  StoreFaults faults;
  World world{faults.Wrap()};
  std::unique_ptr<TestClient> bob;
};

TEST_F(OperationTest, MetricsCountGrantsByWhatBecameOfThem) {
  bob->Grant(world.label.Kid(), {NewEphemeral(), NewEphemeral()});
  bob->Grant(world.label.Kid(), {Bytes(32, 0)});
  TestClient(world.service, world.carol.sign).Grant(world.label.Kid(), {NewEphemeral()});
  EXPECT_EQ(Metric("recryptd_grants_total{outcome=\"granted\"}"), "2");
  EXPECT_EQ(Metric("recryptd_grants_total{outcome=\"invalid\"}"), "1");
  EXPECT_EQ(Metric("recryptd_grants_total{outcome=\"no-entry\"}"), "1");
  EXPECT_EQ(Metric("recryptd_requests_total{transaction=\"Get\",status=\"201\"}"), "3");
  EXPECT_EQ(Metric("recryptd_request_seconds_count{transaction=\"Get\"}"), "3");
  EXPECT_EQ(Metric("recryptd_request_seconds_bucket{transaction=\"Get\",le=\"+Inf\"}"), "3");
}

TEST_F(OperationTest, MetricsShowTheStoreAndTheAuditLog) {
  const std::string before = Metric("recryptd_audit_sequence");
  bob->Grant(world.label.Kid(), {NewEphemeral()});
  EXPECT_EQ(Metric("recryptd_audit_sequence"), std::to_string(std::stoi(before) + 1));
  EXPECT_EQ(Metric("recryptd_store_write_failures_total"), "0");
  EXPECT_EQ(Metric("recryptd_ready"), "1");
  EXPECT_EQ(Metric("recryptd_connections"), "1");
  // bob's, and alice's of before the restart where sessions outlive it.
  EXPECT_EQ(Metric("recryptd_sessions"), TestPostgres::IsTheStore() ? "2" : "1");
  faults.reads = faults.writes = true;
  TestClient::Raw raw = bob->Sign(DumpJson(ToJson(Request(SetRequest{"", world.bob.Jws()}))));
  EXPECT_EQ(bob->Send(raw).status, 500);
  EXPECT_EQ(Metric("recryptd_store_write_failures_total"), "1");
  EXPECT_EQ(Metric("recryptd_ready"), "0");
}

TEST_F(OperationTest, MetricsNameNobody) {
  bob->Grant(world.label.Kid(), {NewEphemeral()});
  TestClient(world.service, world.carol.sign).Grant(world.label.Kid(), {NewEphemeral()});
  const std::string text = Get(Admin(), "/metrics");
  for (const std::string& secret :
       {world.label.name(), world.label.Kid(), world.bob.DeviceUdf(), world.carol.DeviceUdf(),
        std::string("bob"), std::string("carol"), std::string("alice"), std::string("Notes"),
        std::string("example.com")}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
}

// Every line is a comment or name{labels} value, and no series comes twice.
TEST_F(OperationTest, MetricsAreInPrometheusFormat) {
  bob->Grant(world.label.Kid(), {NewEphemeral()});
  const std::string answer = Get(Admin(), "/metrics");
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  std::istringstream lines(answer.substr(answer.find("\r\n\r\n") + 4));
  std::set<std::string> seen;
  const std::regex sample(R"re(^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+-]+$)re");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) continue;
    EXPECT_TRUE(std::regex_match(line, sample)) << line;
    EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
  EXPECT_GT(seen.size(), 40u);
}

TEST_F(OperationTest, MetricsAreNotOnTheAddressOfClients) {
  TestClient::Raw raw;
  raw.method = "GET";
  raw.path = "/metrics";
  EXPECT_EQ(bob->Send(raw).status, 404);
}

TEST_F(OperationTest, ReadinessFollowsTheStoreAndHealthDoesNot) {
  EXPECT_TRUE(Get(Admin(), "/readyz").starts_with("HTTP/1.1 200 "));
  faults.reads = faults.writes = true;
  EXPECT_TRUE(Get(Admin(), "/readyz").starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(Get(Admin(), "/readyz").find("disk"), std::string::npos);
  EXPECT_TRUE(Get(Admin(), "/healthz").starts_with("HTTP/1.1 200 "));
  faults.reads = faults.writes = false;
  EXPECT_TRUE(Get(Admin(), "/readyz").starts_with("HTTP/1.1 200 "));
}

TEST_F(OperationTest, ThePagesAreAllThatTheirAddressGives) {
  EXPECT_TRUE(Get(Admin(), "/").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Get(Admin(), "/metrics/../state").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Get(Admin(), std::string(kWellKnownPath)).starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Ask(Admin(), "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(Ask(Admin(), "\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(Ask(Admin(), "GET /metrics\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_EQ(Ask(Admin(), std::string(100'000, 'x')).find("200"), std::string::npos);
  EXPECT_TRUE(Get(Admin(), "/healthz").starts_with("HTTP/1.1 200 "));
}

TEST_F(OperationTest, ASilentConnectionKeepsNobodyFromAsking) {
  const UniqueFd silent = ConnectTo(Admin());
  ASSERT_TRUE(silent);
  EXPECT_TRUE(Get(Admin(), "/healthz").starts_with("HTTP/1.1 200 "));
}

TEST_F(OperationTest, AReloadChangesLimitsAtOnce) {
  ServerConfig changed = world.service.config;
  changed.max_connections = 1;
  const auto later = world.service.server().Reload(changed);
  ASSERT_TRUE(later) << later.error().message;
  EXPECT_TRUE(later->empty());
  EXPECT_EQ(bob->Call(Request(HelloRequest{})).index(), Response(HelloResponse{}).index());
  TestClient second(world.service, world.carol.sign);
  TestClient::Raw raw;
  raw.body = R"({"Hello":{}})";
  EXPECT_NE(second.Send(raw).curl_error, 0);
}

TEST_F(OperationTest, AReloadReadsTheCertificateAgainForConnectionsFromThenOn) {
  ServerConfig changed = world.service.config;
  TestFolder folder;
  const TlsFiles files =
      LoadOrCreateSelfSigned(folder.path(), "example.com", world.service.clock).value();
  changed.self_signed = false;
  changed.cert = files.certificate;
  changed.key = files.key;
  TestClient::Raw raw;
  raw.body = R"({"Hello":{}})";
  ASSERT_EQ(bob->Send(raw).status, 201);
  ASSERT_TRUE(world.service.server().Reload(changed));
  EXPECT_EQ(bob->Send(raw).status, 201);  // its connection stays
  TestClient old_ca(world.service, world.carol.sign);
  EXPECT_NE(old_ca.Send(raw).curl_error, 0);
  TestClient new_ca("example.com", world.service.address(), files.certificate, world.carol.sign);
  EXPECT_EQ(new_ca.Send(raw).status, 201);
}

TEST_F(OperationTest, AReloadOfWhatIsNotGoodChangesNothing) {
  ServerConfig changed = world.service.config;
  changed.max_requests = 0;
  EXPECT_FALSE(world.service.server().Reload(changed));
  changed = world.service.config;
  changed.max_requests = 1;
  changed.self_signed = false;
  changed.cert = changed.key = "/nonexistent.pem";
  EXPECT_FALSE(world.service.server().Reload(changed));
  EXPECT_TRUE(bob->Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
}

TEST_F(OperationTest, AReloadNamesWhatWaitsForTheNextStart) {
  ServerConfig changed = world.service.config;
  changed.threads = 3;
  changed.audit_sync = "disk";
  changed.max_requests = 7;
  const auto later = world.service.server().Reload(changed);
  ASSERT_TRUE(later);
  EXPECT_EQ(*later, (std::vector<std::string_view>{"audit-sync", "threads"}));
}

class LogTest : public testing::Test {
 protected:
  void TearDown() override {
    SetLogFormat(LogFormat::kText);
    (void)SetLogLevel("off");
  }
  // What is logged meanwhile.
  template <typename Work>
  static std::string Logged(const Work& work) {
    testing::internal::CaptureStderr();
    work();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, OfARequestThatFailedNamesItByTheIdThatTheClientGot) {
  StoreFaults faults;
  World world(faults.Wrap());
  ASSERT_TRUE(SetLogLevel("info"));
  SetLogFormat(LogFormat::kJson);
  TestClient& bob = world.bob_client;
  bob.Hello();
  HttpAnswer answer;
  const std::string text = Logged([&] {
    faults.writes = true;
    answer = bob.Send(bob.Sign(DumpJson(ToJson(Request(SetRequest{"", world.bob.Jws()})))));
  });
  EXPECT_EQ(answer.status, 500);
  ASSERT_FALSE(answer.request_id.empty());
  std::istringstream lines(text);
  std::vector<Json> records;
  for (std::string line; std::getline(lines, line);) {
    auto record = ParseJson(line);
    ASSERT_TRUE(record) << line;
    EXPECT_EQ(GetString(*record, "request").value(), answer.request_id) << line;
    records.push_back(std::move(*record));
  }
  ASSERT_EQ(records.size(), 2u) << text;
  EXPECT_EQ(records[0]["level"], "error");
  EXPECT_NE(records[0]["message"].get<std::string>().find("the disk is full"), std::string::npos);
  EXPECT_EQ(records[1]["message"], "answered");
  EXPECT_EQ(records[1]["transaction"], "Set");
  EXPECT_EQ(records[1]["status"], "500");
}

TEST_F(LogTest, SaysOfRequestsAsMuchAsItIsTold) {
  World world;
  ServerConfig config = world.service.config;
  config.log_level = "info";
  const auto logged = [&](const char* which) {
    config.log_requests = which;
    return Logged([&] {
      ASSERT_TRUE(world.service.server().Reload(config));
      world.bob_client.Grant(world.label.Kid(), {NewEphemeral()});
      TestClient::Raw raw;
      raw.body = "{}";
      EXPECT_EQ(world.bob_client.Send(raw).status, 400);
    });
  };
  for (const char* none : {"none", "failed"}) EXPECT_EQ(logged(none), "") << none;
  const std::string refused = logged("refused");
  EXPECT_NE(refused.find("status=400 reason=invalid"), std::string::npos) << refused;
  EXPECT_EQ(refused.find("status=201"), std::string::npos) << refused;
  EXPECT_NE(logged("all").find("transaction=Get status=201"), std::string::npos);
}

// With everything in the log that there is, over all that a label's life has.
TEST_F(LogTest, HoldsNoSecret) {
  ASSERT_TRUE(SetLogLevel("debug"));
  std::vector<std::string> secrets;
  const std::string text = Logged([&secrets] {
    World world;
    ServerConfig config = world.service.config;
    config.log_level = "debug";
    config.log_requests = "all";
    ASSERT_TRUE(world.service.server().Reload(config));
    const Bytes ephemeral = NewEphemeral();
    const GetResponse granted = world.bob_client.Grant(world.label.Kid(), {ephemeral});
    ASSERT_TRUE(granted.grants.at(0).status.ok());
    world.alice_client.SetUser(world.label.User(world.carol));
    secrets = {Base64UrlEncode(granted.grants[0].p), Base64UrlEncode(world.bob_client.session_id),
               Base64UrlEncode(world.label.key.RevealBytes().Reveal()),
               Base64UrlEncode(world.service.server().keys().encrypt.RevealBytes().Reveal())};
  });
  EXPECT_NE(text.find("transaction=Set status=201"), std::string::npos) << text;
  EXPECT_EQ(secrets.size(), 4u);
  for (const std::string& secret : secrets) EXPECT_EQ(text.find(secret), std::string::npos);
  for (const char* member : {"half", "Half", "mac=", "ciphertext", "\"d\""}) {
    EXPECT_EQ(text.find(member), std::string::npos) << member;
  }
}

TEST_F(LogTest, ALineIsALineWhateverItSays) {
  ASSERT_TRUE(SetLogLevel("info"));
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    SetLogFormat(format);
    const std::string text = Logged([] { LogInfo("one\ntwo \xFF \" {}", {{"peer", "a\nb"}}); });
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_NE(text.find("two"), std::string::npos);
    if (format == LogFormat::kJson) {
      EXPECT_TRUE(ParseJson(text.substr(0, text.size() - 1))) << text;
    }
  }
}

}  // namespace
}  // namespace recrypt
