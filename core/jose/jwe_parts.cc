// ParseJwe and FormatJwe: the reader and the writer of the JWEs that this project makes.
#include <algorithm>
#include <set>

#include "core/crypto/symmetric.h"
#include "core/jose/jwe.h"
#include "core/jose/jwe_envelope.h"
#include "core/jose/jwk.h"
#include "core/recryption/recryption.h"

namespace recrypt {
namespace {

const std::set<std::string_view> kTopMembers = {"protected", "unprotected",   "recipients",
                                                "header",    "encrypted_key", "aad",
                                                "iv",        "ciphertext",    "tag"};
const std::set<std::string_view> kHeaderMembers = {"alg", "enc",  "kid", "kids",
                                                   "epk", "epk2", "typ", "cty"};

tl::unexpected<Error> Refuse(const std::string& why) {
  return Fail(ErrorCode::kInvalid, "JWE: " + why);
}

Status CheckMembers(const Json& object, const std::set<std::string_view>& known) {
  for (const auto& [name, value] : object.items()) {
    if (!known.contains(name)) return Refuse("a member that is not accepted");
  }
  return {};
}

Result<PublicKey> ReadEphemeral(const Json& jwk) {
  RECRYPT_ASSIGN(PublicKey key, PublicKeyFromJwk(jwk));
  RECRYPT_TRY(CheckEphemeral(key, SubgroupCheck::kSkipSubgroup));
  return key;
}

Result<std::vector<PublicKey>> ReadSharedEphemerals(const JweEnvelope& envelope) {
  std::vector<PublicKey> keys;
  for (const char* name : {"epk", "epk2"}) {
    const bool is_protected = envelope.protected_header.contains(name);
    const Json& header = is_protected ? envelope.protected_header : envelope.shared_header;
    if (!header.contains(name)) continue;
    RECRYPT_ASSIGN(PublicKey key, ReadEphemeral(header[name]));
    if (!keys.empty() && keys.front().curve() == key.curve()) {
      return Refuse("two ephemeral keys of one curve");
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<std::vector<std::string>> ReadKids(const Json& header) {
  std::vector<std::string> kids;
  if (header.contains("kid")) {
    if (header.contains("kids")) return Refuse("kid and kids at once");
    RECRYPT_ASSIGN(std::string kid, GetString(header, "kid"));
    kids.push_back(std::move(kid));
  }
  if (header.contains("kids")) {
    RECRYPT_ASSIGN(const Json* list, GetArray(header, "kids"));
    if (list->empty() || list->size() > kMaxJweKids) return Refuse("number of kids");
    for (const Json& kid : *list) {
      if (!kid.is_string()) return Refuse("a kid is no string");
      kids.push_back(kid.get<std::string>());
    }
  }
  if (std::ranges::any_of(kids, [](auto& kid) { return kid.size() > kMaxJweKidSize; })) {
    return Refuse("a kid is too long");
  }
  return kids;
}

Result<JweRecipient> ReadRecipient(const JweEnvelope& envelope,
                                   const JweEnvelope::Recipient& read) {
  RECRYPT_ASSIGN(const Json header, envelope.JoinedHeader(read));
  RECRYPT_TRY(CheckMembers(header, kHeaderMembers));
  RECRYPT_ASSIGN(const std::string enc, GetString(header, "enc"));
  if (enc != "A256GCM") return Refuse("enc is not A256GCM");
  JweRecipient recipient;
  RECRYPT_ASSIGN(recipient.alg, GetString(header, "alg"));
  RECRYPT_ASSIGN(recipient.kids, ReadKids(header));
  if (read.header.contains("epk2")) return Refuse("epk2 of a single recipient");
  if (read.header.contains("epk")) {
    RECRYPT_ASSIGN(recipient.ephemeral, ReadEphemeral(read.header["epk"]));
  }
  recipient.encrypted_key = read.encrypted_key;
  if (recipient.encrypted_key.size() > kMaxJweKids * kWrappedCekSize) {
    return Refuse("an encrypted key is too long");
  }
  return recipient;
}

// The alg that all recipients have, or empty.
std::string CommonAlg(const JweParts& parts) {
  if (parts.recipients.empty()) return "";
  const std::string& first = parts.recipients.front().alg;
  const bool common = std::ranges::all_of(
      parts.recipients, [&](const JweRecipient& recipient) { return recipient.alg == first; });
  return common ? first : "";
}

Json FormatRecipient(const JweRecipient& recipient, bool with_alg) {
  Json header = Json::object();
  if (recipient.kids.size() == 1) header["kid"] = recipient.kids.front();
  if (recipient.kids.size() > 1) header["kids"] = recipient.kids;
  if (with_alg) header["alg"] = recipient.alg;
  if (recipient.ephemeral) header["epk"] = ToJwk(*recipient.ephemeral);
  Json out{{"encrypted_key", Base64UrlEncode(recipient.encrypted_key)}};
  if (!header.empty()) out["header"] = std::move(header);
  return out;
}

}  // namespace

const PublicKey* JweParts::EphemeralOf(const JweRecipient& recipient, Curve curve) const {
  if (recipient.ephemeral) {
    return recipient.ephemeral->curve() == curve ? &*recipient.ephemeral : nullptr;
  }
  const auto found = std::ranges::find(ephemerals, curve, &PublicKey::curve);
  return found == ephemerals.end() ? nullptr : &*found;
}

Result<JweParts> ParseJwe(const Json& jwe) {
  RECRYPT_ASSIGN(JweEnvelope envelope, ReadJweObject(jwe));
  RECRYPT_TRY(CheckMembers(jwe, kTopMembers));
  JweParts parts;
  RECRYPT_ASSIGN(parts.ephemerals, ReadSharedEphemerals(envelope));
  for (const JweEnvelope::Recipient& read : envelope.recipients) {
    RECRYPT_ASSIGN(JweRecipient recipient, ReadRecipient(envelope, read));
    parts.recipients.push_back(std::move(recipient));
  }
  if (envelope.iv.size() != kAeadNonceSize || envelope.tag.size() != kAeadTagSize) {
    return Refuse("iv or tag of a wrong size");
  }
  parts.protected_b64 = std::move(envelope.protected_b64);
  parts.aad = std::move(envelope.aad);
  parts.iv = std::move(envelope.iv);
  parts.ciphertext = std::move(envelope.ciphertext);
  parts.tag = std::move(envelope.tag);
  return parts;
}

Json FormatJwe(const JweParts& parts) {
  Json shared = Json::object();
  const std::string alg = CommonAlg(parts);
  if (!alg.empty()) shared["alg"] = alg;
  if (!parts.ephemerals.empty()) shared["epk"] = ToJwk(parts.ephemerals[0]);
  if (parts.ephemerals.size() > 1) shared["epk2"] = ToJwk(parts.ephemerals[1]);
  Json recipients = Json::array();
  for (const JweRecipient& recipient : parts.recipients) {
    recipients.push_back(FormatRecipient(recipient, alg.empty()));
  }
  Json jwe{{"protected", parts.protected_b64},
           {"recipients", std::move(recipients)},
           {"iv", Base64UrlEncode(parts.iv)},
           {"ciphertext", Base64UrlEncode(parts.ciphertext)},
           {"tag", Base64UrlEncode(parts.tag)}};
  if (!shared.empty()) jwe["unprotected"] = std::move(shared);
  if (!parts.aad.empty()) jwe["aad"] = Base64UrlEncode(parts.aad);
  return jwe;
}

}  // namespace recrypt
