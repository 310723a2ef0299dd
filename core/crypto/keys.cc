#include "core/crypto/keys.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <mutex>

#include "core/crypto/openssl_handles.h"
#include "core/crypto/p256.h"
#include "core/crypto/symmetric.h"

namespace recrypt {

// The EVP_PKEYs are never changed after construction, which makes them safe to share.
struct PublicKey::Impl {
  Curve curve;
  Bytes bytes;

  // Made at the first use: most keys that a document brings along are only compared.
  EVP_PKEY* Pkey() const;

 private:
  mutable std::once_flag made_;
  mutable PkeyHandle pkey_;
};

struct PrivateKey::Impl {
  Impl(Secret raw_key, PkeyHandle key, PublicKey public_part)
      : raw(std::move(raw_key)), pkey(std::move(key)), public_key(std::move(public_part)) {}

  Secret raw;
  PkeyHandle pkey;
  PublicKey public_key;

  // For key agreement, kept since making them costs a tenth of an X25519; who finds them in use
  // makes others. They die with the key.
  struct Agreement {
    PkeyContextHandle context;
    PkeyHandle peer;  // X25519: takes the peer's bytes in each agreement
  };
  mutable std::mutex agreement_mutex;  // guards `agreement`; innermost
  mutable Agreement agreement;
};

namespace {

constexpr size_t kRawKeySize = 32;
constexpr size_t kSignatureSize = 64;

using ParamBuilderHandle = std::unique_ptr<OSSL_PARAM_BLD, OpensslDeleter<OSSL_PARAM_BLD_free>>;
using ParamsHandle = std::unique_ptr<OSSL_PARAM, OpensslDeleter<OSSL_PARAM_free>>;
using SignatureHandle = std::unique_ptr<ECDSA_SIG, OpensslDeleter<ECDSA_SIG_free>>;

int RawKeyType(Curve curve) { return curve == Curve::kX25519 ? EVP_PKEY_X25519 : EVP_PKEY_ED25519; }

// `private_number` may be null: a public key then.
PkeyHandle MakeP256Pkey(ByteSpan public_point, const BIGNUM* private_number) {
  ParamBuilderHandle builder(OSSL_PARAM_BLD_new());
  MustSucceed(builder != nullptr &&
                  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                                  "prime256v1", 0) == 1 &&
                  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                                   public_point.data(), public_point.size()) == 1,
              "P-256 parameters");
  int selection = EVP_PKEY_PUBLIC_KEY;
  if (private_number != nullptr) {
    selection = EVP_PKEY_KEYPAIR;
    MustSucceed(OSSL_PARAM_BLD_push_BN_pad(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, private_number,
                                           kRawKeySize) == 1,
                "P-256 parameters");
  }
  // Numbers from the secure heap stay there: the builder keeps a secure block for them.
  ParamsHandle params(OSSL_PARAM_BLD_to_param(builder.get()));
  PkeyContextHandle context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* pkey = nullptr;
  MustSucceed(params != nullptr && context != nullptr &&
                  EVP_PKEY_fromdata_init(context.get()) == 1 &&
                  EVP_PKEY_fromdata(context.get(), &pkey, selection, params.get()) == 1,
              "P-256 key");
  return PkeyHandle(pkey);
}

// What stands before the key in a SubjectPublicKeyInfo: RFC 8410, 4 (OIDs 1.3.101.110 and .112),
// and RFC 5480, 2 (prime256v1, the point uncompressed).
ByteSpan SpkiPrefix(Curve curve) {
  static constexpr uint8_t kX25519[] = {0x30, 0x2A, 0x30, 0x05, 0x06, 0x03,
                                        0x2B, 0x65, 0x6E, 0x03, 0x21, 0x00};
  static constexpr uint8_t kEd25519[] = {0x30, 0x2A, 0x30, 0x05, 0x06, 0x03,
                                         0x2B, 0x65, 0x70, 0x03, 0x21, 0x00};
  static constexpr uint8_t kP256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48,
                                      0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
                                      0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
  if (curve == Curve::kX25519) return kX25519;
  if (curve == Curve::kEd25519) return kEd25519;
  return kP256;
}

// ECDSA's DER form (SEQUENCE of two INTEGERs) from and to r||s.
Bytes FlattenSignature(ByteSpan der) {
  const uint8_t* at = der.data();
  SignatureHandle signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  Bytes out(kSignatureSize);
  constexpr int kHalf = static_cast<int>(kSignatureSize / 2);
  MustSucceed(
      signature != nullptr &&
          BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out.data(), kHalf) == kHalf &&
          BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out.data() + kHalf, kHalf) == kHalf,
      "ECDSA signature");
  return out;
}

