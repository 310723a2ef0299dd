#include "core/udf/udf.h"

#include <bit>
#include <cassert>

#include "core/crypto/symmetric.h"
#include "core/udf/udf_text.h"

namespace recrypt {
namespace {

// Type octets of a content digest. A type is followed by four for compressed digests.
constexpr uint8_t kTypeSha3 = 80;
constexpr uint8_t kTypeSha2 = 96;
constexpr uint8_t kCompressedTypes = 4;

constexpr int kMinBits = 100;
constexpr int kMaxBits = 440;
constexpr int kGroupBits = 20;  // four characters

int TrailingZeroBits(ByteSpan digest) {
  int count = 0;
  for (size_t i = digest.size(); i > 0; --i) {
    const int zeros = std::countr_zero(digest[i - 1]);
    count += zeros;
    if (zeros < 8) break;
  }
  return count;
}

// 0, or 1 to 4 for a digest that ends in at least 20, 30, 40 or 50 zero bits.
uint8_t Compression(ByteSpan digest) {
  const int tens = TrailingZeroBits(digest) / 10;
  return static_cast<uint8_t>(tens < 2 ? 0 : std::min<int>(tens - 1, kCompressedTypes));
}

using HashFunction = Sha512Digest (*)(ByteSpan);

std::string Fingerprint(uint8_t type, HashFunction hash, std::string_view content_type,
                        ByteSpan data, int bits) {
  assert(bits >= kMinBits && bits <= kMaxBits && bits % kGroupBits == 0);
  Bytes input = ToBytes(AsBytes(content_type));
  input.push_back(':');
  Append(input, hash(data));
  const Sha512Digest digest = hash(input);

  Bytes presented{static_cast<uint8_t>(type + Compression(digest))};
  Append(presented, digest);
  return GroupUdf(Base32Encode(presented).substr(0, static_cast<size_t>(bits / 5)));
}

bool IsContentDigest(uint8_t type) {
  return (type >= kTypeSha2 && type <= kTypeSha2 + kCompressedTypes) ||
         (type >= kTypeSha3 && type <= kTypeSha3 + kCompressedTypes);
}

}  // namespace

std::string ContentUdf(std::string_view content_type, ByteSpan data, int bits) {
  return Fingerprint(kTypeSha2, Sha512, content_type, data, bits);
}

std::string ContentUdfSha3(std::string_view content_type, ByteSpan data, int bits) {
  return Fingerprint(kTypeSha3, Sha3_512, content_type, data, bits);
}

std::string KeyUdf(const PublicKey& key) {
  return ContentUdf("application/pkix-keyinfo", key.SubjectPublicKeyInfo());
}

Result<std::string> NormalizeUdf(std::string_view text) {
  auto read = UdfCharacters(text);
  if (!read) return Fail(read.error(), "a fingerprint");
  const std::string& characters = *read;
  const size_t bits = characters.size() * 5;
  if (bits < kMinBits || bits > kMaxBits || bits % kGroupBits != 0) {
    return Fail(ErrorCode::kInvalid,
                "a fingerprint has 5 to 22 groups of four characters; characters found: " +
                    std::to_string(characters.size()));
  }
  // Eight characters are whole bytes, the first of which is the type.
  RECRYPT_ASSIGN(const Bytes start, Base32Decode(std::string_view(characters).substr(0, 8)));
  if (!IsContentDigest(start[0])) {
    return Fail(ErrorCode::kInvalid, "not a fingerprint of a known kind, which start with M or K");
  }
  return GroupUdf(characters);
}

}  // namespace recrypt
