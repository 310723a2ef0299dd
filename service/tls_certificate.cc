#include "service/tls_certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "core/crypto/symmetric.h"
#include "service/state_files.h"

namespace recrypt {
namespace {

constexpr int64_t kLifeSeconds = int64_t{2} * 365 * 86400;
constexpr int64_t kRenewSeconds = int64_t{30} * 86400;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using CertificateHandle = std::unique_ptr<X509, Deleter<X509_free>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using BioHandle = std::unique_ptr<BIO, Deleter<BIO_free>>;
using ExtensionHandle = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

tl::unexpected<Error> FailTls(const std::string& doing) {
  return Fail(ErrorCode::kIo, doing + ": OpenSSL refused");
}

Status AddExtension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const ExtensionHandle extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return FailTls("an extension of the certificate");
  }
  return {};
}

Status SetName(X509* certificate, const std::string& domain) {
  X509_NAME* name = X509_get_subject_name(certificate);
  // A common name has at most 64 bytes; what counts are the alternative names.
  const std::string text = domain.substr(0, 64);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, bytes, static_cast<int>(text.size()), -1,
                                 0) != 1 ||
      X509_set_issuer_name(certificate, name) != 1) {
    return FailTls("naming the certificate");
  }
  return {};
}

Result<CertificateHandle> MakeCertificate(EVP_PKEY* key, const std::string& domain, int64_t now) {
  CertificateHandle certificate(X509_new());
  ByteArray<16> serial{};
  RandomBytes(serial);
  serial[0] &= 0x7F;
  X509* raw = certificate.get();
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(
      BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  // An hour back, for clocks that differ.
  if (!raw || !number || X509_set_version(raw, X509_VERSION_3) != 1 ||
      !BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(raw)) ||
      !ASN1_TIME_set(X509_getm_notBefore(raw), now - 3600) ||
      !ASN1_TIME_set(X509_getm_notAfter(raw), now + kLifeSeconds) ||
      X509_set_pubkey(raw, key) != 1) {
    return FailTls("making the certificate");
  }
  RECRYPT_TRY(SetName(raw, domain));
  RECRYPT_TRY(AddExtension(raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  RECRYPT_TRY(AddExtension(raw, NID_key_usage, "critical,digitalSignature,keyCertSign"));
  RECRYPT_TRY(AddExtension(raw, NID_ext_key_usage, "serverAuth"));
  RECRYPT_TRY(AddExtension(raw, NID_subject_key_identifier, "hash"));
  RECRYPT_TRY(AddExtension(raw, NID_subject_alt_name,
                           "DNS:" + domain + ",DNS:localhost,IP:127.0.0.1,IP:::1"));
  if (X509_sign(raw, key, EVP_sha256()) == 0) return FailTls("signing the certificate");
  return certificate;
}

template <typename Write>
Result<Secret> ToPem(const Write& write) {
  const BioHandle bio(BIO_new(BIO_s_secmem()));
  if (!bio || write(bio.get()) != 1) return FailTls("writing PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return Secret::CopyOf(AsBytes({data, static_cast<size_t>(size)}));
}

Status Create(const TlsFiles& files, const std::string& domain, int64_t now) {
  const KeyHandle key(EVP_EC_gen("prime256v1"));
  if (!key) return FailTls("making a key");
  RECRYPT_ASSIGN(const CertificateHandle certificate, MakeCertificate(key.get(), domain, now));
  RECRYPT_ASSIGN(const Secret key_pem, ToPem([&](BIO* bio) {
                   return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr,
                                                   nullptr);
                 }));
  RECRYPT_ASSIGN(const Secret certificate_pem,
                 ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }));
  // The certificate last: it stands for both.
  RECRYPT_TRY(WriteStateFile(files.key, key_pem.Reveal(), 0600));
  return WriteStateFile(files.certificate, certificate_pem.Reveal(), 0644);
}

bool IsUsable(const Secret& pem, const std::string& domain, int64_t now) {
  const ByteSpan bytes = pem.Reveal();
  const BioHandle bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  const CertificateHandle certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return false;
  time_t renew = now + kRenewSeconds;
  return X509_cmp_time(X509_get0_notAfter(certificate.get()), &renew) > 0 &&
         X509_check_host(certificate.get(), domain.data(), domain.size(), 0, nullptr) == 1;
}

}  // namespace

Result<TlsFiles> LoadOrCreateSelfSigned(const std::string& state, const std::string& domain,
                                        const Clock& clock) {
  TlsFiles files{state + "/tls.crt", state + "/tls.key"};
  const int64_t now = clock.NowSeconds();
  const auto certificate = ReadStateFile(files.certificate);
  const auto key = ReadSecretStateFile(files.key);
  if (!key && key.error().code != ErrorCode::kNotFound) return Fail(key.error());
  if (certificate && key && IsUsable(*certificate, domain, now)) return files;
  RECRYPT_TRY(Create(files, domain, now));
  return files;
}

}  // namespace recrypt
