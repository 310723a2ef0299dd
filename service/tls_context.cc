#include "service/tls_context.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <time.h>

namespace recrypt {
namespace {

int64_t ExpiryOf(SSL_CTX* context) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  std::tm when{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1) {
    return 0;
  }
  return timegm(&when);
}

}  // namespace

Result<TlsContext> LoadTlsContext(const TlsFiles& files) {
  using Context = boost::asio::ssl::context;
  boost::system::error_code error;
  TlsContext tls{std::make_shared<Context>(Context::tls_server), 0};
  SSL_CTX* raw = tls.context->native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);  // for idle connections
  SSL_CTX_set_num_tickets(raw, 1);
  tls.context->use_certificate_chain_file(files.certificate, error);
  if (error) {
    return Fail(ErrorCode::kInvalid,
                "the certificate " + files.certificate + ": " + error.message());
  }
  tls.context->use_private_key_file(files.key, Context::pem, error);
  if (error) {
    return Fail(ErrorCode::kInvalid, "the certificate's key " + files.key + ": " + error.message());
  }
  tls.expires = ExpiryOf(raw);
  return tls;
}

}  // namespace recrypt
