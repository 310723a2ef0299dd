// A JWE's serializations (RFC 7516, 7) taken apart, before anything is made of its headers. For
// core/jose only.
#ifndef RECRYPT_CORE_JOSE_JWE_ENVELOPE_H_
#define RECRYPT_CORE_JOSE_JWE_ENVELOPE_H_

#include <string>
#include <vector>

#include "core/json/json.h"

namespace recrypt {

struct JweEnvelope {
  struct Recipient {
    Json header = Json::object();
    Bytes encrypted_key;
  };

  std::string protected_b64;
  Json protected_header = Json::object();
  Json shared_header = Json::object();
  std::vector<Recipient> recipients;  // 1 to kMaxJweRecipients
  Bytes aad;                          // empty when absent
  Bytes iv;
  Bytes ciphertext;
  Bytes tag;

  // All header members that count for a recipient. kInvalid for one that stands in two places, and
  // for `crit` and `zip`.
  Result<Json> JoinedHeader(const Recipient& recipient) const;
};

// General and flattened JSON serialization; unknown members beside the known ones are ignored.
Result<JweEnvelope> ReadJweObject(const Json& jwe);
Result<JweEnvelope> ReadCompactJwe(std::string_view compact);

// The AEAD's associated data: protected [ "." BASE64URL(aad) ] (RFC 7516, 5.1, step 14).
std::string JweAssociatedData(std::string_view protected_b64, ByteSpan aad);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JOSE_JWE_ENVELOPE_H_
