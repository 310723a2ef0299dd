#include "core/protocol/session.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

HandshakeText ExampleHello() {
  return {"example.com", Bytes(32, 1), "MAAA-BBBB", "2026-01-31T12:00:00Z"};
}

ServiceText ExampleService() { return {Bytes(16, 2), Bytes(32, 3), "MCCC-DDDD"}; }

TEST(HelloText, IsTheLabelAndTheLengthPrefixedFields) {
  Bytes expected = ToBytes(AsBytes(std::string_view("meshrecrypt/1 hello\0\0\x0b", 22)));
  Append(expected, AsBytes("example.com"));
  Append(expected, Bytes{0, 32});
  Append(expected, Bytes(32, 1));
  Append(expected, Bytes{0, 9});
  Append(expected, AsBytes("MAAA-BBBB"));
  Append(expected, Bytes{0, 20});
  Append(expected, AsBytes("2026-01-31T12:00:00Z"));
  EXPECT_EQ(HelloText(ExampleHello()), expected);
}

TEST(HelloText, DiffersWhenBytesMoveFromOneFieldToTheNext) {
  HandshakeText moved = ExampleHello();
  moved.device = "MAAA-BBBB2";
  moved.time = "026-01-31T12:00:00Z";
  EXPECT_NE(HelloText(moved), HelloText(ExampleHello()));
}

TEST(Transcript, CoversEveryField) {
  const Sha256Digest whole = Transcript(ExampleHello(), ExampleService());
  for (int field = 0; field < 7; ++field) {
    HandshakeText hello = ExampleHello();
    ServiceText service = ExampleService();
    if (field == 0) hello.domain[0] = 'E';
    if (field == 1) hello.client_ephemeral[31] ^= 1;
    if (field == 2) hello.device[0] = 'X';
    if (field == 3) hello.time[19] = 'z';
    if (field == 4) service.session_id[0] ^= 1;
    if (field == 5) service.service_ephemeral[0] ^= 1;
    if (field == 6) service.service[0] = 'X';
    EXPECT_NE(Transcript(hello, service), whole) << "field " << field;
  }
}

TEST(SessionKeys, AreTheSameAtBothEndsAndDifferByDirection) {
  const PrivateKey client = PrivateKey::Generate(Curve::kX25519);
  const PrivateKey service = PrivateKey::Generate(Curve::kX25519);
  const Sha256Digest transcript = Transcript(ExampleHello(), ExampleService());
  auto at_client = DeriveSessionKeys(client, service.public_key().bytes(), transcript);
  auto at_service = DeriveSessionKeys(service, client.public_key().bytes(), transcript);
  ASSERT_TRUE(at_client && at_service);
  EXPECT_TRUE(at_client->request.Equals(at_service->request));
  EXPECT_TRUE(at_client->response.Equals(at_service->response));
  EXPECT_FALSE(at_client->request.Equals(at_client->response));
}

TEST(SessionKeys, RefuseAnEphemeralThatGivesZero) {
  const PrivateKey own = PrivateKey::Generate(Curve::kX25519);
  EXPECT_FALSE(DeriveSessionKeys(own, Bytes(32, 0), Sha256Digest{}));
  EXPECT_FALSE(DeriveSessionKeys(own, Bytes(31, 9), Sha256Digest{}));
}

SessionKeys FixedKeys() { return {Secret::CopyOf(Bytes(32, 7)), Secret::CopyOf(Bytes(32, 8))}; }

RequestText ExampleRequest() {
  return {"POST", "example.com", kWellKnownPath, 1769860800, 1, AsBytes("{}")};
}

TEST(RequestMac, IsHmacOverTheLinesOfTheProtocolPage) {
  const std::string text =
      "meshrecrypt/1 request\nPOST\nexample.com\n/.well-known/meshrecrypt\n1769860800\n1\n" +
      Base64UrlEncode(Sha256(AsBytes("{}")));
  EXPECT_EQ(RequestMac(FixedKeys(), ExampleRequest()), HmacSha256(Bytes(32, 7), AsBytes(text)));
}

