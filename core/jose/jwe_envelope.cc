#include "core/jose/jwe_envelope.h"

#include "core/jose/jwe.h"

namespace recrypt {
namespace {

tl::unexpected<Error> Refuse(const std::string& why) {
  return Fail(ErrorCode::kInvalid, "JWE: " + why);
}

Result<Json> DecodeProtected(std::string_view b64) {
  if (b64.empty()) return Json(Json::object());
  RECRYPT_ASSIGN(const Bytes text, Base64UrlDecode(b64));
  RECRYPT_ASSIGN(Json header, ParseJson(AsText(text)));
  if (!header.is_object()) return Refuse("the protected header is no object");
  return header;
}

// An optional member; absent is empty, but what is there must be of the right kind.
Result<Json> OptionalObject(const Json& object, const char* key) {
  if (!object.contains(key)) return Json(Json::object());
  RECRYPT_ASSIGN(const Json* member, GetObject(object, key));
  return *member;
}

Result<Bytes> OptionalBytes(const Json& object, const char* key) {
  if (!object.contains(key)) return Bytes();
  return GetBytes(object, key);
}

Result<JweEnvelope::Recipient> ReadRecipient(const Json& object) {
  if (!object.is_object()) return Refuse("a recipient is no object");
  JweEnvelope::Recipient recipient;
  RECRYPT_ASSIGN(recipient.header, OptionalObject(object, "header"));
  RECRYPT_ASSIGN(recipient.encrypted_key, OptionalBytes(object, "encrypted_key"));
  return recipient;
}

Result<std::vector<JweEnvelope::Recipient>> ReadRecipients(const Json& jwe) {
  std::vector<JweEnvelope::Recipient> out;
  if (!jwe.contains("recipients")) {
    RECRYPT_ASSIGN(JweEnvelope::Recipient only, ReadRecipient(jwe));
    out.push_back(std::move(only));
    return out;
  }
  if (jwe.contains("header") || jwe.contains("encrypted_key")) {
    return Refuse("general and flattened serialization at once");
  }
  RECRYPT_ASSIGN(const Json* list, GetArray(jwe, "recipients"));
  if (list->empty() || list->size() > kMaxJweRecipients) return Refuse("number of recipients");
  for (const Json& object : *list) {
    RECRYPT_ASSIGN(JweEnvelope::Recipient recipient, ReadRecipient(object));
    out.push_back(std::move(recipient));
  }
  return out;
}

Result<std::vector<std::string_view>> SplitCompact(std::string_view compact) {
  constexpr size_t kParts = 5;
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t dot = compact.find('.');
    parts.push_back(compact.substr(0, dot));
    if (dot == compact.npos) break;
    if (parts.size() == kParts) return Refuse("more than five parts");
    compact.remove_prefix(dot + 1);
  }
  if (parts.size() != kParts) return Refuse("not five parts");
  return parts;
}

}  // namespace

Result<Json> JweEnvelope::JoinedHeader(const Recipient& recipient) const {
  Json joined = protected_header;
  for (const Json* header : {&shared_header, &recipient.header}) {
    for (const auto& [name, value] : header->items()) {
      if (joined.contains(name)) return Refuse("a header member stands in two places");
      joined[name] = value;
    }
  }
  if (joined.contains("crit") || joined.contains("zip")) {
    return Refuse("crit and zip are not accepted");
  }
  return joined;
}

Result<JweEnvelope> ReadJweObject(const Json& jwe) {
  if (!jwe.is_object()) return Refuse("not a JSON object");
  JweEnvelope envelope;
  if (jwe.contains("protected")) {
    RECRYPT_ASSIGN(envelope.protected_b64, GetString(jwe, "protected"));
    RECRYPT_ASSIGN(envelope.protected_header, DecodeProtected(envelope.protected_b64));
  }
  RECRYPT_ASSIGN(envelope.shared_header, OptionalObject(jwe, "unprotected"));
  RECRYPT_ASSIGN(envelope.recipients, ReadRecipients(jwe));
  RECRYPT_ASSIGN(envelope.aad, OptionalBytes(jwe, "aad"));
  if (jwe.contains("aad") && envelope.aad.empty()) return Refuse("an empty aad is to be absent");
  RECRYPT_ASSIGN(envelope.iv, OptionalBytes(jwe, "iv"));
  RECRYPT_ASSIGN(envelope.ciphertext, GetBytes(jwe, "ciphertext"));
  RECRYPT_ASSIGN(envelope.tag, OptionalBytes(jwe, "tag"));
  return envelope;
}

Result<JweEnvelope> ReadCompactJwe(std::string_view compact) {
  RECRYPT_ASSIGN(const auto parts, SplitCompact(compact));
  JweEnvelope envelope;
  envelope.protected_b64 = parts[0];
  RECRYPT_ASSIGN(envelope.protected_header, DecodeProtected(parts[0]));
  JweEnvelope::Recipient recipient;
  RECRYPT_ASSIGN(recipient.encrypted_key, Base64UrlDecode(parts[1]));
  envelope.recipients.push_back(std::move(recipient));
  RECRYPT_ASSIGN(envelope.iv, Base64UrlDecode(parts[2]));
  RECRYPT_ASSIGN(envelope.ciphertext, Base64UrlDecode(parts[3]));
  RECRYPT_ASSIGN(envelope.tag, Base64UrlDecode(parts[4]));
  return envelope;
}

std::string JweAssociatedData(std::string_view protected_b64, ByteSpan aad) {
  std::string out(protected_b64);
  if (!aad.empty()) out += "." + Base64UrlEncode(aad);
  return out;
}

}  // namespace recrypt
