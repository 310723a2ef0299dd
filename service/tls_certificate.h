// A certificate that the service makes for itself, for loopback and trials.
//
//   RECRYPT_ASSIGN(TlsFiles files, LoadOrCreateSelfSigned(state, "example.com", clock));
#ifndef RECRYPT_SERVICE_TLS_CERTIFICATE_H_
#define RECRYPT_SERVICE_TLS_CERTIFICATE_H_

#include <string>

#include "core/base/clock.h"

namespace recrypt {

struct TlsFiles {
  std::string certificate;  // PEM, the chain
  std::string key;          // PEM
};

// `state`/tls.crt and tls.key (mode 0600): P-256, valid for two years, for the domain, localhost
// and the loopback addresses. Clients trust tls.crt as a CA file. Made anew when it has less than
// 30 days left, or is absent, or is for another domain.
Result<TlsFiles> LoadOrCreateSelfSigned(const std::string& state, const std::string& domain,
                                        const Clock& clock);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_TLS_CERTIFICATE_H_
