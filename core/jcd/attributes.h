// Sealed attributes: the extended attributes of a document, encrypted as one and kept beside the
// stored file, whose trailer names them by their digest (docs/FORMAT.md, 10).
//
//   RECRYPT_ASSIGN(Bytes sealed, SealAttributes({{"comment", value}}, keys));
//   fields.attributes = Sha256(sealed);
//
//   RECRYPT_ASSIGN(Attributes attributes, OpenAttributes(sealed, keys));
//
// Thread safe.
#ifndef RECRYPT_CORE_JCD_ATTRIBUTES_H_
#define RECRYPT_CORE_JCD_ATTRIBUTES_H_

#include <map>
#include <string>

#include "core/jcd/data_keys.h"

namespace recrypt {

// Values by name. A name has 1 to 250 bytes, none of them zero.
using Attributes = std::map<std::string, Bytes>;
constexpr size_t kMaxAttributeName = 250;
constexpr size_t kMaxSealedAttributes = size_t{64} << 10;

// The extended attributes of the stored file in which sealed ones are kept, and that of those with
// this digest (docs/FORMAT.md, 10).
inline constexpr std::string_view kSealedAttributesPrefix = "user.jcd.sealed.";
std::string SealedAttributesName(const Sha256Digest& digest);

// The bytes of the sealed form.
size_t SealedAttributesSize(const Attributes& attributes);
// Seals under the newest data key. kInvalid when there are none, when a name is not one, or when
// the sealed form would be larger than kMaxSealedAttributes.
Result<Bytes> SealAttributes(const Attributes& attributes, const DataKeys& keys);
// kCorrupt when the bytes are another document's, altered, under an unknown data key, or not in the
// form that SealAttributes makes. It is the caller who compares their digest with the trailer's.
Result<Attributes> OpenAttributes(ByteSpan sealed, const DataKeys& keys);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_ATTRIBUTES_H_
