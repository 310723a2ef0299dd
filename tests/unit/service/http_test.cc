// What reaches the service before anybody is known: sizes, shapes and encodings of requests.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

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
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string where = service.address();
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(where.substr(where.rfind(':') + 1))));
  for (const std::string& noise :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100000, 'x')}) {
    const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
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
  options.max_requests = 0;
  auto server = HttpServer::Start(options, [](HttpRequest, const HttpReply&) {}).value();
  TestClient client("example.com", server->address(), options.tls.certificate,
                    PrivateKey::Generate(Curve::kEd25519));
  TestClient::Raw raw;
  raw.body = R"({"Hello":{}})";
  const HttpAnswer answer = client.Send(raw);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.retry_after, "1");
}

TEST(SlowClients, AreSentAwayAfterTheTimeThatTheyHave) {
  TestFolder folder;
  const SystemClock clock;
  HttpServerOptions options;
  options.listen = "127.0.0.1:0";
  options.tls = LoadOrCreateSelfSigned(folder.path(), "example.com", clock).value();
  options.handshake_seconds = 1;
  auto server = HttpServer::Start(options, [](HttpRequest, const HttpReply&) {}).value();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string where = server->address();
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(where.substr(where.rfind(':') + 1))));
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const timeval limit{10, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  char byte = 0;
  EXPECT_LE(recv(fd.get(), &byte, 1, 0), 0);
  EXPECT_NE(errno, EAGAIN);
}

}  // namespace
}  // namespace recrypt
