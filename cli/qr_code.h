// A QR code (ISO/IEC 18004) of a short text, for a terminal: two rows of it in each line.
//
//   out.Line(*QrCode("K6KO-34EJ-N3N7-JVBL"));
//
// Thread safe.
#ifndef RECRYPT_CLI_QR_CODE_H_
#define RECRYPT_CLI_QR_CODE_H_

#include <string>

#include "core/base/result.h"

namespace recrypt {

// Lines of UTF-8, each painted black on white whatever the terminal's colours are, with the quiet
// zone around. kInvalid for a text that fits into none, or is empty.
Result<std::string> QrCode(const std::string& text);

}  // namespace recrypt

#endif  // RECRYPT_CLI_QR_CODE_H_
