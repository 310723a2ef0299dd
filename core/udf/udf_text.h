// How UDFs are written: base32 characters in groups of four, which people read and type.
//
//   RECRYPT_ASSIGN(std::string characters, UdfCharacters("mddk-7n6a"));  // "MDDK7N6A"
//   std::string text = GroupUdf(characters);                             // "MDDK-7N6A"
//
// Thread safe.
#ifndef RECRYPT_CORE_UDF_UDF_TEXT_H_
#define RECRYPT_CORE_UDF_UDF_TEXT_H_

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace recrypt {

// With a dash between each four characters.
std::string GroupUdf(std::string_view characters);

// The characters alone, in upper case; kInvalid for one that is no base32 (letters, 2 to 7).
Result<std::string> UdfCharacters(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CORE_UDF_UDF_TEXT_H_
