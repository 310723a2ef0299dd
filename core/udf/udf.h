// UDF: uniform data fingerprints, such as MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF (draft-hallambaker-
// mesh-udf, 2019 and later).
//
//   std::string fingerprint = KeyUdf(key);      // what people compare
//
// Thread safe.
#ifndef RECRYPT_CORE_UDF_UDF_H_
#define RECRYPT_CORE_UDF_UDF_H_

#include <string>
#include <string_view>

#include "core/crypto/keys.h"

namespace recrypt {

// SHA-2-512 content digest of 140 bits (`bits` a multiple of 20, 100 to 440), in groups of four;
// compressed types 97 to 100 when the digest ends in zero bits.
std::string ContentUdf(std::string_view content_type, ByteSpan data, int bits = 140);

// SHA-3-512 variant, first letter K.
std::string ContentUdfSha3(std::string_view content_type, ByteSpan data, int bits = 140);

// The fingerprint of a public key: content type application/pkix-keyinfo over its
// SubjectPublicKeyInfo.
std::string KeyUdf(const PublicKey& key);

// Upper case, groups of four; kInvalid when the text is no UDF of a kind that is known here.
// Accepts lower case and any placement of dashes.
Result<std::string> NormalizeUdf(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CORE_UDF_UDF_H_
