// The AES part of symmetric.h: GCM with kept contexts, and key wrap.
#include <openssl/core_names.h>

#include <algorithm>

#include "core/crypto/openssl_handles.h"
#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

enum class AesMode { kGcm, kWrap, kCbc };

const EVP_CIPHER* FetchedAes(AesMode mode, size_t key_size) {
  static const EVP_CIPHER* const ciphers[3][3] = {
      {EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-192-GCM", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)},
      {EVP_CIPHER_fetch(nullptr, "AES-128-WRAP", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-192-WRAP", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-256-WRAP", nullptr)},
      {EVP_CIPHER_fetch(nullptr, "AES-128-CBC", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-192-CBC", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)}};
  const bool known = key_size == 16 || key_size == 24 || key_size == 32;
  const EVP_CIPHER* cipher = known ? ciphers[static_cast<size_t>(mode)][key_size / 8 - 2] : nullptr;
  MustSucceed(cipher != nullptr, "AES with this key size");
  return cipher;
}

bool IsAesKeySize(size_t size) { return size == 16 || size == 24 || size == 32; }

// OpenSSL counts in int; callers' buffers may be larger.
constexpr size_t kMaxChunk = size_t{1} << 30;

bool UpdateAll(EVP_CIPHER_CTX* context, ByteSpan in, uint8_t* out) {
  while (!in.empty()) {
    const size_t size = std::min(in.size(), kMaxChunk);
    int written = 0;
    if (EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(size)) != 1) {
      return false;
    }
    if (out != nullptr) out += written;
    in = in.subspan(size);
  }
  return true;
}

}  // namespace

struct Aead::State {
  CipherContextHandle encrypt{EVP_CIPHER_CTX_new()};
  CipherContextHandle decrypt{EVP_CIPHER_CTX_new()};
  size_t nonce_size = kAeadNonceSize;

  // Sets the nonce alone: the key schedule and the GHASH table stay. Both contexts always have the
  // same nonce length.
  bool Start(EVP_CIPHER_CTX* context, ByteSpan nonce, ByteSpan aad) {
    if (nonce.size() != nonce_size) {
      const int size = static_cast<int>(std::min(nonce.size(), kMaxChunk));
      if (EVP_CIPHER_CTX_ctrl(encrypt.get(), EVP_CTRL_AEAD_SET_IVLEN, size, nullptr) != 1 ||
          EVP_CIPHER_CTX_ctrl(decrypt.get(), EVP_CTRL_AEAD_SET_IVLEN, size, nullptr) != 1) {
        return false;
      }
      nonce_size = nonce.size();
    }
    return EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1, nullptr) == 1 &&
           UpdateAll(context, aad, nullptr);
  }
};

Aead::Aead(ByteSpan key) : state_(std::make_unique<State>()) {
  const EVP_CIPHER* cipher = FetchedAes(AesMode::kGcm, key.size());
  MustSucceed(
      EVP_EncryptInit_ex2(state_->encrypt.get(), cipher, key.data(), nullptr, nullptr) == 1 &&
          EVP_DecryptInit_ex2(state_->decrypt.get(), cipher, key.data(), nullptr, nullptr) == 1,
      "AES-GCM key");
}

Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;
Aead::~Aead() = default;

void Aead::Seal(ByteSpan nonce, ByteSpan aad, ByteSpan plaintext, uint8_t* ciphertext,
                uint8_t* tag) {
  EVP_CIPHER_CTX* context = state_->encrypt.get();
  int written = 0;
  uint8_t none[16];
  MustSucceed(state_->Start(context, nonce, aad) && UpdateAll(context, plaintext, ciphertext) &&
                  EVP_EncryptFinal_ex(context, none, &written) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kAeadTagSize, tag) == 1,
              "AES-GCM seal");
}

