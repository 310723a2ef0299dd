// Makers of signed objects for the tests of this folder.
#ifndef RECRYPT_TESTS_UNIT_CORE_IDENTITY_SIGNED_OBJECTS_H_
#define RECRYPT_TESTS_UNIT_CORE_IDENTITY_SIGNED_OBJECTS_H_

#include <functional>
#include <string>

#include "core/identity/profile.h"
#include "core/jose/jws.h"

namespace recrypt {

inline LabelName Label(const std::string& text) { return LabelName::Parse(text).value(); }
inline AccountName Account(const std::string& text) { return AccountName::Parse(text).value(); }
inline LabelExpression Expression(const std::string& text) {
  return LabelExpression::Parse(text).value();
}
inline ObjectVersion Version(uint64_t number) { return {number, 1767225600, 1798761600}; }

// Changes the payload of a signed object and signs it again with `key`.
inline Json Resigned(const Json& jws, const PrivateKey& key,
                     const std::function<void(Json&)>& change) {
  Json payload = ParseJson(PeekJws(jws).value().payload).value();
  change(payload);
  return SignJws(key, DumpJson(payload));
}

// Flips a bit of the first byte of the signature.
inline Json WithWrongSignature(Json jws) {
  std::string& signature = jws["signature"].get_ref<std::string&>();
  signature[0] = signature[0] == 'A' ? 'B' : 'A';
  return jws;
}

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_CORE_IDENTITY_SIGNED_OBJECTS_H_
