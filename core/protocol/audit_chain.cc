#include "core/protocol/audit_chain.h"

#include "core/base/clock.h"
#include "core/identity/signed_object.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"

namespace recrypt {
namespace {

constexpr std::string_view kType = "checkpoint";

Result<Checkpoint> ReadAndVerify(const Json& jws) {
  RECRYPT_ASSIGN(const Json payload, signed_object::Peek(jws, kType));
  RECRYPT_ASSIGN(std::string domain, signed_object::ReadDomain(payload, "domain"));
  std::string label;
  if (FindMember(payload, "label") != nullptr) {
    RECRYPT_ASSIGN(const LabelName name, signed_object::ReadLabel(payload, "label"));
    label = name.text();
  }
  AuditHead head;
  RECRYPT_ASSIGN(head.sequence, GetUint(payload, "sequence"));
  RECRYPT_ASSIGN(const Bytes hash, GetBytes(payload, "hash"));
  RECRYPT_ASSIGN(head.hash, ToArray<32>(hash));
  RECRYPT_ASSIGN(const std::string time_text, GetString(payload, "time"));
  RECRYPT_ASSIGN(const int64_t time, ParseTime(time_text));
  RECRYPT_ASSIGN(PublicKey sign,
                 signed_object::ReadKey(payload, "sign", signed_object::KeyUse::kSign));
  RECRYPT_TRY(signed_object::Verify(jws, sign));
  return Checkpoint{std::move(domain), std::move(label), head, time, std::move(sign)};
}

}  // namespace

Sha256Digest AuditHash(const Sha256Digest& before, std::string_view record) {
  Bytes input;
  input.reserve(before.size() + record.size());
  Append(input, before);
  Append(input, AsBytes(record));
  return Sha256(input);
}

Json SignCheckpoint(const Checkpoint& checkpoint, const PrivateKey& sign) {
  Json payload = {{"type", kType},
                  {"domain", checkpoint.domain},
                  {"sequence", checkpoint.head.sequence},
                  {"hash", Base64UrlEncode(checkpoint.head.hash)},
                  {"time", FormatTime(checkpoint.time)},
                  {"sign", ToJwk(checkpoint.sign)}};
  if (!checkpoint.label.empty()) payload["label"] = checkpoint.label;
  return SignJws(sign, DumpJson(payload));
}

Result<Checkpoint> VerifyCheckpoint(const Json& jws) {
  auto checkpoint = ReadAndVerify(jws);
  if (!checkpoint) return Fail(checkpoint.error(), "audit checkpoint");
  return checkpoint;
}

}  // namespace recrypt
