// TlsContext: what the service's TLS connections are made from: TLS 1.3, a certificate and its key.
//
//   RECRYPT_ASSIGN(const TlsContext tls, LoadTlsContext(files));
//   Stream stream(std::move(socket), *tls.context);
//
// A connection keeps what it needs of the context that it was made from, so that another one can
// take its place at any time. Thread safe.
#ifndef RECRYPT_SERVICE_TLS_CONTEXT_H_
#define RECRYPT_SERVICE_TLS_CONTEXT_H_

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "service/tls_certificate.h"

namespace recrypt {

struct TlsContext {
  std::shared_ptr<boost::asio::ssl::context> context;
  int64_t expires = 0;  // the certificate, in seconds since 1970
};

// kInvalid, naming the file, for one that cannot be read or does not fit the other.
Result<TlsContext> LoadTlsContext(const TlsFiles& files);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_TLS_CONTEXT_H_
