// Is a byte string UTF-8 (RFC 3629)? Overlong forms, surrogates and values above U+10FFFF are not.
//
//   if (!IsUtf8(text)) return Fail(...);
//
// Thread safe.
#ifndef RECRYPT_CORE_JSON_UTF8_H_
#define RECRYPT_CORE_JSON_UTF8_H_

#include <string_view>

namespace recrypt {

bool IsUtf8(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JSON_UTF8_H_
