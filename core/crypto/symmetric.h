// Symmetric primitives over OpenSSL: hashes, HMAC, HKDF, scrypt, AES-256-GCM, AES key wrap, random.
//
//   Aead aead(key);                                     // keeps a cipher context; reuse it
//   aead.Seal(nonce, aad, plaintext, ciphertext, tag);  // in and out may be the same memory
//
// OpenSSL's algorithms are fetched once for the process. A failing primitive on valid input means
// that the machine is broken: such calls abort the process instead of returning an error.
// Never reuse a nonce with a key for different data: one repetition gives the authentication key
// away. Never act on plaintext before Open has returned success.
#ifndef RECRYPT_CORE_CRYPTO_SYMMETRIC_H_
#define RECRYPT_CORE_CRYPTO_SYMMETRIC_H_

#include <memory>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/secret.h"

namespace recrypt {

using Sha256Digest = ByteArray<32>;
using Sha512Digest = ByteArray<64>;

void RandomBytes(MutableByteSpan out);
template <size_t N>
ByteArray<N> RandomArray() {
  ByteArray<N> out;
  RandomBytes(out);
  return out;
}

Sha256Digest Sha256(ByteSpan data);
Sha512Digest Sha512(ByteSpan data);
Sha512Digest Sha3_512(ByteSpan data);
Sha256Digest HmacSha256(ByteSpan key, ByteSpan data);
Sha512Digest HmacSha512(ByteSpan key, ByteSpan data);

// Incremental SHA-256; reusable after Finish. Not thread safe.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = delete;
  Sha256Hasher& operator=(const Sha256Hasher&) = delete;
  void Update(ByteSpan data);
  Sha256Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

enum class HashAlgorithm { kSha1, kSha256, kSha384, kSha512 };

Bytes Hmac(HashAlgorithm hash, ByteSpan key, ByteSpan data);

// RFC 5869, extract and expand; size is at most 255 times the digest's.
Result<Secret> Hkdf(HashAlgorithm hash, ByteSpan ikm, ByteSpan salt, ByteSpan info, size_t size);

struct ScryptCost {
  uint64_t n = 1 << 16;
  uint32_t r = 8;
  uint32_t p = 1;
};
// RFC 7914. Refuses costs of more than 1 GiB of memory.
Result<Secret> Scrypt(ByteSpan passphrase, ByteSpan salt, const ScryptCost& cost, size_t size);

constexpr size_t kAeadKeySize = 32;
constexpr size_t kAeadNonceSize = 12;
constexpr size_t kAeadTagSize = 16;

// AES-256-GCM under one key. Not thread safe: one for each thread, or from a pool; making
// one takes about a microsecond.
class Aead {
 public:
  // `key` is 32 bytes (16 and 24 are taken for foreign test vectors only).
  explicit Aead(ByteSpan key);
  explicit Aead(const Secret& key) : Aead(key.Reveal()) {}
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;
  ~Aead();

  // Writes plaintext.size() bytes to `ciphertext` and 16 bytes to `tag`. `nonce` is 12 bytes (1 to
  // 128 are taken for foreign test vectors only).
  void Seal(ByteSpan nonce, ByteSpan aad, ByteSpan plaintext, uint8_t* ciphertext, uint8_t* tag);
  // False when the tag does not match; the output is wiped then.
  [[nodiscard]] bool Open(ByteSpan nonce, ByteSpan aad, ByteSpan ciphertext, ByteSpan tag,
                          uint8_t* plaintext);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// RFC 3394 with the default initial value; `key` (the one wrapped) is a multiple of 8, at least 16.
// kek: 16, 24 or 32 bytes.
Result<Bytes> AesKeyWrap(ByteSpan kek, ByteSpan key);
// kCorrupt when the integrity check fails.
Result<Secret> AesKeyUnwrap(ByteSpan kek, ByteSpan wrapped);

// AES-CBC with PKCS #7 padding, unauthenticated: only for RFC 7518's AES-CBC-HMAC in foreign
// vectors, behind a tag that has been verified. kCorrupt for wrong padding.
Result<Secret> AesCbcDecrypt(ByteSpan key, ByteSpan iv, ByteSpan ciphertext);

}  // namespace recrypt

#endif  // RECRYPT_CORE_CRYPTO_SYMMETRIC_H_
