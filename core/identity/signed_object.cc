#include "core/identity/signed_object.h"

#include "core/base/clock.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"
#include "core/udf/udf.h"

namespace recrypt::signed_object {
namespace {

constexpr uint64_t kMaxVersion = (uint64_t{1} << 53) - 1;

tl::unexpected<Error> Refuse(std::string_view member, std::string_view why) {
  return Fail(ErrorCode::kInvalid, "member \"" + std::string(member) + "\" " + std::string(why));
}

Result<int64_t> ReadTime(const Json& object, std::string_view member) {
  RECRYPT_ASSIGN(const std::string text, GetString(object, member));
  auto time = ParseTime(text);
  if (!time) return Fail(time.error(), "member \"" + std::string(member) + "\"");
  return *time;
}

}  // namespace

Json Sign(Json payload, std::string_view type, const ObjectVersion& version,
          const PrivateKey& key) {
  payload["type"] = type;
  payload["version"] = version.version;
  payload["issued"] = FormatTime(version.issued);
  payload["expires"] = FormatTime(version.expires);
  return SignJws(key, DumpJson(payload));
}

Result<Json> Peek(const Json& jws, std::string_view type) {
  RECRYPT_ASSIGN(const UnverifiedJws unverified, PeekJws(jws));
  RECRYPT_ASSIGN(Json payload, ParseJson(unverified.payload));
  RECRYPT_ASSIGN(const std::string found, GetString(payload, "type"));
  if (found != type) {
    return Fail(ErrorCode::kInvalid, "not a signed object of type \"" + std::string(type) + "\"");
  }
  return payload;
}

Status Verify(const Json& jws, const PublicKey& key) {
  RECRYPT_ASSIGN(const UnverifiedJws unverified, PeekJws(jws));
  const std::string udf = KeyUdf(key);
  if (unverified.kid != udf) {
    return Fail(ErrorCode::kDenied,
                "signed by " + unverified.kid.substr(0, 128) + ", expected " + udf);
  }
  RECRYPT_TRY(VerifyJws(jws, key));
  return {};
}

Result<ObjectVersion> ReadVersion(const Json& payload) {
  ObjectVersion version;
  RECRYPT_ASSIGN(version.version, GetUint(payload, "version"));
  if (version.version < 1 || version.version > kMaxVersion) {
    return Refuse("version", "is out of range");
  }
  RECRYPT_ASSIGN(version.issued, ReadTime(payload, "issued"));
  RECRYPT_ASSIGN(version.expires, ReadTime(payload, "expires"));
  if (version.expires <= version.issued) return Refuse("expires", "is not after \"issued\"");
  return version;
}

Result<PublicKey> ReadKey(const Json& object, std::string_view member, KeyUse use) {
  RECRYPT_ASSIGN(const Json* jwk, GetObject(object, member));
  auto key = PublicKeyFromJwk(*jwk);
  if (!key) return Fail(key.error(), "member \"" + std::string(member) + "\"");
  const Curve wrong = use == KeyUse::kSign ? Curve::kX25519 : Curve::kEd25519;
  if (key->curve() == wrong) return Refuse(member, "is a key of the wrong kind");
  return *key;
}

Result<LabelName> ReadLabel(const Json& object, std::string_view member) {
  RECRYPT_ASSIGN(const std::string text, GetString(object, member));
  RECRYPT_ASSIGN(LabelName label, LabelName::Parse(text));
  if (label.text() != text) return Refuse(member, "is not in its canonical spelling");
  return label;
}

Result<AccountName> ReadAccount(const Json& object, std::string_view member) {
  RECRYPT_ASSIGN(const std::string text, GetString(object, member));
  RECRYPT_ASSIGN(AccountName account, AccountName::Parse(text));
  if (account.text() != text) return Refuse(member, "is not in its canonical spelling");
  return account;
}

Result<std::string> ReadUdf(const Json& object, std::string_view member) {
  RECRYPT_ASSIGN(std::string text, GetString(object, member));
  RECRYPT_ASSIGN(const std::string normal, NormalizeUdf(text));
  if (normal != text) return Refuse(member, "is not in its canonical spelling");
  return text;
}

Result<std::string> ReadDomain(const Json& object, std::string_view member) {
  RECRYPT_ASSIGN(std::string text, GetString(object, member));
  // The rules of a domain are those of an account's.
  RECRYPT_ASSIGN(const AccountName account, AccountName::Parse("service@" + text));
  if (account.domain() != text) return Refuse(member, "is not in its canonical spelling");
  return text;
}

Result<uint32_t> ReadUint32(const Json& object, std::string_view member, uint32_t from,
                            uint32_t to) {
  RECRYPT_ASSIGN(const uint64_t value, GetUint(object, member));
  if (value < from || value > to) return Refuse(member, "is out of range");
  return static_cast<uint32_t>(value);
}

Json WritePrincipal(const Principal& principal) {
  return {{"account", principal.account.text()}, {"udf", principal.udf}};
}

Result<Principal> ReadPrincipal(const Json& object) {
  RECRYPT_ASSIGN(AccountName account, ReadAccount(object, "account"));
  RECRYPT_ASSIGN(std::string udf, ReadUdf(object, "udf"));
  return Principal{std::move(account), std::move(udf)};
}

Result<const Json*> ReadList(const Json& object, std::string_view member, size_t from, size_t to) {
  RECRYPT_ASSIGN(const Json* list, GetArray(object, member));
  if (list->size() < from || list->size() > to) {
    return Refuse(member, "has " + std::to_string(list->size()) + " elements, allowed are " +
                              std::to_string(from) + " to " + std::to_string(to));
  }
  return list;
}

}  // namespace recrypt::signed_object
