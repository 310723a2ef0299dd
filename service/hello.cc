#include "core/jose/jwk.h"
#include "core/udf/udf.h"
#include "service/transactions.h"

namespace recrypt {
namespace {

constexpr size_t kSessionIdSize = 16;

struct Greeting {
  HandshakeText text;
  PublicKey device;
};

// The device's key and what it has signed, verified.
Result<Greeting> ReadGreeting(const ServiceContext& context, const HelloRequest::Session& session) {
  RECRYPT_ASSIGN(PublicKey device, PublicKeyFromJwk(session.device));
  if (device.curve() == Curve::kX25519) {
    return Fail(ErrorCode::kInvalid, "the device's key is none for signatures");
  }
  HandshakeText text{context.options.domain, session.ephemeral, KeyUdf(device), session.time};
  if (!device.Verify(HelloText(text), session.signature)) {
    return Fail(ErrorCode::kDenied, "the signature does not match the device's key and domain");
  }
  return Greeting{std::move(text), std::move(device)};
}

Result<HelloResponse::Session> OpenSession(ServiceContext& context, const Greeting& greeting,
                                           int64_t now) {
  const PrivateKey ephemeral = PrivateKey::Generate(Curve::kX25519);
  HelloResponse::Session answer;
  answer.id = Bytes(kSessionIdSize);
  RandomBytes(answer.id);
  answer.ephemeral = ephemeral.public_key().bytes();
  answer.expires = FormatTime(now + kSessionSeconds);
  const Sha256Digest transcript =
      Transcript(greeting.text, {answer.id, answer.ephemeral, context.keys.udf});
  RECRYPT_ASSIGN(answer.signature, context.keys.sign.Sign(SessionText(transcript)));
  RECRYPT_ASSIGN(SessionKeys keys,
                 DeriveSessionKeys(ephemeral, greeting.text.client_ephemeral, transcript));
  RECRYPT_TRY(context.sessions.Add(
      std::make_shared<const Session>(
          Session{answer.id, greeting.text.device, std::move(keys), now + kSessionSeconds}),
      now));
  return answer;
}

Result<ResponseStatus> CheckTime(const Greeting& greeting, int64_t now) {
  RECRYPT_ASSIGN(const int64_t time, ParseTime(greeting.text.time));
  if (time < now - kMaxClockSkewSeconds || time > now + kMaxClockSkewSeconds) {
    return Refusal("stale", "the clocks differ: here it is " + FormatTime(now));
  }
  return ResponseStatus{};
}

Result<HelloResponse> Greet(ServiceContext& context, const HelloRequest& request) {
  HelloResponse response;
  response.service = context.keys.profile;
  if (!request.session) return response;
  const int64_t now = context.clock.NowSeconds();
  RECRYPT_ASSIGN(const Greeting greeting, ReadGreeting(context, *request.session));
  RECRYPT_ASSIGN(response.status, CheckTime(greeting, now));
  if (!response.status.ok()) return response;
  RECRYPT_ASSIGN(response.session, OpenSession(context, greeting, now));
  return response;
}

}  // namespace

void HandleHello(ServiceContext& context, const HelloRequest& request, const Reply& reply) {
  auto response = Greet(context, request);
  reply(response ? Response(std::move(*response)) : Response(StatusFor(response.error())));
}

}  // namespace recrypt