Bytes SignatureToDer(ByteSpan flat) {
  constexpr int kHalf = static_cast<int>(kSignatureSize / 2);
  SignatureHandle signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(flat.data(), kHalf, nullptr);
  BIGNUM* s = BN_bin2bn(flat.data() + kHalf, kHalf, nullptr);
  MustSucceed(signature != nullptr && ECDSA_SIG_set0(signature.get(), r, s) == 1, "ECDSA_SIG");
  Bytes der(static_cast<size_t>(i2d_ECDSA_SIG(signature.get(), nullptr)));
  uint8_t* at = der.data();
  i2d_ECDSA_SIG(signature.get(), &at);
  return der;
}

bool VerifyEd25519(EVP_PKEY* pkey, ByteSpan message, ByteSpan signature) {
  DigestContextHandle context(EVP_MD_CTX_new());
  MustSucceed(context != nullptr, "EVP_MD_CTX_new");
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

bool VerifyEs256(EVP_PKEY* pkey, ByteSpan message, ByteSpan signature) {
  const Sha256Digest digest = Sha256(message);
  const Bytes der = SignatureToDer(signature);
  PkeyContextHandle context(EVP_PKEY_CTX_new(pkey, nullptr));
  MustSucceed(context != nullptr, "EVP_PKEY_CTX_new");
  return EVP_PKEY_verify_init(context.get()) == 1 &&
         EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()) == 1;
}

Bytes SignEd25519(EVP_PKEY* pkey, ByteSpan message) {
  DigestContextHandle context(EVP_MD_CTX_new());
  Bytes out(kSignatureSize);
  size_t size = out.size();
  MustSucceed(
      context != nullptr &&
          EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey) == 1 &&
          EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1 &&
          size == kSignatureSize,
      "Ed25519 signature");
  return out;
}

Bytes SignEs256(EVP_PKEY* pkey, ByteSpan message) {
  const Sha256Digest digest = Sha256(message);
  PkeyContextHandle context(EVP_PKEY_CTX_new(pkey, nullptr));
  uint8_t der[80];
  size_t size = sizeof(der);
  MustSucceed(context != nullptr && EVP_PKEY_sign_init(context.get()) == 1 &&
                  EVP_PKEY_sign(context.get(), der, &size, digest.data(), digest.size()) == 1,
              "ECDSA signature");
  return FlattenSignature({der, size});
}

PkeyHandle MakePrivateRaw(Curve curve, ByteSpan raw) {
  PkeyHandle pkey(EVP_PKEY_new_raw_private_key(RawKeyType(curve), nullptr, raw.data(), raw.size()));
  MustSucceed(pkey != nullptr, "private key");
  return pkey;
}

PkeyContextHandle NewAgreement(EVP_PKEY* own) {
  PkeyContextHandle context(EVP_PKEY_CTX_new(own, nullptr));
  MustSucceed(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1,
              "EVP_PKEY_derive_init");
  return context;
}

// The peer as OpenSSL's object. X25519 takes any 32 bytes, and gets them in an object that is there
// already, `kept`: a key is agreed on with a peer once, and a new object costs 2.5 us.
EVP_PKEY* PeerPkey(const PublicKey::Impl& peer, PkeyHandle& kept) {
  if (peer.curve != Curve::kX25519) return peer.Pkey();
  if (kept == nullptr) {
    kept.reset(EVP_PKEY_new_raw_public_key(RawKeyType(peer.curve), nullptr, peer.bytes.data(),
                                           peer.bytes.size()));
    MustSucceed(kept != nullptr, "public key");
  } else {
    MustSucceed(
        EVP_PKEY_set1_encoded_public_key(kept.get(), peer.bytes.data(), peer.bytes.size()) == 1,
        "public key");
  }
  return kept.get();
}

Bytes PublicBytesOf(EVP_PKEY* pkey) {
  Bytes out(kRawKeySize);
  size_t size = out.size();
  MustSucceed(EVP_PKEY_get_raw_public_key(pkey, out.data(), &size) == 1 && size == kRawKeySize,
              "public key");
  return out;
}

Bytes P256PublicBytes(const BIGNUM* number) {
  BignumContextHandle context = p256::NewContext();
  PointHandle point = p256::NewPoint();
  MustSucceed(
      EC_POINT_mul(p256::Group(), point.get(), number, nullptr, nullptr, context.get()) == 1,
      "P-256 public key");
  return p256::EncodePoint(point.get(), POINT_CONVERSION_UNCOMPRESSED);
}

}  // namespace

EVP_PKEY* PublicKey::Impl::Pkey() const {
  std::call_once(made_, [this] {
    if (curve == Curve::kP256) {
      pkey_ = MakeP256Pkey(bytes, nullptr);
    } else {
      pkey_.reset(
          EVP_PKEY_new_raw_public_key(RawKeyType(curve), nullptr, bytes.data(), bytes.size()));
    }
    MustSucceed(pkey_ != nullptr, "public key");
  });
  return pkey_.get();
}

