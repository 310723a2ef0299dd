// What reaches the service before anybody is known: sizes, shapes and encodings of requests.
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "core/json/jsonbcd.h"
#include "world.h"

namespace recrypt {
namespace {

// Resident memory of this process, which the server runs in, in MiB.
long ResidentMib() {
  std::ifstream statm("/proc/self/statm");
  long total = 0;
  long resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

class HttpTest : public testing::Test {
 protected:
  HttpAnswer Post(const std::string& body, const std::string& type = "application/json") {
    TestClient::Raw raw;
    raw.body = body;
    raw.content_type = type;
    return client.Send(raw);
  }

  TestService service;
  TestClient client{service, PrivateKey::Generate(Curve::kEd25519)};
};

TEST_F(HttpTest, ABodyOfOneGibIsRefusedEarly) {
  for (bool chunked : {false, true}) {
    TestClient::Raw raw;
    raw.zeros = uint64_t{1} << 30;
    raw.chunked = chunked;
    const long before = ResidentMib();
    const HttpAnswer answer = client.Send(raw);
    EXPECT_EQ(answer.status, 413) << "curl " << answer.curl_error;
    EXPECT_LT(answer.sent, uint64_t{128} << 20);
    EXPECT_LT(ResidentMib() - before, 32);
  }
  EXPECT_EQ(Post(R"({"Hello":{}})").status, 201);
}

TEST_F(HttpTest, ABodyOfOneMibIsRead) {
  std::string body = R"({"Hello":{"Colour":")";
  body += std::string(kMaxRequestBody - body.size() - 3, 'x') + "\"}}";
  ASSERT_EQ(body.size(), kMaxRequestBody);
  EXPECT_EQ(Post(body).status, 201);
  EXPECT_EQ(Post(body + " ").status, 413);
}

TEST_F(HttpTest, DeepJsonIsRefused) {
  const auto nested = [](size_t depth) {
    return R"({"Hello":{"A":)" + std::string(depth, '[') + std::string(depth, ']') + "}}";
  };
  EXPECT_EQ(Post(nested(60)).status, 201);
  EXPECT_EQ(Post(nested(65)).status, 400);
  EXPECT_EQ(Post(nested(400'000)).status, 400);
}

TEST_F(HttpTest, WhatIsNoRequestIsRefused) {
  for (const char* body :
       {"", "x", "{", "[]", "null", "{}", R"({"Hello":{}}x)", R"({"Hello":{},"Hello":{}})",
        R"({"Hello":{"Portal":1}})", "{\"Hello\":{\"Portal\":\"\xFF\"}}", R"({"hello":{}})"}) {
    const HttpAnswer answer = Post(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(client.StatusOfAnswer(answer).reason, "invalid") << body;
  }
}

TEST_F(HttpTest, JsonBAndJsonCAreRead) {
  const Bytes encoded = EncodeJsonB(ToJson(Request(client.MakeHello())));
  const std::string body(AsText(encoded));
  for (const char* type : {"application/json-b", "application/json-c"}) {
    const HttpAnswer answer = Post(body, type);
    EXPECT_EQ(answer.status, 201) << answer.body;
    EXPECT_TRUE(std::get<HelloResponse>(*ParseResponse(*ParseJson(answer.body))).session);
  }
  EXPECT_EQ(Post(body, "application/json").status, 400);
}

TEST_F(HttpTest, AnotherContentTypeIsRefused) {
  for (const char* type : {"", "text/plain", "application/xml"}) {
    EXPECT_EQ(Post(R"({"Hello":{}})", type).status, 400) << type;
  }
  EXPECT_EQ(Post(R"({"Hello":{}})", "application/json; charset=utf-8").status, 201);
}

TEST_F(HttpTest, AnotherMethodOrPathIsRefused) {
  TestClient::Raw raw;
  raw.method = "GET";
  EXPECT_EQ(client.Send(raw).status, 405);
  raw.path = "/etc/passwd";
  EXPECT_EQ(client.Send(raw).status, 404);
  raw.path = "/../../etc/passwd";
  EXPECT_EQ(client.Send(raw).status, 404);
  raw.method = "POST";
  raw.body = "{}";
  EXPECT_EQ(client.Send(raw).status, 404);
}

TEST_F(HttpTest, HealthAndReadinessAreTold) {
  TestClient::Raw raw;
  raw.method = "GET";
  raw.path = "/healthz";
  EXPECT_EQ(client.Send(raw).status, 200);
  raw.path = "/readyz";
  EXPECT_EQ(client.Send(raw).status, 200);
}

TEST_F(HttpTest, AHeaderWithoutEndIsRefused) {
  TestClient::Raw raw;
  raw.body = R"({"Hello":{}})";
  raw.authorization = std::string(64 * 1024, 'x');
  const HttpAnswer answer = client.Send(raw);
  EXPECT_TRUE(answer.status == 431 || answer.curl_error != 0) << answer.status;
  EXPECT_EQ(Post(R"({"Hello":{}})").status, 201);
}

TEST_F(HttpTest, ItsCertificateHoldsForItsDomainAndItsCaFileAlone) {
  TestClient stranger("example.com", service.address(), "/dev/null", client.device);
  TestClient::Raw raw;
  raw.body = R"({"Hello":{}})";
  EXPECT_NE(stranger.Send(raw).curl_error, 0);
  TestClient other_name("example.org", service.address(), service.ca_file(), client.device);
  EXPECT_NE(other_name.Send(raw).curl_error, 0);
}

TEST_F(HttpTest, PlainTextOnThePortHarmsNobody) {
  for (const std::string& noise :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100000, 'x')}) {
    const UniqueFd fd = ConnectTo(service.address());
    ASSERT_TRUE(fd);
    (void)!send(fd.get(), noise.data(), noise.size(), MSG_NOSIGNAL);
  }
  EXPECT_EQ(Post(R"({"Hello":{}})").status, 201);
}

TEST_F(HttpTest, StoppingDoesNotWaitForIdleConnections) {
  std::vector<std::unique_ptr<TestClient>> idle;
  for (int i = 0; i < 20; ++i) {
    idle.push_back(std::make_unique<TestClient>(service, client.device));
    idle.back()->Hello();
  }
  const auto begin = std::chrono::steady_clock::now();
  service.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Overload, IsAnsweredWith503AndWhenToComeAgain) {
  TestFolder folder;
  const SystemClock clock;
  HttpServerOptions options;
  options.listen = "127.0.0.1:0";
  options.tls = LoadOrCreateSelfSigned(folder.path(), "example.com", clock).value();
  options.limits.max_requests = 0;
  auto server = HttpServer::Start(options, [](HttpRequest, const HttpReply&) {}).value();
  TestClient client("example.com", server->address(), options.tls.certificate,
                    PrivateKey::Generate(Curve::kEd25519));
  TestClient::Raw raw;
  raw.body = R"({"Hello":{}})";
  const HttpAnswer answer = client.Send(raw);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.retry_after, "1");
}

TEST(Overload, OfTheThreadsIsNoticedWhileRequestsWaitAndPasses) {
  TestFolder folder;
  const SystemClock clock;
  HttpServerOptions options;
  options.listen = "127.0.0.1:0";
  options.tls = LoadOrCreateSelfSigned(folder.path(), "example.com", clock).value();
  options.threads = 1;
  options.limits.max_wait_millis = 250;
  std::atomic<int> turned_away = 0;
  options.turned_away = [&turned_away](int status) { turned_away += status == 503 ? 1 : 0; };
  auto server = HttpServer::Start(options, [](HttpRequest, const HttpReply& reply) {
                  std::this_thread::sleep_for(std::chrono::milliseconds(50));
                  reply(PlainResponse(200, "done"));
                }).value();
  TestClient::Raw raw;
  raw.body = "{}";
  const auto connect = [&] {
    return std::make_unique<TestClient>("example.com", server->address(), options.tls.certificate,
                                        PrivateKey::Generate(Curve::kEd25519));
  };
  std::atomic<int> answered = 0;
  std::atomic<int> overloaded = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&] {
      const auto client = connect();
      for (int j = 0; j < 6; ++j) {
        ++(client->Send(raw).status == 503 ? overloaded : answered);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_GT(answered, 0);
  EXPECT_GT(overloaded, 0);
  EXPECT_EQ(overloaded, turned_away);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(connect()->Send(raw).status, 200);
}

TEST(SlowClients, AreSentAwayAfterTheTimeThatTheyHave) {
  TestFolder folder;
  const SystemClock clock;
  HttpServerOptions options;
  options.listen = "127.0.0.1:0";
  options.tls = LoadOrCreateSelfSigned(folder.path(), "example.com", clock).value();
  options.handshake_seconds = 1;
  auto server = HttpServer::Start(options, [](HttpRequest, const HttpReply&) {}).value();
  const UniqueFd fd = ConnectTo(server->address());
  ASSERT_TRUE(fd);
  char byte = 0;
  EXPECT_LE(recv(fd.get(), &byte, 1, 0), 0);
  EXPECT_NE(errno, EAGAIN);
}

}  // namespace
}  // namespace recrypt