TEST(RequestMac, CoversMethodDomainPathTimeSequenceAndBody) {
  const Sha256Digest whole = RequestMac(FixedKeys(), ExampleRequest());
  for (int field = 0; field < 6; ++field) {
    RequestText request = ExampleRequest();
    if (field == 0) request.method = "PUT";
    if (field == 1) request.domain = "example.net";
    if (field == 2) request.path = "/";
    if (field == 3) request.time += 1;
    if (field == 4) request.sequence += 1;
    if (field == 5) request.body = AsBytes("{ }");
    EXPECT_NE(RequestMac(FixedKeys(), request), whole) << "field " << field;
  }
}

TEST(ResponseMac, BindsTheAnswerToItsRequestAndStatus) {
  const Sha256Digest request = RequestMac(FixedKeys(), ExampleRequest());
  const Sha256Digest whole = ResponseMac(FixedKeys(), request, 201, AsBytes("{}"));
  Sha256Digest other = request;
  other[0] ^= 1;
  EXPECT_NE(ResponseMac(FixedKeys(), other, 201, AsBytes("{}")), whole);
  EXPECT_NE(ResponseMac(FixedKeys(), request, 401, AsBytes("{}")), whole);
  EXPECT_NE(ResponseMac(FixedKeys(), request, 201, AsBytes("[]")), whole);
}

TEST(Authorization, ReadsWhatItWrites) {
  const RequestAuthorization written{Bytes(16, 5), 42, 1769860800, Sha256(AsBytes("x"))};
  auto read = ParseAuthorization(FormatAuthorization(written));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->session_id, written.session_id);
  EXPECT_EQ(read->sequence, 42u);
  EXPECT_EQ(read->time, 1769860800);
  EXPECT_EQ(read->mac, written.mac);
}

TEST(Authorization, RefusesAnythingElse) {
  const std::string good =
      FormatAuthorization({Bytes(16, 5), 42, 1769860800, Sha256(AsBytes("x"))});
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ParseAuthorization(good.substr(0, size))) << size;
  }
  EXPECT_FALSE(ParseAuthorization(good + "A"));
  EXPECT_FALSE(ParseAuthorization(good + ", seq=1"));
  EXPECT_FALSE(ParseAuthorization("Bearer " + good));
  EXPECT_FALSE(ParseAuthorization(std::string(100000, 'M')));
  for (const char* seq : {"-1", "+1", " 1", "0x1", "18446744073709551616", "", "1 "}) {
    std::string bad = good;
    bad.replace(bad.find("seq=42"), 6, std::string("seq=") + seq);
    EXPECT_FALSE(ParseAuthorization(bad)) << bad;
  }
}

TEST(ReplayWindow, TakesEachNumberOnce) {
  ReplayWindow window;
  EXPECT_FALSE(window.Take(0));
  for (uint64_t i = 1; i <= 3000; ++i) EXPECT_TRUE(window.Take(i)) << i;
  for (uint64_t i = 1; i <= 3000; ++i) EXPECT_FALSE(window.Take(i)) << i;
}

TEST(ReplayWindow, TakesNumbersOutOfOrderWithin1024BelowTheHighest) {
  ReplayWindow window;
  EXPECT_TRUE(window.Take(5000));
  EXPECT_TRUE(window.Take(5000 - 1023));
  EXPECT_FALSE(window.Take(5000 - 1024));
  EXPECT_TRUE(window.Take(4999));
  EXPECT_FALSE(window.Take(4999));
  EXPECT_TRUE(window.Take(5001));
  EXPECT_FALSE(window.Take(5001 - 1024));
}

TEST(ReplayWindow, ForgetsNothingWithinTheWindowWhenItSlides) {
  ReplayWindow window;
  EXPECT_TRUE(window.Take(1));
  EXPECT_TRUE(window.Take(1024));
  EXPECT_FALSE(window.Take(1));
  EXPECT_TRUE(window.Take(UINT64_MAX));
  EXPECT_FALSE(window.Take(UINT64_MAX));
  EXPECT_FALSE(window.Take(1024));
  EXPECT_TRUE(window.Take(UINT64_MAX - 1023));
}

}  // namespace
}  // namespace recrypt
