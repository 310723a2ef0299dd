// Asymmetric keys over OpenSSL: X25519 and P-256 for agreement, Ed25519 and P-256 for signatures.
//
//   RECRYPT_ASSIGN(PrivateKey key, PrivateKey::Generate(Curve::kX25519));
//   RECRYPT_ASSIGN(Secret z, key.Agree(peer));
//
// Keys are immutable, validated when made, cheap to move, and safe to use from several threads.
#ifndef RECRYPT_CORE_CRYPTO_KEYS_H_
#define RECRYPT_CORE_CRYPTO_KEYS_H_

#include <memory>

#include "core/base/bytes.h"
#include "core/base/secret.h"

namespace recrypt {

enum class Curve { kX25519, kEd25519, kP256 };

class PublicKey {
 public:
  // X25519 and Ed25519: 32 bytes as RFC 7748 and 8032 encode them. P-256: 65 bytes, uncompressed
  // (0x04), or 33, compressed; refuses what is not on the curve. X25519 values are taken as they
  // are; what recryption asks of an ephemeral beyond that is in core/recryption.
  static Result<PublicKey> FromBytes(Curve curve, ByteSpan encoded);

  Curve curve() const;
  // X25519, Ed25519: 32 bytes; P-256: 65 bytes, uncompressed.
  const Bytes& bytes() const;
  // P-256 compressed to 33 bytes; others as bytes().
  Bytes CompressedBytes() const;
  // RFC 8410 or RFC 5480 SubjectPublicKeyInfo, DER: the input of a key's UDF.
  Bytes SubjectPublicKeyInfo() const;
  bool operator==(const PublicKey& other) const;

  // Ed25519 (RFC 8032), or ECDSA with SHA-256, signature r||s of 64 bytes as in ES256 (RFC 7518,
  // 3.4). False for anything that is not a valid signature by this key.
  bool Verify(ByteSpan message, ByteSpan signature) const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  friend class PrivateKey;
  explicit PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

class PrivateKey {
 public:
  static PrivateKey Generate(Curve curve);
  // 32 bytes: X25519 little-endian (clamped by every use), Ed25519 seed, P-256 big-endian in
  // [1, n-1] (kInvalid otherwise).
  static Result<PrivateKey> FromBytes(Curve curve, ByteSpan raw);

  Curve curve() const;
  const PublicKey& public_key() const;
  // The 32 bytes; keep them in Secrets.
  Secret RevealBytes() const;

  // X25519 or ECDH x-coordinate, 32 bytes. kInvalid for another curve, and for an X25519 result of
  // zero (RFC 7748, 6.1).
  Result<Secret> Agree(const PublicKey& peer) const;

  // Ed25519: 64 bytes; P-256: ECDSA with SHA-256 as r||s, 64 bytes. kInvalid for X25519.
  Result<Bytes> Sign(ByteSpan message) const;

  struct Impl;

 private:
  explicit PrivateKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_CRYPTO_KEYS_H_
