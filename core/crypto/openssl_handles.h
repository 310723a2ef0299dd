// Owners of OpenSSL objects, and the check for calls that cannot fail on a sound machine.
// For core/crypto, core/recryption and core/escrow only.
#ifndef RECRYPT_CORE_CRYPTO_OPENSSL_HANDLES_H_
#define RECRYPT_CORE_CRYPTO_OPENSSL_HANDLES_H_

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace recrypt {

template <auto Free>
struct OpensslDeleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using PkeyHandle = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY_free>>;
using PkeyContextHandle = std::unique_ptr<EVP_PKEY_CTX, OpensslDeleter<EVP_PKEY_CTX_free>>;
using CipherContextHandle = std::unique_ptr<EVP_CIPHER_CTX, OpensslDeleter<EVP_CIPHER_CTX_free>>;
using DigestContextHandle = std::unique_ptr<EVP_MD_CTX, OpensslDeleter<EVP_MD_CTX_free>>;
using BignumHandle = std::unique_ptr<BIGNUM, OpensslDeleter<BN_clear_free>>;
using BignumContextHandle = std::unique_ptr<BN_CTX, OpensslDeleter<BN_CTX_free>>;
using PointHandle = std::unique_ptr<EC_POINT, OpensslDeleter<EC_POINT_clear_free>>;

// Aborts unless `ok`: out of memory, a missing algorithm, a broken random source.
inline void MustSucceed(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "recrypt: the cryptographic library failed: %s\n", what);
  std::abort();
}

}  // namespace recrypt

#endif  // RECRYPT_CORE_CRYPTO_OPENSSL_HANDLES_H_