Result<PublicKey> PublicKey::FromBytes(Curve curve, ByteSpan encoded) {
  auto impl = std::make_shared<Impl>();
  impl->curve = curve;
  if (curve == Curve::kP256) {
    PointHandle point = p256::DecodePoint(encoded);
    if (point == nullptr) return Fail(ErrorCode::kInvalid, "not a point of P-256");
    impl->bytes = p256::EncodePoint(point.get(), POINT_CONVERSION_UNCOMPRESSED);
    return PublicKey(std::move(impl));
  }
  if (encoded.size() != kRawKeySize) {
    return Fail(ErrorCode::kInvalid, "a public key of this curve has 32 bytes");
  }
  impl->bytes = ToBytes(encoded);
  return PublicKey(std::move(impl));
}

Curve PublicKey::curve() const { return impl_->curve; }

const Bytes& PublicKey::bytes() const { return impl_->bytes; }

Bytes PublicKey::CompressedBytes() const {
  if (impl_->curve != Curve::kP256) return impl_->bytes;
  Bytes out(impl_->bytes.begin(), impl_->bytes.begin() + p256::kCompressedSize);
  out[0] = static_cast<uint8_t>(0x02 | (impl_->bytes.back() & 1));
  return out;
}

Bytes PublicKey::SubjectPublicKeyInfo() const {
  Bytes out = ToBytes(SpkiPrefix(impl_->curve));
  Append(out, impl_->bytes);
  return out;
}

bool PublicKey::operator==(const PublicKey& other) const {
  return impl_->curve == other.impl_->curve && impl_->bytes == other.impl_->bytes;
}

bool PublicKey::Verify(ByteSpan message, ByteSpan signature) const {
  if (impl_->curve == Curve::kX25519 || signature.size() != kSignatureSize) return false;
  const bool ok = impl_->curve == Curve::kP256 ? VerifyEs256(impl_->Pkey(), message, signature)
                                               : VerifyEd25519(impl_->Pkey(), message, signature);
  if (!ok) ERR_clear_error();
  return ok;
}

PrivateKey PrivateKey::Generate(Curve curve) {
  for (;;) {
    const Secret raw = Secret::Random(kRawKeySize);
    Result<PrivateKey> key = FromBytes(curve, raw.Reveal());
    if (key) return std::move(*key);  // 2^-32 of the 256-bit numbers are none of P-256
  }
}

Result<PrivateKey> PrivateKey::FromBytes(Curve curve, ByteSpan raw) {
  if (raw.size() != kRawKeySize) {
    return Fail(ErrorCode::kInvalid, "a private key has 32 bytes");
  }
  PkeyHandle pkey;
  Bytes public_bytes;
  if (curve == Curve::kP256) {
    const BignumHandle number = p256::SecretFrom(raw);
    if (BN_is_zero(number.get()) || BN_cmp(number.get(), p256::Order()) >= 0) {
      return Fail(ErrorCode::kInvalid, "a private key of P-256 lies in [1, n-1]");
    }
    public_bytes = P256PublicBytes(number.get());
    pkey = MakeP256Pkey(public_bytes, number.get());
  } else {
    pkey = MakePrivateRaw(curve, raw);
    public_bytes = PublicBytesOf(pkey.get());
  }
  RECRYPT_ASSIGN(PublicKey public_key, PublicKey::FromBytes(curve, public_bytes));
  return PrivateKey(
      std::make_shared<Impl>(Secret::CopyOf(raw), std::move(pkey), std::move(public_key)));
}

Curve PrivateKey::curve() const { return impl_->public_key.curve(); }

const PublicKey& PrivateKey::public_key() const { return impl_->public_key; }

Secret PrivateKey::RevealBytes() const { return impl_->raw.Clone(); }

Result<Secret> PrivateKey::Agree(const PublicKey& peer) const {
  if (curve() == Curve::kEd25519 || peer.curve() != curve()) {
    return Fail(ErrorCode::kInvalid, "key agreement needs two keys of one curve for agreement");
  }
  std::unique_lock kept(impl_->agreement_mutex, std::try_to_lock);
  Impl::Agreement own;
  Impl::Agreement& agreement = kept ? impl_->agreement : own;
  if (agreement.context == nullptr) agreement.context = NewAgreement(impl_->pkey.get());
  Secret out(kRawKeySize);
  size_t size = out.size();
  // The peer was validated when it was made. X25519 in OpenSSL refuses a result of zero.
  if (EVP_PKEY_derive_set_peer_ex(agreement.context.get(), PeerPkey(peer.impl(), agreement.peer),
                                  0) != 1 ||
      EVP_PKEY_derive(agreement.context.get(), out.RevealMutable().data(), &size) != 1 ||
      size != kRawKeySize) {
    ERR_clear_error();
    return Fail(ErrorCode::kInvalid, "key agreement refused: the peer's point has a small order");
  }
  return out;
}

Result<Bytes> PrivateKey::Sign(ByteSpan message) const {
  switch (curve()) {
    case Curve::kEd25519:
      return SignEd25519(impl_->pkey.get(), message);
    case Curve::kP256:
      return SignEs256(impl_->pkey.get(), message);
    case Curve::kX25519:
      break;
  }
  return Fail(ErrorCode::kInvalid, "X25519 keys do not sign");
}

}  // namespace recrypt
