#include <algorithm>

#include "core/crypto/keys.h"
#include "core/crypto/symmetric.h"
#include "core/recryption/recryption.h"
#include "tests/adapter/operations.h"

namespace recrypt::adapter {
namespace {

constexpr size_t kMaxEvpIv = 128;

tl::unexpected<Error> Refuse(const std::string& why) { return Fail(ErrorCode::kInvalid, why); }

// The product's own X25519: plain RFC 7748, before recryption asks for points of the curve.
Result<Json> X25519(const Json& request) {
  RECRYPT_ASSIGN(const Bytes raw, GetHex(request, "private"));
  RECRYPT_ASSIGN(const Bytes point, GetHex(request, "public"));
  RECRYPT_ASSIGN(const PrivateKey key, PrivateKey::FromBytes(Curve::kX25519, raw));
  RECRYPT_ASSIGN(const PublicKey peer, PublicKey::FromBytes(Curve::kX25519, point));
  RECRYPT_ASSIGN(const Secret shared, key.Agree(peer));
  return HexText(shared.Reveal());
}

// An unsigned big-endian number of any length, as 32 bytes.
Result<Bytes> PadNumber(ByteSpan number) {
  while (!number.empty() && number.front() == 0) number = number.subspan(1);
  if (number.size() > 32) return Refuse("the number is too large");
  Bytes out(32 - number.size());
  Append(out, number);
  return out;
}

Result<Json> EcdhP256(const Json& request) {
  RECRYPT_ASSIGN(const Bytes number, GetHex(request, "private"));
  RECRYPT_ASSIGN(const Bytes raw, PadNumber(number));
  RECRYPT_ASSIGN(const Bytes point, GetHex(request, "public"));
  if (point.empty() || point[0] != 0x04) return Refuse("not an uncompressed point");
  RECRYPT_ASSIGN(const PrivateKey key, PrivateKey::FromBytes(Curve::kP256, raw));
  RECRYPT_ASSIGN(const PublicKey peer, PublicKey::FromBytes(Curve::kP256, point));
  RECRYPT_ASSIGN(const Secret shared, key.Agree(peer));
  return HexText(shared.Reveal());
}

Result<Json> Ed25519Verify(const Json& request) {
  RECRYPT_ASSIGN(const Bytes point, GetHex(request, "public"));
  RECRYPT_ASSIGN(const Bytes message, GetHex(request, "message"));
  RECRYPT_ASSIGN(const Bytes signature, GetHex(request, "signature"));
  RECRYPT_ASSIGN(const PublicKey key, PublicKey::FromBytes(Curve::kEd25519, point));
  if (!key.Verify(message, signature)) return Refuse("the signature does not match");
  return Json("");
}

struct GcmInput {
  Bytes key;
  Bytes iv;
  Bytes aad;
};

Result<GcmInput> ReadGcmInput(const Json& request) {
  GcmInput input;
  RECRYPT_ASSIGN(input.key, GetHex(request, "key"));
  RECRYPT_ASSIGN(input.iv, GetHex(request, "iv"));
  RECRYPT_ASSIGN(input.aad, GetHex(request, "aad"));
  const size_t size = input.key.size();
  if (size != 16 && size != 24 && size != 32) return Refuse("no AES key size");
  if (input.iv.empty()) return Refuse("an empty iv");
  return input;
}

Result<Json> AesGcmOpen(const Json& request) {
  RECRYPT_ASSIGN(const GcmInput input, ReadGcmInput(request));
  RECRYPT_ASSIGN(const Bytes ciphertext, GetHex(request, "ct"));
  RECRYPT_ASSIGN(const Bytes tag, GetHex(request, "tag"));
  if (input.iv.size() > kMaxEvpIv) {
    RECRYPT_ASSIGN(const Bytes opened,
                   OpenWithLongIv(input.key, input.iv, input.aad, ciphertext, tag));
    return HexText(opened);
  }
  Bytes plaintext(ciphertext.size());
  if (!Aead(input.key).Open(input.iv, input.aad, ciphertext, tag, plaintext.data())) {
    return Refuse("the tag does not match");
  }
  return HexText(plaintext);
}

Result<Json> AesGcmSeal(const Json& request) {
  RECRYPT_ASSIGN(const GcmInput input, ReadGcmInput(request));
  RECRYPT_ASSIGN(const Bytes message, GetHex(request, "message"));
  if (input.iv.size() > kMaxEvpIv) {
    return HexText(SealWithLongIv(input.key, input.iv, input.aad, message));
  }
  Bytes out(message.size() + kAeadTagSize);
  Aead(input.key).Seal(input.iv, input.aad, message, out.data(), out.data() + message.size());
  return HexText(out);
}

Result<Json> AesKwWrap(const Json& request) {
  RECRYPT_ASSIGN(const Bytes kek, GetHex(request, "key"));
  RECRYPT_ASSIGN(const Bytes message, GetHex(request, "message"));
  RECRYPT_ASSIGN(const Bytes wrapped, AesKeyWrap(kek, message));
  return HexText(wrapped);
}

Result<Json> AesKwUnwrap(const Json& request) {
  RECRYPT_ASSIGN(const Bytes kek, GetHex(request, "key"));
  RECRYPT_ASSIGN(const Bytes wrapped, GetHex(request, "ct"));
  RECRYPT_ASSIGN(const Secret key, AesKeyUnwrap(kek, wrapped));
  return HexText(key.Reveal());
}

// "SHA-256", "SHA256" and "sha256" are one name.
Result<HashAlgorithm> HashByName(std::string name) {
  std::erase(name, '-');
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  if (name == "SHA1") return HashAlgorithm::kSha1;
  if (name == "SHA256") return HashAlgorithm::kSha256;
  if (name == "SHA384") return HashAlgorithm::kSha384;
  if (name == "SHA512") return HashAlgorithm::kSha512;
  return Refuse("unknown hash");
}

Result<Json> HkdfDerive(const Json& request) {
  RECRYPT_ASSIGN(const std::string name, GetString(request, "hash"));
  RECRYPT_ASSIGN(const HashAlgorithm hash, HashByName(name));
  RECRYPT_ASSIGN(const Bytes ikm, GetHex(request, "ikm"));
  RECRYPT_ASSIGN(const Bytes salt, GetHex(request, "salt"));
  RECRYPT_ASSIGN(const Bytes info, GetHex(request, "info"));
  RECRYPT_ASSIGN(const uint64_t size, GetUint(request, "size"));
  RECRYPT_ASSIGN(const Secret out, Hkdf(hash, ikm, salt, info, size));
  return HexText(out.Reveal());
}

Result<Curve> RecryptionCurve(const Json& request) {
  RECRYPT_ASSIGN(const std::string name, GetString(request, "curve"));
  if (name == "X25519" || name == "x25519") return Curve::kX25519;
  if (name == "P-256" || name == "p256" || name == "P256") return Curve::kP256;
  return Refuse("unknown curve");
}

// A point as the encoding in hex; on P-256 also as a list of its two coordinates.
Result<PublicKey> GetPoint(const Json& request, std::string_view name, Curve curve) {
  const Json* member = FindMember(request, name);
  if (member == nullptr || !member->is_array() || curve != Curve::kP256) {
    RECRYPT_ASSIGN(const Bytes encoded, GetHex(request, name));
    return PublicKey::FromBytes(curve, encoded);
  }
  Bytes encoded{0x04};
  for (const Json& coordinate : *member) {
    if (!coordinate.is_string()) return Refuse("a coordinate is no string");
    RECRYPT_ASSIGN(const Bytes bytes, HexDecode(coordinate.get_ref<const std::string&>()));
    Append(encoded, bytes);
  }
  return PublicKey::FromBytes(curve, encoded);
}

Result<Json> Recrypt(const Json& request) {
  RECRYPT_ASSIGN(const Curve curve, RecryptionCurve(request));
  RECRYPT_ASSIGN(const Bytes result, GetHex(request, "service_result"));
  RECRYPT_ASSIGN(const Bytes raw, GetHex(request, "member_half"));
  RECRYPT_ASSIGN(const PrivateKey member_half, PrivateKey::FromBytes(curve, raw));
  RECRYPT_ASSIGN(const PublicKey ephemeral, GetPoint(request, "ephemeral", curve));
  RECRYPT_TRY(CheckEphemeral(ephemeral));
  RECRYPT_ASSIGN(const auto candidates, Combine(ephemeral, result, member_half));
  Json out = Json::array();
  for (const Secret& candidate : candidates) out.push_back(HexText(candidate.Reveal()));
  return out;
}

constexpr Operation kOperations[] = {
    {"x25519", X25519},
    {"ecdh-p256", EcdhP256},
    {"ed25519-verify", Ed25519Verify},
    {"aes-gcm-open", AesGcmOpen},
    {"aes-gcm-seal", AesGcmSeal},
    {"aes-kw-wrap", AesKwWrap},
    {"aes-kw-unwrap", AesKwUnwrap},
    {"hkdf", HkdfDerive},
    {"recrypt", Recrypt},
};

}  // namespace

std::span<const Operation> CryptoOperations() { return kOperations; }

}  // namespace recrypt::adapter
