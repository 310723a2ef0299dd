// The group of P-256: what keys and recryption need of it beyond EVP. For core/crypto and
// core/recryption only. Thread safe.
#ifndef RECRYPT_CORE_CRYPTO_P256_H_
#define RECRYPT_CORE_CRYPTO_P256_H_

#include "core/base/bytes.h"
#include "core/base/secret.h"
#include "core/crypto/openssl_handles.h"

namespace recrypt::p256 {

constexpr size_t kFieldSize = 32;
constexpr size_t kUncompressedSize = 65;
constexpr size_t kCompressedSize = 33;

const EC_GROUP* Group();
const BIGNUM* Order();

PointHandle NewPoint();
// A context whose numbers stand in the secure heap and are wiped.
BignumContextHandle NewContext();
// A number in the secure heap, with the constant-time flag.
BignumHandle NewSecret();
// The big-endian number in `bytes`, likewise.
BignumHandle SecretFrom(ByteSpan bytes);

// SEC 1 encodings, compressed or not; nullptr for what is no point of the curve, or the point at
// infinity.
PointHandle DecodePoint(ByteSpan encoded);
// The point with this x-coordinate and an even y; nullptr when there is none.
PointHandle LiftX(ByteSpan x);
Bytes EncodePoint(const EC_POINT* point, point_conversion_form_t form);
// The x-coordinate, 32 bytes; empty for the point at infinity.
Secret AffineX(const EC_POINT* point, BN_CTX* context);

}  // namespace recrypt::p256

#endif  // RECRYPT_CORE_CRYPTO_P256_H_
