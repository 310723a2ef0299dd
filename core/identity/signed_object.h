// What all signed objects have in common: the JWS around them, type, version and expiry, and the
// reading of names, fingerprints and keys. For core/identity only. Thread safe.
#ifndef RECRYPT_CORE_IDENTITY_SIGNED_OBJECT_H_
#define RECRYPT_CORE_IDENTITY_SIGNED_OBJECT_H_

#include <string>
#include <string_view>

#include "core/identity/profile.h"

namespace recrypt::signed_object {

// Adds type, version, issued and expires to `payload`, and signs it.
Json Sign(Json payload, std::string_view type, const ObjectVersion& version, const PrivateKey& key);

// The payload of an object of this type, NOT verified: to find the key to verify with.
Result<Json> Peek(const Json& jws, std::string_view type);

// kDenied unless `key` signed exactly this JWS and the JWS names its fingerprint.
Status Verify(const Json& jws, const PublicKey& key);

// Version from 1 to 2^53-1 (what every JSON reader keeps exactly), and an expiry after the issue.
Result<ObjectVersion> ReadVersion(const Json& payload);

enum class KeyUse { kSign, kEncrypt };
// A JWK member of a curve that fits the use: Ed25519 or P-256, X25519 or P-256.
Result<PublicKey> ReadKey(const Json& object, std::string_view member, KeyUse use);

// Names and fingerprints in their canonical spelling; another spelling is refused, so that equal
// things are equal texts.
Result<LabelName> ReadLabel(const Json& object, std::string_view member);
Result<AccountName> ReadAccount(const Json& object, std::string_view member);
Result<std::string> ReadUdf(const Json& object, std::string_view member);
Result<std::string> ReadDomain(const Json& object, std::string_view member);
Result<uint32_t> ReadUint32(const Json& object, std::string_view member, uint32_t from,
                            uint32_t to);

Json WritePrincipal(const Principal& principal);
Result<Principal> ReadPrincipal(const Json& object);

// The array `member`, of `from` to `to` elements.
Result<const Json*> ReadList(const Json& object, std::string_view member, size_t from, size_t to);

}  // namespace recrypt::signed_object

#endif  // RECRYPT_CORE_IDENTITY_SIGNED_OBJECT_H_