bool Aead::Open(ByteSpan nonce, ByteSpan aad, ByteSpan ciphertext, ByteSpan tag,
                uint8_t* plaintext) {
  if (tag.size() != kAeadTagSize || nonce.empty()) return false;
  EVP_CIPHER_CTX* context = state_->decrypt.get();
  int written = 0;
  uint8_t none[16];
  const bool ok = state_->Start(context, nonce, aad) && UpdateAll(context, ciphertext, plaintext) &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kAeadTagSize,
                                      const_cast<uint8_t*>(tag.data())) == 1 &&
                  EVP_DecryptFinal_ex(context, none, &written) == 1;
  if (!ok) Wipe(plaintext, ciphertext.size());
  return ok;
}

namespace {

// Runs the wrap cipher over `in`; `out` has room for 8 bytes more than `in`. 0 when refused.
size_t RunKeyWrap(bool wrap, ByteSpan kek, ByteSpan in, uint8_t* out) {
  CipherContextHandle context(EVP_CIPHER_CTX_new());
  MustSucceed(context != nullptr, "EVP_CIPHER_CTX_new");
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  const EVP_CIPHER* cipher = FetchedAes(AesMode::kWrap, kek.size());
  MustSucceed(
      EVP_CipherInit_ex2(context.get(), cipher, kek.data(), nullptr, wrap ? 1 : 0, nullptr) == 1,
      "AES key wrap key");
  int written = 0;
  if (EVP_CipherUpdate(context.get(), out, &written, in.data(), static_cast<int>(in.size())) != 1) {
    return 0;
  }
  return static_cast<size_t>(std::max(written, 0));
}

constexpr size_t kMaxWrappedKey = size_t{1} << 20;

}  // namespace

Result<Bytes> AesKeyWrap(ByteSpan kek, ByteSpan key) {
  if (!IsAesKeySize(kek.size()) || key.size() < 16 || key.size() % 8 != 0 ||
      key.size() > kMaxWrappedKey) {
    return Fail(ErrorCode::kInvalid, "AES key wrap: key size out of range");
  }
  Bytes out(key.size() + 8);
  MustSucceed(RunKeyWrap(true, kek, key, out.data()) == out.size(), "AES key wrap");
  return out;
}

Result<Secret> AesKeyUnwrap(ByteSpan kek, ByteSpan wrapped) {
  if (!IsAesKeySize(kek.size())) {
    return Fail(ErrorCode::kInvalid, "AES key wrap: key size out of range");
  }
  if (wrapped.size() < 24 || wrapped.size() % 8 != 0 || wrapped.size() > kMaxWrappedKey) {
    return Fail(ErrorCode::kCorrupt, "AES key wrap: impossible length");
  }
  Secret room(wrapped.size());
  const size_t size = RunKeyWrap(false, kek, wrapped, room.RevealMutable().data());
  if (size != wrapped.size() - 8) {
    return Fail(ErrorCode::kCorrupt, "AES key wrap: the integrity check failed");
  }
  return Secret::CopyOf(room.Reveal().first(size));
}

Result<Secret> AesCbcDecrypt(ByteSpan key, ByteSpan iv, ByteSpan ciphertext) {
  if (!IsAesKeySize(key.size()) || iv.size() != 16 || ciphertext.empty() ||
      ciphertext.size() % 16 != 0 || ciphertext.size() > kMaxChunk) {
    return Fail(ErrorCode::kInvalid, "AES-CBC: size out of range");
  }
  CipherContextHandle context(EVP_CIPHER_CTX_new());
  const EVP_CIPHER* cipher = FetchedAes(AesMode::kCbc, key.size());
  MustSucceed(context != nullptr &&
                  EVP_DecryptInit_ex2(context.get(), cipher, key.data(), iv.data(), nullptr) == 1,
              "AES-CBC key");
  Secret room(ciphertext.size() + 16);
  uint8_t* out = room.RevealMutable().data();
  int body = 0;
  int rest = 0;
  if (EVP_DecryptUpdate(context.get(), out, &body, ciphertext.data(),
                        static_cast<int>(ciphertext.size())) != 1 ||
      EVP_DecryptFinal_ex(context.get(), out + body, &rest) != 1) {
    return Fail(ErrorCode::kCorrupt, "AES-CBC: wrong padding");
  }
  return Secret::CopyOf(room.Reveal().first(static_cast<size_t>(body + rest)));
}

}  // namespace recrypt
