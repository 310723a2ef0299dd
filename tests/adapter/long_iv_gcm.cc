// The block-mode functions under EVP, which take an IV of any length.
#define OPENSSL_SUPPRESS_DEPRECATED  // AES_encrypt, the block function that they ask for
#include <openssl/aes.h>
#include <openssl/modes.h>

#include <memory>

#include "core/crypto/symmetric.h"
#include "tests/adapter/operations.h"

namespace recrypt::adapter {
namespace {

class Gcm {
 public:
  Gcm(ByteSpan key, ByteSpan iv, ByteSpan aad) {
    AES_set_encrypt_key(key.data(), static_cast<int>(key.size() * 8), &key_);
    context_.reset(CRYPTO_gcm128_new(&key_, reinterpret_cast<block128_f>(AES_encrypt)));
    CRYPTO_gcm128_setiv(context_.get(), iv.data(), iv.size());
    CRYPTO_gcm128_aad(context_.get(), aad.data(), aad.size());
  }

  GCM128_CONTEXT* get() { return context_.get(); }

 private:
  struct Release {
    void operator()(GCM128_CONTEXT* context) const { CRYPTO_gcm128_release(context); }
  };
  AES_KEY key_;
  std::unique_ptr<GCM128_CONTEXT, Release> context_;
};

}  // namespace

Bytes SealWithLongIv(ByteSpan key, ByteSpan iv, ByteSpan aad, ByteSpan message) {
  Gcm gcm(key, iv, aad);
  Bytes out(message.size() + kAeadTagSize);
  CRYPTO_gcm128_encrypt(gcm.get(), message.data(), out.data(), message.size());
  CRYPTO_gcm128_tag(gcm.get(), out.data() + message.size(), kAeadTagSize);
  return out;
}

Result<Bytes> OpenWithLongIv(ByteSpan key, ByteSpan iv, ByteSpan aad, ByteSpan ciphertext,
                             ByteSpan tag) {
  Gcm gcm(key, iv, aad);
  Bytes out(ciphertext.size());
  CRYPTO_gcm128_decrypt(gcm.get(), ciphertext.data(), out.data(), ciphertext.size());
  if (tag.size() != kAeadTagSize || CRYPTO_gcm128_finish(gcm.get(), tag.data(), tag.size()) != 0) {
    return Fail(ErrorCode::kCorrupt, "the tag does not match");
  }
  return out;
}

}  // namespace recrypt::adapter
