// Hello, and who is believed afterwards (docs/PROTOCOL.md, 2).
#include "core/jose/jwk.h"
#include "postgres.h"
#include "world.h"

namespace recrypt {
namespace {

std::string LabelsBody() {
  SelectRequest select;
  select.type = "Labels";
  return DumpJson(ToJson(Request(select)));
}

TEST(Hello, TellsVersionAndServiceProfileToAnyone) {
  TestService service;
  TestClient client(service, PrivateKey::Generate(Curve::kEd25519));
  const Response response = client.CallBare(Request(HelloRequest{}));
  const auto& hello = std::get<HelloResponse>(response);
  EXPECT_EQ(hello.status.status, StatusCode::kOk);
  EXPECT_FALSE(hello.session);
  const auto profile = VerifyServiceProfile(hello.service);
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->domain, "example.com");
  EXPECT_EQ(profile->Udf(), service.server().fingerprint());
}

TEST(Hello, MakesASessionForEd25519AndP256Devices) {
  TestService service;
  for (Curve curve : {Curve::kEd25519, Curve::kP256}) {
    TestClient client(service, PrivateKey::Generate(curve));
    client.Hello();
    EXPECT_TRUE(StatusIn(client.Call(*ParseRequest(*ParseJson(LabelsBody())))).ok());
  }
}

ResponseStatus GreetWith(TestService& service, void (*spoil)(HelloRequest&)) {
  TestClient client(service, PrivateKey::Generate(Curve::kEd25519));
  HelloRequest hello = client.MakeHello();
  spoil(hello);
  const Response response = client.CallBare(Request(hello));
  const auto* answer = std::get_if<HelloResponse>(&response);
  EXPECT_FALSE(answer && answer->session);
  return StatusIn(response);
}

TEST(Hello, IsRefusedWhenAnySignedFieldWasChanged) {
  TestService service;
  EXPECT_EQ(GreetWith(service, [](HelloRequest& h) { h.session->signature[0] ^= 1; }).status,
            StatusCode::kUnauthorized);
  EXPECT_EQ(GreetWith(service, [](HelloRequest& h) { h.session->ephemeral[0] ^= 1; }).status,
            StatusCode::kUnauthorized);
  EXPECT_EQ(GreetWith(service, [](HelloRequest& h) { h.session->time[18] ^= 1; }).status,
            StatusCode::kUnauthorized);
  EXPECT_EQ(GreetWith(service,
                      [](HelloRequest& h) {
                        h.session->device =
                            ToJwk(PrivateKey::Generate(Curve::kEd25519).public_key());
                      })
                .status,
            StatusCode::kUnauthorized);
}

TEST(Hello, IsRefusedForAnotherDomain) {
  TestService service;
  EXPECT_EQ(GreetWith(service, [](HelloRequest& h) { h.portal = "example.net"; }).status,
            StatusCode::kInvalid);
}

TEST(Hello, SignedForAnotherDomainIsRefused) {
  TestService service;
  const PrivateKey device = PrivateKey::Generate(Curve::kEd25519);
  TestClient elsewhere("example.net", service.address(), service.ca_file(), device);
  HelloRequest hello = elsewhere.MakeHello();
  hello.portal.clear();
  TestClient client(service, device);
  EXPECT_EQ(StatusIn(client.CallBare(Request(hello))).status, StatusCode::kUnauthorized);
}

TEST(Hello, IsRefusedWhenTheClocksDifferByMoreThanFiveMinutes) {
  TestService service;
  for (int64_t offset : {-301, 301}) {
    service.clock.Advance(offset);
    const ResponseStatus status = GreetWith(service, [](HelloRequest&) {});
    EXPECT_EQ(status.reason, "stale");
    service.clock.Advance(-offset);
  }
}

TEST(Hello, IsRefusedForADeviceKeyThatCannotSign) {
  TestService service;
  EXPECT_EQ(GreetWith(service,
                      [](HelloRequest& h) {
                        h.session->device =
                            ToJwk(PrivateKey::Generate(Curve::kX25519).public_key());
                      })
                .status,
            StatusCode::kInvalid);
}

class RequestOfASession : public testing::Test {
 protected:
  RequestOfASession() { client.Hello(); }

  // The refusal, which must not carry a true MAC unless `expect_mac`.
  std::string ReasonOf(const TestClient::Raw& raw, bool expect_mac = false) {
    const HttpAnswer answer = client.Send(raw);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(client.HasTrueMac(answer), expect_mac);
    return client.StatusOfAnswer(answer).reason;
  }

