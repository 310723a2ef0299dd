// DecryptJweAny: the algorithms of RFC 7518 that foreign vectors use, in any serialization.
#include <algorithm>
#include <array>

#include "core/crypto/symmetric.h"
#include "core/jose/jwe.h"
#include "core/jose/jwe_envelope.h"
#include "core/jose/jwk.h"
#include "core/recryption/recryption.h"

namespace recrypt {
namespace {

enum class ContentMode { kGcm, kCbcHmac };

struct ContentEncryption {
  std::string_view name;
  ContentMode mode;
  size_t key_size;
  HashAlgorithm hash;  // of kCbcHmac
};
constexpr std::array<ContentEncryption, 6> kContentEncryptions = {{
    {"A128GCM", ContentMode::kGcm, 16, HashAlgorithm::kSha256},
    {"A192GCM", ContentMode::kGcm, 24, HashAlgorithm::kSha256},
    {"A256GCM", ContentMode::kGcm, 32, HashAlgorithm::kSha256},
    {"A128CBC-HS256", ContentMode::kCbcHmac, 32, HashAlgorithm::kSha256},
    {"A192CBC-HS384", ContentMode::kCbcHmac, 48, HashAlgorithm::kSha384},
    {"A256CBC-HS512", ContentMode::kCbcHmac, 64, HashAlgorithm::kSha512},
}};

// How the content key comes about: agreed on or not, wrapped or not (size 0).
struct KeyManagement {
  std::string_view name;
  bool agreed;
  size_t kek_size;
};
constexpr std::array<KeyManagement, 8> kKeyManagements = {{
    {"dir", false, 0},
    {"A128KW", false, 16},
    {"A192KW", false, 24},
    {"A256KW", false, 32},
    {"ECDH-ES", true, 0},
    {"ECDH-ES+A128KW", true, 16},
    {"ECDH-ES+A192KW", true, 24},
    {"ECDH-ES+A256KW", true, 32},
}};

tl::unexpected<Error> Refuse(const std::string& why) {
  return Fail(ErrorCode::kInvalid, "JWE: " + why);
}

tl::unexpected<Error> RefuseContent() {
  return Fail(ErrorCode::kCorrupt, "JWE: the content does not open");
}

template <typename Table>
auto FindByName(const Table& table, const Json& header, const char* member)
    -> Result<const typename Table::value_type*> {
  RECRYPT_ASSIGN(const std::string name, GetString(header, member));
  for (const auto& entry : table) {
    if (entry.name == name) return &entry;
  }
  return Refuse(std::string(member) + " is not known");
}

Result<Bytes> PartyInfo(const Json& header, const char* name) {
  if (!header.contains(name)) return Bytes();
  return GetBytes(header, name);
}

// Unprotected members are ignored as long as they are registered (RFC 7515, 7516, 7518); others,
// for which nobody vouches, have no business here.
Status CheckUnprotected(const Json& header) {
  static constexpr std::array<std::string_view, 14> kRegistered = {
      "alg", "enc", "kid", "epk", "apu", "apv",      "typ",
      "cty", "jku", "jwk", "x5u", "x5c", "x5t#S256", "x5t"};
  for (const auto& [name, value] : header.items()) {
    if (std::ranges::count(kRegistered, name) == 0) return Refuse("an unknown unprotected member");
  }
  return {};
}

// The key that wraps, or is, the content key: `size` bytes.
Result<Secret> AgreedKey(const Json& header, const Json& jwk, std::string_view algorithm_id,
                         size_t size) {
  RECRYPT_ASSIGN(const PrivateKey key, PrivateKeyFromJwk(jwk));
  RECRYPT_ASSIGN(const Json* epk, GetObject(header, "epk"));
  RECRYPT_ASSIGN(const PublicKey ephemeral, PublicKeyFromJwk(*epk));
  RECRYPT_ASSIGN(const Secret z, AgreeHalf(key, ephemeral));
  RECRYPT_ASSIGN(const Bytes apu, PartyInfo(header, "apu"));
  RECRYPT_ASSIGN(const Bytes apv, PartyInfo(header, "apv"));
  return ConcatKdf(z.Reveal(), algorithm_id, apu, apv, static_cast<uint32_t>(size * 8));
}

Result<Secret> SharedKey(const Json& jwk, size_t size) {
  RECRYPT_ASSIGN(const std::string kty, GetString(jwk, "kty"));
  if (kty != "oct") return Refuse("the key is no symmetric one");
  RECRYPT_ASSIGN(Bytes key, GetBytes(jwk, "k"));
  if (key.size() != size) return Refuse("the key has a wrong size");
  return Secret::TakeFrom(key);
}

Result<Secret> ContentKey(const JweEnvelope::Recipient& recipient, const Json& header,
                          const Json& jwk, const ContentEncryption& enc) {
  RECRYPT_ASSIGN(const KeyManagement* alg, FindByName(kKeyManagements, header, "alg"));
  const bool direct = alg->kek_size == 0;
  // The "alg" of a key for dir is that of the content.
  const std::string_view key_alg = direct && !alg->agreed ? enc.name : alg->name;
  RECRYPT_TRY(CheckJwkPurpose(
      jwk,
      {"enc", {"deriveKey", "deriveBits", "unwrapKey", "decrypt", "wrapKey", "encrypt"}, key_alg}));
  const size_t size = direct ? enc.key_size : alg->kek_size;
  const std::string_view algorithm_id = direct ? enc.name : alg->name;
  RECRYPT_ASSIGN(Secret key,
                 alg->agreed ? AgreedKey(header, jwk, algorithm_id, size) : SharedKey(jwk, size));
  if (!direct) return AesKeyUnwrap(key.Reveal(), recipient.encrypted_key);
  if (!recipient.encrypted_key.empty()) return Refuse("an encrypted key that is not to be there");
  return key;
}

Result<Secret> OpenGcm(const JweEnvelope& envelope, const Secret& cek, ByteSpan aad) {
  if (envelope.iv.size() != kAeadNonceSize) return RefuseContent();
  Secret plaintext(envelope.ciphertext.size());
  if (!Aead(cek).Open(envelope.iv, aad, envelope.ciphertext, envelope.tag,
                      plaintext.RevealMutable().data())) {
    return RefuseContent();
  }
  return plaintext;
}

// RFC 7518, 5.2.2.2.
Result<Secret> OpenCbcHmac(const JweEnvelope& envelope, const Secret& cek, ByteSpan aad,
                           HashAlgorithm hash) {
  const size_t half = cek.size() / 2;
  Bytes authenticated = ToBytes(aad);
  Append(authenticated, envelope.iv);
  Append(authenticated, envelope.ciphertext);
  AppendU64(authenticated, aad.size() * 8);
  const Bytes mac = Hmac(hash, cek.Reveal().first(half), authenticated);
  if (!ConstantTimeEqual(ByteSpan(mac).first(half), envelope.tag)) return RefuseContent();
  return AesCbcDecrypt(cek.Reveal().subspan(half), envelope.iv, envelope.ciphertext);
}

Result<Secret> OpenFor(const JweEnvelope& envelope, const JweEnvelope::Recipient& recipient,
                       const Json& jwk) {
  RECRYPT_ASSIGN(const Json header, envelope.JoinedHeader(recipient));
  RECRYPT_TRY(CheckUnprotected(envelope.shared_header));
  RECRYPT_TRY(CheckUnprotected(recipient.header));
  RECRYPT_ASSIGN(const ContentEncryption* enc, FindByName(kContentEncryptions, header, "enc"));
  RECRYPT_ASSIGN(const Secret cek, ContentKey(recipient, header, jwk, *enc));
  if (cek.size() != enc->key_size) return RefuseContent();
  const std::string aad = JweAssociatedData(envelope.protected_b64, envelope.aad);
  if (enc->mode == ContentMode::kGcm) return OpenGcm(envelope, cek, AsBytes(aad));
  return OpenCbcHmac(envelope, cek, AsBytes(aad), enc->hash);
}

Result<JweEnvelope> ReadAnyJwe(std::string_view text) {
  if (!text.starts_with('{')) return ReadCompactJwe(text);
  RECRYPT_ASSIGN(const Json jwe, ParseJson(text));
  return ReadJweObject(jwe);
}

}  // namespace

Result<Secret> DecryptJweAny(std::string_view text, const Json& jwk) {
  RECRYPT_ASSIGN(const JweEnvelope envelope, ReadAnyJwe(text));
  Error refusal;
  for (const JweEnvelope::Recipient& recipient : envelope.recipients) {
    Result<Secret> opened = OpenFor(envelope, recipient, jwk);
    if (opened) return opened;
    refusal = std::move(opened.error());
  }
  return Fail(std::move(refusal));
}

}  // namespace recrypt