  TestService service;
  TestClient client{service, PrivateKey::Generate(Curve::kEd25519)};
};

TEST_F(RequestOfASession, IsAnsweredWithATrueMac) {
  const HttpAnswer answer = client.Send(client.Sign(LabelsBody()));
  EXPECT_EQ(answer.status, 201);
  EXPECT_TRUE(client.HasTrueMac(answer));
}

TEST_F(RequestOfASession, IsRefusedWithoutASession) {
  TestClient::Raw raw;
  raw.body = LabelsBody();
  EXPECT_EQ(ReasonOf(raw), "session");
}

TEST_F(RequestOfASession, IsTakenOnce) {
  const TestClient::Raw raw = client.Sign(LabelsBody());
  EXPECT_EQ(client.Send(raw).status, 201);
  EXPECT_EQ(ReasonOf(raw), "stale");
}

TEST_F(RequestOfASession, MayArriveOutOfOrderWithinTheWindow) {
  EXPECT_EQ(client.Send(client.Sign(LabelsBody(), {"", 0, 2000, false})).status, 201);
  EXPECT_EQ(client.Send(client.Sign(LabelsBody(), {"", 0, 1999, false})).status, 201);
  EXPECT_EQ(ReasonOf(client.Sign(LabelsBody(), {"", 0, 900, false})), "stale");
}

TEST_F(RequestOfASession, IsRefusedWithAWrongMac) {
  EXPECT_EQ(ReasonOf(client.Sign(LabelsBody(), {"", 0, std::nullopt, true})), "session");
}

TEST_F(RequestOfASession, WithAWrongMacDoesNotUseItsNumberUp) {
  EXPECT_EQ(client.Send(client.Sign(LabelsBody(), {"", 0, 5, true})).status, 401);
  EXPECT_EQ(client.Send(client.Sign(LabelsBody(), {"", 0, 5, false})).status, 201);
}

TEST_F(RequestOfASession, IsRefusedWithAnotherBodyThanWasSigned) {
  TestClient::Raw raw = client.Sign(LabelsBody());
  raw.body += " ";
  EXPECT_EQ(ReasonOf(raw), "session");
}

TEST_F(RequestOfASession, SignedForAnotherHostIsRefused) {
  EXPECT_EQ(ReasonOf(client.Sign(LabelsBody(), {"example.net", 0, std::nullopt, false})),
            "session");
}

TEST_F(RequestOfASession, SentToAnotherHostIsRefused) {
  TestClient::Raw raw = client.Sign(LabelsBody());
  raw.host = "example.net";
  const HttpAnswer answer = client.Send(raw);
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(client.StatusOfAnswer(answer).description.find("example.com"), std::string::npos);
}

TEST_F(RequestOfASession, IsRefusedWhenItsTimeIsOff) {
  EXPECT_EQ(ReasonOf(client.Sign(LabelsBody(), {"", -301, std::nullopt, false}), true), "stale");
  EXPECT_EQ(ReasonOf(client.Sign(LabelsBody(), {"", 301, std::nullopt, false}), true), "stale");
}

TEST_F(RequestOfASession, IsRefusedAfterAnHour) {
  service.clock.Advance(kSessionSeconds);
  client.clock_offset = kSessionSeconds;
  EXPECT_EQ(ReasonOf(client.Sign(LabelsBody())), "session");
}

TEST_F(RequestOfASession, IsRefusedByAServiceThatStartedAnewUnlessItSharesSessions) {
  service.Restart();
  TestClient again(service, client.device);
  again.keys.emplace(std::move(*client.keys));
  again.session_id = client.session_id;
  const std::string reason = again.StatusOfAnswer(again.Send(again.Sign(LabelsBody()))).reason;
  EXPECT_EQ(reason, TestPostgres::IsTheStore() ? "" : "session");
}

TEST_F(RequestOfASession, OfAnotherDeviceDoesNotFitItsKeys) {
  TestClient other(service, PrivateKey::Generate(Curve::kEd25519));
  other.Hello();
  TestClient::Raw raw = client.Sign(LabelsBody());
  other.session_id.swap(client.session_id);
  EXPECT_EQ(ReasonOf(client.Sign(LabelsBody())), "session");
}

TEST_F(RequestOfASession, IsRefusedWithAHeaderThatDoesNotParse) {
  for (const char* header : {"Bearer abc", "MeshRecrypt", "MeshRecrypt id=", "MeshRecrypt id=AA"}) {
    TestClient::Raw raw = client.Sign(LabelsBody());
    raw.authorization = header;
    EXPECT_EQ(client.Send(raw).status, 400) << header;
  }
}

std::shared_ptr<const Session> SessionOf(uint8_t number, const std::string& device,
                                         int64_t expires) {
  return std::make_shared<const Session>(Session{Bytes(16, number), device, {}, expires});
}

TEST(MemorySessionsTest, TheOldestMakeRoom) {
  MemorySessions sessions(3, 2);
  const auto there = [&](uint8_t number) {
    return sessions.Find(Bytes(16, number), 0).value() != nullptr;
  };
  const auto add = [&](uint8_t number, const std::string& device) {
    ASSERT_TRUE(sessions.Add(SessionOf(number, device, 1000), 0));
  };
  add(1, "a");
  add(2, "a");
  add(3, "a");  // more than two of one device
  EXPECT_FALSE(there(1));
  EXPECT_TRUE(there(2));
  add(4, "b");
  add(5, "c");  // more than three
  EXPECT_EQ(sessions.Count().value(), 3u);
  EXPECT_FALSE(there(2));
  EXPECT_TRUE(there(5));
}

TEST(MemorySessionsTest, EndWithTheirTimeAndTheirDevice) {
  MemorySessions sessions;
  const auto there = [&](uint8_t number, int64_t now) {
    return sessions.Find(Bytes(16, number), now).value() != nullptr;
  };
  ASSERT_TRUE(sessions.Add(SessionOf(1, "a", 1000), 0));
  ASSERT_TRUE(sessions.Add(SessionOf(2, "b", 2000), 0));
  EXPECT_TRUE(there(1, 999));
  EXPECT_FALSE(there(1, 1000));
  EXPECT_TRUE(sessions.EndDevice("b"));
  EXPECT_FALSE(there(2, 0));
  EXPECT_EQ(sessions.Count().value(), 0u);
}

}  // namespace
}  // namespace recrypt
